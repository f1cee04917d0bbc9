"""reports/claims.md: every claim of the paper that a question tests, with its finding."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

from titn.reporting.comparisons.claims import (
    AGREES,
    DISAGREES,
    FINDINGS,
    NOT_COMPARABLE,
    NOT_RUN,
    SIZE_METRICS,
    ClaimResult,
    claims_of,
    not_run,
)
from titn.reporting.latencies import TIMING_METRICS
from titn.reporting.markdown import bullets, escape, fold, link, table
from titn.reporting.pages import Page
from titn.reporting.sections.claims import count_text, finding_text, protocol_text
from titn.reporting.setting_part import SettingSummary

CLAIM_COLUMNS = [
    "page", "claim", "source", "dataset", "printed", "ours", "low", "high", "setting", "num_seeds",
    "protocol", "finding", "reason", "conditional_on_one_teacher", "bounds_set_late",
]  # fmt: skip


LATE = (
    "Bounds that were *set late* were changed after the question was first asked, or set when its "
    "cells had begun: such a finding was not predicted."
)


class _Asked(NamedTuple):
    """A claim on its question's page. setting: that tested it, None if none did."""

    page: Page
    setting: SettingSummary | None
    result: ClaimResult

    @property
    def is_printed(self) -> bool:
        """Whether it is a number that the paper gives of one row."""
        return _is_of_paper(self.page) and len(self.result.claim.rows) == 1

    @property
    def is_late(self) -> bool:
        """Whether a finding that decides rests on bounds that were set late."""
        decides = self.result.finding in (AGREES, DISAGREES)
        return decides and self.setting is not None and self.setting.evidence.is_late


def _asked(pages: Sequence[Page]) -> list[_Asked]:
    """Each claim in each setting that tested it, or once where none did.

    What was counted of one network, however it was trained, is told once.
    """
    return [asked for page in pages for asked in _asked_on(page)]


def _asked_on(page: Page) -> Iterator[_Asked]:
    tested = [
        _Asked(page, setting, result) for setting in page.settings for result in setting.results
    ]
    claims = [one.result.claim for one in tested]
    if page.question is not None and not page.settings:
        claims = claims_of(page.question)
    for claim in dict.fromkeys(claims):
        ours = [one for one in tested if one.result.claim == claim]
        run = [one for one in ours if one.result.finding != NOT_RUN]
        if not run:
            yield _Asked(page, None, not_run(claim))
        yield from _distinct(run) if claim.metric in SIZE_METRICS else run


def _distinct(asked: Sequence[_Asked]) -> Iterable[_Asked]:
    """Without those that count the same again, or could not count where others could."""
    found: dict[object, _Asked] = {}
    for one in [one for one in asked if one.result.estimate is not None] or asked:
        found.setdefault((one.result.estimate, one.result.finding), one)
    return found.values()


def claims_page(pages: Sequence[Page]) -> str:
    """Claims about rows that were tested in a table, all others in folds."""
    asked = _asked(pages)
    printed = [one for one in asked if one.is_printed]
    about_rows = [one for one in asked if not one.is_printed]
    apart = {
        NOT_COMPARABLE: "Claims about rows that were trained on other data or classes",
        NOT_RUN: "Claims about rows that have no record",
    }
    compared = "; the question's page compares that with the paper's"
    compared = compared if any(map(_is_of_paper, pages)) else ""
    parts = [
        "# The paper's claims" if are_papers(pages) else "# Claims",
        "Each claim, and what our runs say about it. A finding holds for the protocol that we ran"
        f"{compared}. [claims.csv](claims.csv)",
        *([LATE] if any(one.is_late for one in asked) else []),
        bullets(f"{line}." for line in _findings_by_kind(asked)),
        _table([one for one in about_rows if one.result.finding not in apart]),
    ]
    for finding, title in apart.items():
        found = [one for one in about_rows if one.result.finding == finding]
        if found:
            parts.append(fold(f"{title} ({len(found)})", [_table(found)]))
    if printed:
        parts.append(fold("The numbers that the paper prints, one by one", [_table(printed)]))
    return "\n\n".join(parts) + "\n"


def are_papers(pages: Sequence[Page]) -> bool:
    """Whether all claims are of questions of the paper, and none of one's own."""
    claiming = [page for page in pages if page.question and claims_of(page.question)]
    return all(map(_is_of_paper, claiming))


def _is_of_paper(page: Page) -> bool:
    return page.question is not None and page.question.is_of_paper


def count_findings(pages: Sequence[Page]) -> str:
    """How many claims of each kind have which finding, in one line."""
    return "; ".join(_findings_by_kind(_asked(pages)))


def _findings_by_kind(asked: Sequence[_Asked]) -> list[str]:
    """A line for each kind of claim: what was learned apart from what was only counted or timed."""
    kinds: dict[str, list[_Asked]] = {
        "accuracy and learning": [],
        "speed": [],
        "sizes and work": [],
    }
    for one in asked:
        metric = one.result.claim.metric
        timed = "speed" if metric in TIMING_METRICS else "accuracy and learning"
        kinds["sizes and work" if metric in SIZE_METRICS else timed].append(one)
    return [f"{kind}: {_counts(found)}" for kind, found in kinds.items() if found]


def _counts(asked: Sequence[_Asked]) -> str:
    """How many have each finding, and how many of those that decide had bounds set too late."""
    findings = Counter(one.result.finding for one in asked)
    late = Counter(one.result.finding for one in asked if one.is_late)
    # Of the rest, only what there is.
    listed = [one for one in FINDINGS if findings[one] or one in (AGREES, DISAGREES)]
    return ", ".join(
        count_text(findings[finding], finding)
        + (f" ({late[finding]} with bounds set late)" if late[finding] else "")
        for finding in listed
    )


def _table(asked: Sequence[_Asked]) -> str:
    if not asked:
        return "None."
    columns = ["claim", "source", "tested on", "finding", "page"]
    return table(columns, [_cells(*one) for one in asked], left=5)


def _cells(page: Page, setting: SettingSummary | None, result: ClaimResult) -> list[str]:
    heading = escape(setting.heading) if setting else "–"
    finding = _finding(result, setting) if setting else NOT_RUN
    said = [escape(result.claim.says), escape(result.claim.source)]
    return [*said, heading, finding, link(escape(page.title), page.path)]


def _finding(result: ClaimResult, setting: SettingSummary) -> str:
    text = finding_text(result)
    if result.finding not in (AGREES, DISAGREES):
        return text
    remarks = ["of one teacher"] if result.is_conditional else []
    if setting.evidence.is_late:
        remarks.append("bounds set late")
    return text + (f" ({', '.join(remarks)})" if remarks else "")


def claims_frame(pages: Sequence[Page]) -> pd.DataFrame:
    """claims.csv: a row for each line of the page."""
    return pd.DataFrame([_claim_record(*one) for one in _asked(pages)], columns=CLAIM_COLUMNS)


def _claim_record(
    page: Page, setting: SettingSummary | None, result: ClaimResult
) -> dict[str, Any]:
    claim, interval = result.claim, result.interval
    return {
        "page": page.name, "claim": claim.says, "source": claim.source, "dataset": claim.dataset,
        "printed": claim.printed, "ours": result.estimate,
        "low": interval.low if interval else None, "high": interval.high if interval else None,
        "setting": setting.heading if setting else None, "num_seeds": result.num_seeds,
        "protocol": protocol_text(result) if setting else None, "finding": result.finding,
        "reason": result.reason, "conditional_on_one_teacher": result.is_conditional,
        "bounds_set_late": setting.evidence.is_late if setting else None,
    }  # fmt: skip
