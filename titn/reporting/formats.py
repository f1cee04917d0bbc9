"""Numbers and intervals as tables have them."""

import re
from collections.abc import Callable

import numpy as np

from titn.config.spelling import as_typed
from titn.reporting.statistics.intervals import Interval
from titn.system.text import percent

# From the root; between quotes it may hold spaces.
PATH = re.compile(r"(?<=')/[^']*|(?<=\")/[^\"]*|(?<![\w.:/])(?:/[^\s/'\":;,()]+)+")


def mean_or_none(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) and not np.isnan(values).any() else None


def bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    """The columns of an interval in a CSV."""
    return {
        f"{name}_low": interval.low if interval else None,
        f"{name}_high": interval.high if interval else None,
    }


def percent_interval(interval: Interval | None, images_alone: Interval | None = None) -> str:
    return interval_or_images(interval, images_alone, percent)


# What pages say of the intervals that `interval_or_images` marks.
IMAGES_NOTE = (
    "(images): covers the choice of test images alone, and not other seeds, of which there is one: "
    "no verdict."
)


def interval_or_images(
    interval: Interval | None,
    images_alone: Interval | None,
    shown: Callable[[float | None], str],
) -> str:
    """An interval; in its place, and marked, that for other images alone; a dash without either."""
    if interval is not None:
        return interval_text(interval, shown)
    return "–" if images_alone is None else f"{interval_text(images_alone, shown)} (images)"


def interval_text(interval: Interval, shown: Callable[[float | None], str]) -> str:
    return f"{shown(interval.low)} to {shown(interval.high)}"


def size_text(estimate: float, interval: Interval) -> str:
    """A difference whose sign the words beside it tell: as "2.0 points (0.9 to 3.1)"."""
    ends = sorted(abs(end) for end in (interval.low, interval.high))
    size, low, high = (percent(one, 1) for one in (abs(estimate), *ends))
    return f"{size} points ({low} to {high})"


def margin_text(margin: float) -> str:
    """As "1 point"."""
    return f"{100 * margin:g} point{'' if margin == 0.01 else 's'}"


def duration_text(hours: float) -> str:
    """As "1.5 hours", or "3.2 minutes" of less than one."""
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"


def p_value(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def fixed_point(value: float | None, digits: int = 2) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.{digits}f}"


def number(value: object) -> str:
    """A value of a configuration: six digits, all of a whole number, words as they are typed."""
    if not isinstance(value, float):
        return as_typed(value)
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:g}"


def without_paths(text: object) -> str:
    """A message with the last names of its paths: where something lay is a machine's own affair."""
    return PATH.sub(lambda found: found[0].rpartition("/")[2], str(text))
