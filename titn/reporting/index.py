"""The index of all pages, with the state of every claim."""

from collections import Counter
from collections.abc import Sequence

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
from titn.reporting.pages import Found, Page, postponement
from titn.reporting.provenance import source_lines

CLAIM_COLUMNS = [
    "page", "claim", "source", "dataset", "printed", "ours", "low", "high", "setting", "num_seeds",
    "protocol", "finding", "conditional_on_one_teacher", "bounds_changed",
]  # fmt: skip

# Departures from the paper's protocol that the index names; the question's page has them all.
MAX_DEPARTURES = 3


def index_page(pages: Sequence[Page], audit: str) -> str:
    """reports/README.md. audit: its summary in a sentence."""
    run = [page for page in pages if page.found]
    not_run = [page for page in pages if not page.found]
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
        "\n".join(f"- {_link(page)}{_why_not(page)}" for page in run if page.notes) or "None.",
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
    told = [postponement(one, page.question) for one in page.notes]
    return f": {' / '.join(told)}" if told else ""


def _answers(page: Page) -> list[list[str]]:
    return [[_link(page), escape(found.heading), found.answer] for found in page.found]


def _counted(run: Sequence[Page], not_run: Sequence[Page]) -> str:
    """How many claims have which finding; one counts in each setting that it was tested in."""
    findings = Counter(one.finding for page in run for found in page.found for one in found.judged)
    asked = (claims_of(page.question) for page in not_run if page.question)
    findings[NOT_RUN] += sum(map(len, asked))
    told = [one for one in FINDINGS if findings[one] or one != DIVERGED]
    return ", ".join(f"{one}: {findings[one]}" for one in told) + "."


def _claims_table(lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return "None."
    return table(["claim", "source", "tested on", "protocol", "finding", "page"], lines, left=6)


def _claims(page: Page, num_rows: int) -> list[list[str]]:
    """A line for each claim about so many rows, in each setting that it was tested in."""
    if page.question is None:
        return []
    if not page.found:
        return [
            [escape(one.says), escape(one.source), "–", "–", NOT_RUN, _link(page)]
            for one in claims_of(page.question)
            if len(one.rows) == num_rows
        ]
    return [
        [
            escape(one.claim.says),
            escape(one.claim.source),
            "–" if one.finding == NOT_RUN else escape(found.heading),
            _protocol(one),
            _finding(one, found),
            _link(page),
        ]
        for found in page.found
        for one in found.judged
        if len(one.claim.rows) == num_rows
    ]


def _finding(one: ClaimResult, found: Found) -> str:
    if one.finding not in (AGREES, DISAGREES):
        return one.finding
    reserves = ["of one teacher"] if one.is_conditional else []
    reserves += ["bounds changed after the first asking"] if found.evidence.setting.revised else []
    return f"**{one.finding}**" + (f" ({', '.join(reserves)})" if reserves else "")


def _protocol(one: ClaimResult) -> str:
    if one.finding == NOT_RUN:
        return "–"
    if not one.protocol:
        return "full"
    more = len(one.protocol) - MAX_DEPARTURES
    text = escape("; ".join(one.protocol[:MAX_DEPARTURES]))
    return f"reduced: {text}{f' and {more} more' if more > 0 else ''}"


def claims_frame(pages: Sequence[Page]) -> pd.DataFrame:
    """claims.csv: a row for each claim and setting."""
    return pd.DataFrame(
        [
            {"page": page.name, "claim": one.claim.says, "source": one.claim.source,
             "dataset": one.claim.dataset, "printed": one.claim.printed, "ours": one.estimate,
             "low": one.interval.low if one.interval else None,
             "high": one.interval.high if one.interval else None,
             "setting": found.heading, "num_seeds": one.num_seeds,
             "protocol": _protocol_in_csv(one), "finding": one.finding,
             "conditional_on_one_teacher": one.is_conditional,
             "bounds_changed": found.evidence.setting.revised}
            for page in pages for found in page.found for one in found.judged
        ],
        columns=CLAIM_COLUMNS,
    )  # fmt: skip


def _protocol_in_csv(one: ClaimResult) -> str | None:
    if one.finding == NOT_RUN:
        return None
    return "; ".join(one.protocol) or "full"


def _origin(page: Page) -> str:
    lines = [f"**{_link(page)}**"]
    for found in page.found:
        told = "; ".join(source_lines(found.evidence, found.teachers))
        lines.append(f"- {escape(found.heading)}: {told}")
    return "\n".join([lines[0], "", *lines[1:]])
