"""What is said of a difference, and what forbids to say anything."""

from collections.abc import Sequence

from titn.reporting.comparisons.chance import is_near_chance
from titn.reporting.evidence.row import Row
from titn.reporting.statistics.intervals import Interval
from titn.system.text import counted

BETTER, WORSE, EQUAL, UNDECIDED = "better", "worse", "equal", "undecided"
# Of a row: with fewer there is no verdict.
MIN_SEEDS = 3


def judge(interval: Interval, margin: float) -> str:
    """By where the interval lies: of zero first, then of the margin on both sides of it.

    An interval without width decides nothing.
    """
    if interval.low == interval.high:
        return UNDECIDED
    if interval.low > 0:
        return BETTER
    if interval.high < 0:
        return WORSE
    return EQUAL if -margin < interval.low and interval.high < margin else UNDECIDED


def verdict_of(interval: Interval | None, margin: float, unjudged: str | None) -> str:
    """better, worse, equal (within the margin), or undecided.

    unjudged: why there is no verdict, whatever the interval; None or empty if there is one.
    """
    return UNDECIDED if interval is None or unjudged else judge(interval, margin)


def excluded_by(interval: Interval | None) -> float | None:
    """No difference above this, in either direction, goes with the interval."""
    return None if interval is None else max(abs(interval.low), abs(interval.high))


def too_little(rows: Sequence[Row]) -> str:
    """Why rows allow no verdict, whatever the interval is; empty if they have learned enough."""
    if any(map(is_near_chance, rows)):
        return "near chance"
    least = min(len(row.runs) for row in rows)
    return "" if least >= MIN_SEEDS else f"{counted(least, 'seed')}, {MIN_SEEDS} needed"


def no_interval(rows: Sequence[Row], interval: Interval | None) -> str:
    """Why an interval of rows that have learned enough is none; empty if it is one."""
    if interval is None:
        is_kept = all(row.has_all_samples for row in rows)
        return "evaluated on other images" if is_kept else "no predictions by image"
    return no_width(interval)


def no_width(interval: Interval | None) -> str:
    """Equal numbers say nothing of how much others would differ; empty if they differ."""
    return "nothing varies" if interval and interval.low == interval.high else ""
