"""What is said of a difference."""

from titn.reporting.statistics.intervals import Interval

BETTER, WORSE, EQUAL, UNDECIDED = "better", "worse", "equal", "undecided"
VERDICTS = (BETTER, WORSE, EQUAL, UNDECIDED)
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
