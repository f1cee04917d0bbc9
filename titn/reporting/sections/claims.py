"""What the paper says beside what was found."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import compress
from operator import not_
from typing import Any

import pandas as pd

from titn.paper.departures import in_one_line
from titn.paper.printed import COUNTED_WITH, table_title
from titn.records.question import Claim
from titn.reporting.comparisons.claims import (
    AGREES,
    DISAGREES,
    FINDINGS,
    NOT_COMPARABLE,
    NOT_RUN,
    SIZE_METRICS,
    ClaimResult,
)
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.formats import bounds, fixed_point, interval_text
from titn.reporting.latencies import TIMING_METRICS
from titn.reporting.markdown import escape, fold, table
from titn.reporting.output_files import OutputFiles
from titn.system.text import counted, percent, points

# Of what is counted and timed, which are no fractions.
UNITS = {
    "latency_ms": "ms", "images_per_sec_inference": "images/s", "parameters_m": "M",
    "gflops_batch1024": "G",
}  # fmt: skip
TIMED = (
    "Times are compared round by round: the median of the differences, with its interval by the "
    "sign test. "
)
NO_FRACTIONS = ("epochs_to_reach", "nll", "train.nll", "parameters", "macs", "macs_paper")


def claims_section(
    results: Sequence[ClaimResult], evidence: Evidence, files: OutputFiles
) -> list[str]:
    """What was claimed beside what we found, in a fold that counts the findings."""
    if not results:
        return []
    is_of_paper = evidence.is_of_paper
    protocols = list(dict.fromkeys(tuple(result.protocol) for result in results if result.protocol))
    link = files.save_csv("claims", pd.DataFrame([_record(result) for result in results]))
    is_marked = any(result.is_conditional and result.interval for result in results)
    text = (
        f"The bounds of the sweep's file were {_when_set(evidence)}. A claim agrees if the "
        "interval lies wholly within them, disagrees if wholly outside; otherwise it is undecided. "
        "The interval of top-1 covers other seeds and other images, that of other metrics other "
        "seeds alone. "
        f"{TIMED if any(result.claim.metric in TIMING_METRICS for result in results) else ''}"
        f"{'† Conditional on one trained teacher. ' if is_marked else ''}{link}"
    )
    is_level = [is_of_paper and _is_printed_number(result.claim) for result in results]
    levels = [*compress(results, is_level)]
    about_rows = [*compress(results, map(not_, is_level))]
    parts = [_table(about_rows, protocols, is_of_paper)] if about_rows else []
    if levels:
        parts.append(fold("The printed numbers, one by one", _levels(levels, protocols)))
    counts = Counter(result.finding for result in results)
    listed = ", ".join(count_text(counts[one], one) for one in FINDINGS if counts[one])
    whose = "The paper's claims" if is_of_paper else "Claims"
    return [fold(f"{whose}: {listed}", [*parts, *_listed(protocols), text])]


def _when_set(evidence: Evidence) -> str:
    """When the bounds were set, as far as the plan tells."""
    if evidence.setting.revised:
        return "changed after the first asking"
    if evidence.older:
        return f"fixed at the first asking, before which {evidence.older} had begun"
    known = evidence.setting.first_asked
    return "fixed before the first cell was run" if known else "not changed since the first asking"


def count_text(number: int, finding: str) -> str:
    """How many claims have a finding: 1 agrees, 2 agree, 2 undecided."""
    is_verb = finding in (AGREES, DISAGREES)
    return f"{number} {finding.removesuffix('s') if is_verb and number != 1 else finding}"


def _is_printed_number(claim: Claim) -> bool:
    """Whether it is a number of a printed table, of one row."""
    return len(claim.rows) == 1 and claim.source.startswith(("table", "figure"))


def _levels(results: Sequence[ClaimResult], protocols: list[tuple[str, ...]]) -> list[str]:
    """A table of the printed numbers that ours may stand beside, and how many others there are."""
    comparable = [result for result in results if result.finding != NOT_COMPARABLE]
    others = [result for result in results if result.finding == NOT_COMPARABLE]
    reasons = escape("; ".join(dict.fromkeys(result.reason for result in others)))
    said = f"Not comparable: {counted(len(others), 'other number')} of the table ({reasons})."
    return [
        *([_table(comparable, protocols, is_of_paper=True)] if comparable else []),
        *_heads(comparable),
        *([said if comparable else said.replace(" other", "")] if others else []),
    ]


def _heads(results: Sequence[ClaimResult]) -> list[str]:
    """Whose sizes the paper counts with other classes than its data set has."""
    sizes = [one.claim for one in results if one.claim.metric in SIZE_METRICS]
    found = {
        f"The paper counts {row} with {classes} classes, and so do we."
        for (name, row), classes in COUNTED_WITH.items()
        if any(row in claim.rows and claim.source == table_title(name) for claim in sizes)
    }
    return sorted(found)


def _table(
    results: Sequence[ClaimResult], protocols: list[tuple[str, ...]], is_of_paper: bool
) -> str:
    """is_of_paper: only then there is a protocol to follow."""
    columns = ["claim", "printed", "ours", "95%", "agrees within", "protocol", "finding"]
    lines = [_line(result, protocols) for result in results]
    kept = [i for i, name in enumerate(columns) if is_of_paper or name != "protocol"]
    return table([columns[i] for i in kept], [[line[i] for i in kept] for line in lines], left=1)


def _listed(protocols: Sequence[tuple[str, ...]]) -> list[str]:
    """What the letters of the tables stand for."""
    lines = [
        f"- Protocol {letter(i)}: {escape(in_one_line(protocol))}."
        for i, protocol in enumerate(protocols)
    ]
    return ["\n".join(lines)] if lines else []


def _line(result: ClaimResult, protocols: list[tuple[str, ...]]) -> list[str]:
    claim, interval = result.claim, result.interval
    shown = _format_of(claim)
    # What is not comparable does not stand beside the print.
    is_shown = result.finding != NOT_COMPARABLE
    # What is counted has no interval.
    is_sampled = is_shown and claim.metric not in SIZE_METRICS
    return [
        f"{escape(claim.says)} ({escape(claim.source)})",
        _with_unit(claim.printed, claim),
        _with_unit(result.estimate, claim) if is_shown else "–",
        ("–" if interval is None or not is_sampled else interval_text(interval, shown))
        + (" †" if result.is_conditional and interval and is_shown else ""),
        _allowed(claim.between, shown),
        _protocol(result, protocols) if is_shown else "–",
        finding_text(result),
    ]


def finding_text(result: ClaimResult) -> str:
    """The finding, with the reason where it is no answer; markdown."""
    if result.finding in (AGREES, DISAGREES):
        return f"**{result.finding}**"
    return result.finding + (f": {escape(result.reason)}" if result.reason else "")


def _format_of(claim: Claim) -> Callable[[float | None], str]:
    """How a claim's numbers are written: in percent, in points, or as they are."""
    if claim.metric in (*SIZE_METRICS, *TIMING_METRICS, *NO_FRACTIONS):
        return fixed_point
    return points if len(claim.rows) > 1 else percent


