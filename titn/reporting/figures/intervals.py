"""Rows of estimates with their intervals, and what figures of rows have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from titn.reporting.figures.style import (
    BLUE,
    GREY,
    MEAN,
    drawing,
    in_percent,
    is_known,
    round_ticks,
    short_names,
    shorten,
    signed_tick,
)
from titn.reporting.statistics.intervals import Interval

# How the line differs of an interval for other test images alone, and what a legend calls it.
OF_IMAGES: dict[str, Any] = {"linewidth": 1.2, "linestyle": (0, (1.5, 1.2))}
IMAGES_NAME = "95%, other images alone"


@dataclass(frozen=True)
class IntervalRow:
    """An estimate with its 95% interval, and the values of the seeds that it was made from.

    is_of_images: whether the interval is for other test images alone, and is drawn thin and dotted.
    """

    label: str
    estimate: float | None
    low: float | None = None
    high: float | None = None
    seeds: Sequence[float] = ()
    is_of_images: bool = False


def interval_row(
    label: str,
    estimate: float | None,
    interval: Interval | None,
    images_alone: Interval | None = None,
    seeds: Sequence[float] = (),
) -> IntervalRow:
    """With the interval that there is: of seeds and images, or else of images alone."""
    shown = interval or images_alone
    low, high = (shown.low, shown.high) if shown else (None, None)
    return IntervalRow(label, estimate, low, high, seeds, interval is None and shown is not None)


def draw_interval(
    axes: Axes, y: float, row: IntervalRow, *, at: float = 0.0, **style: Any
) -> dict[str, Artist]:
    """The row's interval at height y, moved by `at` points, by its name; empty without one.

    style: of a line that is for seeds and images, as Matplotlib has it.
    """
    if not (is_known(row.low) and is_known(row.high)):
        return {}
    style |= OF_IMAGES if row.is_of_images else {}
    line = axes.hlines(y, at + 100 * row.low, at + 100 * row.high, **style)
    return {IMAGES_NAME if row.is_of_images else "95% interval": line}


def draw_differences(path: Path, rows: Sequence[IntervalRow], *, xlabel: str) -> None:
    """A line for each row: a difference and its 95% interval, beside a line at zero."""
    with drawing(path, height_of_rows(len(rows))) as (figure, axes):
        axes.axvline(0, color="black", linewidth=1)
        y = np.arange(len(rows))
        marks: dict[str, Artist] = {}
        means = in_percent(row.estimate for row in rows)
        if np.isfinite(means).any():
            marks["mean"] = axes.plot(means, y, **MEAN)[0]
        if any(is_known(row.low) for row in rows):
            low, high = in_percent(row.low for row in rows), in_percent(row.high for row in rows)
            marks["95% interval"] = axes.hlines(y, low, high, color=BLUE, linewidth=2)
        name_rows(axes, [row.label for row in rows])
        for i, row in enumerate(rows):
            if not is_known(row.estimate):
                write_in_row(axes, i, "no value", np.nan)
        finish_rows(axes, len(rows), bool(marks))
        axes.xaxis.set_major_formatter(FuncFormatter(signed_tick))
        axes.set_xlabel(f"{xlabel} (percentage points)")
        if marks:
            handles, names = list(marks.values()), list(marks)
            figure.legend(handles, names, loc="outside lower center", ncols=len(marks))


def height_of_rows(count: int) -> float:
    """Inches."""
    return 1.2 + 0.36 * max(count, 2)


def name_rows(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(np.arange(len(labels)), short_names(labels))


def finish_rows(axes: Axes, count: int, has_marks: bool) -> None:
    """The first row at the top, and an axis that fits what was drawn."""
    axes.set_ylim(count - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid()
    axes.xaxis.set_major_locator(round_ticks() if has_marks else NullLocator())
    if has_marks:
        _widen(axes)


def write_in_row(axes: Axes, y: int, text: str, beside: float) -> None:
    """Words on the row at y, at the end of the axes that is farther from a mark at `beside`."""
    crowded = beside < sum(axes.get_xlim()) / 2
    place, alignment = (0.99, "right") if crowded else (0.015, "left")
    word = axes.text(place, y, shorten(text, 50), ha=alignment, va="center", color=GREY)
    word.set_transform(axes.get_yaxis_transform())
    word.set_bbox({"facecolor": "white", "linewidth": 0, "pad": 1})


def _widen(axes: Axes) -> None:
    """Two points from end to end at least: numbers that are all equal would get a tenth of them."""
    low, high = axes.dataLim.intervalx
    if high - low < 0.2:
        axes.set_xlim((low + high) / 2 - 1, (low + high) / 2 + 1)
