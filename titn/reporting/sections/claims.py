"""What the paper says beside what was found."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from titn.paper.departures import in_one_line
from titn.reporting import comparisons as co
from titn.reporting.formats import bounds, interval_in, plain
from titn.reporting.latencies import METRICS
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import Place
from titn.system.text import percent, points

# Besides what is counted and timed.
NO_FRACTIONS = ("epochs_to_reach", "nll", "train.nll", "parameters", "macs", "macs_paper")


def claims(judged: Sequence[co.Judged], revised: bool, place: Place) -> list[str]:
    """What the paper says beside what we found, with protocol and finding.

    revised: whether the bounds were changed between askings.
    """
    if not judged:
        return []
    lines, records = [], []
    protocols = list(dict.fromkeys(tuple(one.protocol) for one in judged if one.protocol))
    for one in judged:
        claim = one.claim
        shown: Callable[[float | None], str] = points if len(claim.rows) > 1 else percent
        if claim.metric in (*co.COUNTED, *METRICS, *NO_FRACTIONS):
            shown = plain
        interval = "–" if one.interval is None else interval_in(one.interval, shown)
        lines.append(
            [
                escape(claim.says),
                escape(claim.source),
                shown(claim.printed),
                shown(one.estimate),
                interval + (" †" if one.conditional and one.interval else ""),
                _allowed(claim.between, shown),
                _protocol(one, protocols),
                one.finding if one.finding == co.NOT_RUN else f"**{one.finding}**",
            ]
        )
        records.append(
            {
                "claim": claim.says, "source": claim.source, "dataset": claim.dataset,
                "metric": claim.metric, "rows": " - ".join(claim.rows), "printed": claim.printed,
                "ours": one.estimate, **bounds("interval", one.interval),
                "least": claim.between[0], "most": claim.between[1],
                "protocol": "; ".join(one.protocol) or "full", "finding": one.finding,
                "num_seeds": one.seeds, "conditional_on_one_teacher": one.conditional,
            }
        )  # fmt: skip
    link = place.written("claims", pd.DataFrame(records))
    columns = ["claim", "source", "printed", "ours", "95%", "agrees within", "protocol", "finding"]
    listed = [
        f"- Protocol {letter(i)}: {escape(in_one_line(protocol))}."
        for i, protocol in enumerate(protocols)
    ]
    fixed = "changed after the first asking" if revised else "fixed before the first cell was run"
    text = (
        f"The bounds of the sweep's file were {fixed}. A claim agrees if the interval lies wholly "
        "within them, disagrees if wholly outside; to touch a bound is neither. The interval of "
        "top-1 covers other seeds and other test images, that of other metrics other seeds alone. "
        f"{'† Conditional on one trained teacher. ' if _is_marked(judged) else ''}{link}"
    )
    heading = "### The paper's claims"
    return [heading, table(columns, lines, left=2), *(["\n".join(listed)] if listed else []), text]


def letter(index: int) -> str:
    """A, B, ..., Z, AA, ...: what a protocol is called on its page."""
    first, last = divmod(index, 26)
    return (letter(first - 1) if first else "") + chr(ord("A") + last)


def _is_marked(judged: Sequence[co.Judged]) -> bool:
    return any(one.conditional and one.interval for one in judged)


def _protocol(one: co.Judged, protocols: list[tuple[str, ...]]) -> str:
    if one.finding == co.NOT_RUN:
        return "–"
    return f"reduced: {letter(protocols.index(tuple(one.protocol)))}" if one.protocol else "full"


def _allowed(between: tuple[float | None, float | None], shown: Any) -> str:
    low, high = between
    if low is None and high is None:
        return "–"
    if low is None or high is None:
        return f"above {shown(low)}" if low is not None else f"below {shown(high)}"
    return f"{shown(low)} to {shown(high)}"