def _with_unit(value: float | None, claim: Claim) -> str:
    """A claim's number; the name of a printed one has its unit."""
    text = _format_of(claim)(value)
    unit = UNITS.get(claim.metric)
    return text if value is None or unit is None or _is_printed_number(claim) else f"{text} {unit}"


def _record(result: ClaimResult) -> dict[str, Any]:
    """A line of the CSV."""
    claim = result.claim
    return {
        "claim": claim.says, "source": claim.source, "dataset": claim.dataset,
        "metric": claim.metric, "rows": " - ".join(claim.rows), "printed": claim.printed,
        "ours": result.estimate, **bounds("interval", result.interval),
        "least": claim.between[0], "most": claim.between[1],
        "protocol": protocol_text(result),
        "finding": result.finding, "reason": result.reason,
        "num_seeds": result.num_seeds, "conditional_on_one_teacher": result.is_conditional,
    }  # fmt: skip


def protocol_text(result: ClaimResult) -> str | None:
    """Where our runs depart from the paper's protocol, for a CSV."""
    return None if result.protocol is None else "; ".join(result.protocol) or "full"


def letter(index: int) -> str:
    """A, B, ..., Z, AA, ...: what a protocol is called on its page."""
    first, last = divmod(index, 26)
    return (letter(first - 1) if first else "") + chr(ord("A") + last)


def _protocol(result: ClaimResult, protocols: list[tuple[str, ...]]) -> str:
    if result.finding == NOT_RUN:
        return "–"
    return (
        f"reduced: {letter(protocols.index(tuple(result.protocol)))}" if result.protocol else "full"
    )


def _allowed(between: tuple[float | None, float | None], shown: Any) -> str:
    low, high = between
    if low is None and high is None:
        return "–"
    if low is None or high is None:
        return f"above {shown(low)}" if low is not None else f"below {shown(high)}"
    return f"{shown(low)} to {shown(high)}"
