"""Numbers and intervals as tables have them."""

from collections.abc import Callable

import numpy as np

from titn.reporting import statistics as st
from titn.reporting.markdown import percent, points


def mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) and not np.isnan(values).any() else None


def bounds(name: str, interval: st.Interval | None) -> dict[str, float | None]:
    return {
        f"{name}_low": interval.low if interval else None,
        f"{name}_high": interval.high if interval else None,
    }


def interval_in_percent(interval: st.Interval | None) -> str:
    return "–" if interval is None else interval_in(interval, percent)


def interval_in(interval: st.Interval, shown: Callable[[float | None], str]) -> str:
    return f"{shown(interval.low)} to {shown(interval.high)}"


def span(low: float, high: float) -> str:
    return f"{points(low)} to {points(high)}"


def p_value(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def plain(number: float | None) -> str:
    return "–" if number is None else f"{number:.2f}"
