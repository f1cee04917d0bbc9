"""The index of all pages, with the state of every claim."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from titn.reporting.comparisons.claims import (
    AGREES,
    DISAGREES,
    DIVERGED,
    FINDINGS,
    NOT_RUN,
    ClaimResult,
    claims_of,
)
from titn.reporting.markdown import escape, link, table
from titn.reporting.pages import Page, SettingSummary, postponement
from titn.reporting.provenance import source_lines

CLAIM_COLUMNS = [
    "page", "claim", "source", "dataset", "printed", "ours", "low", "high", "setting", "num_seeds",
    "protocol", "finding", "conditional_on_one_teacher", "bounds_changed",
]  # fmt: skip

# Departures from the paper's protocol that the index names; the question's page has them all.
MAX_DEPARTURES = 3


def index_page(pages: Sequence[Page], audit: str) -> str:
    """reports/README.md. audit: its summary in a sentence."""
    run = [page for page in pages if page.settings]
    not_run = [page for page in pages if not page.settings]
    parts = [
        "# Reports",
        "Written by `python -m titn.report` from the records of runs; nothing here is edited by "
        "hand. Accuracies are of the last epoch; intervals are 95%.",
        "## Questions that were asked",
        table(["question", "on", "answer"], [line for page in run for line in _answers(page)], 3)
        if run
        else "None.",
        "## The paper, recomputed",
        f"[The audit](audit.md): {audit}",
        "## The method, beyond the paper",
        "[Which token predicts better, how far a student becomes like its teacher, what training "
        "does to it](method.md): from the records of all questions.",
        "## Claims",
        "Protocol and finding are independent: a claim may agree under a reduced protocol, which "
        "says nothing yet of the paper's. [claims.csv](claims.csv)",
        _counted(run, not_run),
        "### What is said to be above, below or sooner than what",
        _claims_table([line for page in (*run, *not_run) for line in _claims(page, 2)]),
        "### Numbers that the paper prints",
        _claims_table([line for page in (*run, *not_run) for line in _claims(page, 1)]),
        "## Rows and seeds that were put off",
        "\n".join(f"- {_link(page)}{_why_not(page)}" for page in run if page.postponed) or "None.",
        "## Questions that were not asked yet",
        "\n".join(f"- {_link(page)}{_why_not(page)}" for page in not_run) or "None.",
        "## Where the pages come from",
        *[_origin(page) for page in run],
        "[All runs](runs.md), also those that no sweep asked for.",
    ]
    return "\n\n".join(parts) + "\n"


def _link(page: Page) -> str:
    return link(escape(page.title), page.path)


def _why_not(page: Page) -> str:
    """Why a question, or which part of it, was put off, and how long it would take."""
    reasons = [postponement(note, page.question) for note in page.postponed]
    return f": {' / '.join(reasons)}" if reasons else ""


def _answers(page: Page) -> list[list[str]]:
    return [[_link(page), escape(found.heading), found.answer] for found in page.settings]


def _counted(run: Sequence[Page], not_run: Sequence[Page]) -> str:
    """How many claims have which finding; a claim counts in each setting that tested it."""
    findings = Counter(
        result.finding for page in run for setting in page.settings for result in setting.results
    )
    waiting = (claims_of(page.question) for page in not_run if page.question)
    findings[NOT_RUN] += sum(map(len, waiting))
    # That something diverged is named only where it did.
    listed = [finding for finding in FINDINGS if findings[finding] or finding != DIVERGED]
    return ", ".join(f"{finding}: {findings[finding]}" for finding in listed) + "."


def _claims_table(lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return "None."
    return table(["claim", "source", "tested on", "protocol", "finding", "page"], lines, left=6)


def _claims(page: Page, num_rows: int) -> list[list[str]]:
    """A line for each claim about so many rows, in each setting that tested it."""
    if page.question is None:
        return []
    if not page.settings:
        return [
            [escape(claim.says), escape(claim.source), "–", "–", NOT_RUN, _link(page)]
            for claim in claims_of(page.question)
            if len(claim.rows) == num_rows
        ]
    return [
        [
            escape(result.claim.says),
            escape(result.claim.source),
            "–" if result.finding == NOT_RUN else escape(setting.heading),
            _protocol(result),
            _finding(result, setting),
            _link(page),
        ]
        for setting in page.settings
        for result in setting.results
        if len(result.claim.rows) == num_rows
    ]


def _finding(result: ClaimResult, setting: SettingSummary) -> str:
    if result.finding not in (AGREES, DISAGREES):
        return result.finding
    remarks = ["of one teacher"] if result.is_conditional else []
    if setting.evidence.setting.revised:
        remarks.append("bounds changed after the first asking")
    return f"**{result.finding}**" + (f" ({', '.join(remarks)})" if remarks else "")


def _protocol(result: ClaimResult) -> str:
    if result.finding == NOT_RUN:
        return "–"
    if not result.protocol:
        return "full"
    more = len(result.protocol) - MAX_DEPARTURES
    text = escape("; ".join(result.protocol[:MAX_DEPARTURES]))
    return f"reduced: {text}{f' and {more} more' if more > 0 else ''}"


def claims_frame(pages: Sequence[Page]) -> pd.DataFrame:
    """claims.csv: a row for each claim and setting."""
    records = [
        _claim_record(page, setting, result)
        for page in pages
        for setting in page.settings
        for result in setting.results
    ]
    return pd.DataFrame(records, columns=CLAIM_COLUMNS)


def _claim_record(page: Page, setting: SettingSummary, result: ClaimResult) -> dict[str, Any]:
    claim, interval = result.claim, result.interval
    protocol = "; ".join(result.protocol) or "full"
    return {
        "page": page.name, "claim": claim.says, "source": claim.source, "dataset": claim.dataset,
        "printed": claim.printed, "ours": result.estimate,
        "low": interval.low if interval else None, "high": interval.high if interval else None,
        "setting": setting.heading, "num_seeds": result.num_seeds,
        "protocol": None if result.finding == NOT_RUN else protocol, "finding": result.finding,
        "conditional_on_one_teacher": result.is_conditional,
        "bounds_changed": setting.evidence.setting.revised,
    }  # fmt: skip


def _origin(page: Page) -> str:
    lines = [
        f"- {escape(setting.heading)}: "
        + "; ".join(source_lines(setting.evidence, setting.teachers))
        for setting in page.settings
    ]
    return "\n".join([f"**{_link(page)}**", "", *lines])
