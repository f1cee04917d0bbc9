"""reports/claims.md: every claim of the paper that a question tests, with its finding."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

from titn.reporting.comparisons.claims import (
    AGREES,
    DISAGREES,
    DIVERGED,
    FINDINGS,
    NOT_COMPARABLE,
    NOT_RUN,
    ClaimResult,
    claims_of,
)
from titn.reporting.markdown import escape, fold, link, table
from titn.reporting.pages import Page, SettingSummary
from titn.reporting.sections.claims import count_text, finding_text

CLAIM_COLUMNS = [
    "page", "claim", "source", "dataset", "printed", "ours", "low", "high", "setting", "num_seeds",
    "protocol", "finding", "reason", "conditional_on_one_teacher", "bounds_changed",
]  # fmt: skip


def claims_page(pages: Sequence[Page]) -> str:
    """Claims about rows that were tested in a table, all others in folds."""
    about_rows = [line for page in pages for line in _lines(page, 2)]
    printed = [line for page in pages for line in _lines(page, 1)]
    apart = {
        NOT_COMPARABLE: "Claims about rows that were trained on other data or classes",
        NOT_RUN: "Claims about rows that have no record",
    }
    parts = [
        "# The paper's claims",
        "Each claim of the paper, and what our runs say about it. A finding holds for the protocol "
        "that we ran; the question's page compares that with the paper's. "
        "[claims.csv](claims.csv)",
        f"{count_findings(pages)}.",
        _table([line for line in about_rows if line.finding not in apart]),
    ]
    for finding, title in apart.items():
        lines = [line for line in about_rows if line.finding == finding]
        if lines:
            parts.append(fold(f"{title} ({len(lines)})", [_table(lines)]))
    parts.append(fold("The numbers that the paper prints, one by one", [_table(printed)]))
    return "\n\n".join(parts) + "\n"


def count_findings(pages: Sequence[Page]) -> str:
    """How many claims have which finding; a claim counts in each setting that tested it."""
    findings = Counter(
        result.finding for page in pages for setting in page.settings for result in setting.results
    )
    waiting = (claims_of(page.question) for page in pages if page.question and not page.settings)
    findings[NOT_RUN] += sum(map(len, waiting))
    # That something diverged is named only where it did.
    listed = [finding for finding in FINDINGS if findings[finding] or finding != DIVERGED]
    return ", ".join(count_text(findings[finding], finding) for finding in listed)


class _Line(NamedTuple):
    """A line of a table, and the finding that sorts it."""

    finding: str
    cells: list[str]


def _table(lines: Sequence[_Line]) -> str:
    if not lines:
        return "None."
    columns = ["claim", "source", "tested on", "finding", "page"]
    return table(columns, [line.cells for line in lines], left=5)


def _lines(page: Page, num_rows: int) -> Iterator[_Line]:
    """A line for each claim about so many rows, in each setting that tested it."""
    if page.question is None:
        return
    to_page = link(escape(page.title), page.path)
    if not page.settings:
        for claim in claims_of(page.question):
            if len(claim.rows) == num_rows:
                cells = [escape(claim.says), escape(claim.source), "–", NOT_RUN, to_page]
                yield _Line(NOT_RUN, cells)
    for setting in page.settings:
        for result in setting.results:
            if len(result.claim.rows) == num_rows:
                claim, is_run = result.claim, result.finding != NOT_RUN
                tested_on = escape(setting.heading) if is_run else "–"
                said = [escape(claim.says), escape(claim.source), tested_on]
                yield _Line(result.finding, [*said, _finding(result, setting), to_page])


def _finding(result: ClaimResult, setting: SettingSummary) -> str:
    text = finding_text(result)
    if result.finding not in (AGREES, DISAGREES):
        return text
    remarks = ["of one teacher"] if result.is_conditional else []
    if setting.evidence.setting.revised:
        remarks.append("bounds changed after the first asking")
    return text + (f" ({', '.join(remarks)})" if remarks else "")


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
        "reason": result.reason, "conditional_on_one_teacher": result.is_conditional,
        "bounds_changed": setting.evidence.setting.revised,
    }  # fmt: skip
