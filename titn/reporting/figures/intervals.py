"""Estimates of rows with their intervals, and their differences from a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from numpy.typing import NDArray

from titn.reporting.figures.style import (
    BLUE,
    GREY,
    MEAN,
    VERMILLION,
    drawing,
    in_percent,
    is_known,
    round_ticks,
    shorten,
    signed_tick,
)

SEED: dict[str, Any] = {"color": GREY, "linestyle": "", "marker": ".", "markersize": 5}
PRINTED: dict[str, Any] = {
    "color": VERMILLION,
    "linestyle": "",
    "marker": "D",
    "markersize": 7,
    "fillstyle": "none",
}


@dataclass(frozen=True)
class IntervalRow:
    """An estimate with its 95% interval, and the values of the seeds that it was made from."""

    label: str
    estimate: float | None
    low: float | None = None
    high: float | None = None
    seeds: Sequence[float] = ()


def draw_intervals(
    path: Path,
    rows: Sequence[IntervalRow],
    *,
    xlabel: str,
    printed: Mapping[str, float] | None = None,
    missing: Mapping[str, str] | None = None,
    title: str = "",
) -> None:
    """A line for each row: its seeds, their mean and its 95% interval, the paper's number.

    missing: label -> the words in place of an estimate that there is not.
    """
    height = _height_of_rows(len(rows))
    with drawing(path, height, title) as (figure, axes):
        _forest(figure, axes, rows, printed or {}, missing or {})
        axes.set_xlabel(f"{xlabel} (%)")


def draw_differences(
    path: Path,
    rows: Sequence[IntervalRow],
    *,
    xlabel: str,
    printed: Mapping[str, float] | None = None,
    missing: Mapping[str, str] | None = None,
    title: str = "",
) -> None:
    """As `draw_intervals`, of differences from a baseline, which is the line at zero."""
    height = _height_of_rows(len(rows))
    with drawing(path, height, title) as (figure, axes):
        axes.axvline(0, color="black", linewidth=1)
        _forest(figure, axes, rows, printed or {}, missing or {})
        axes.xaxis.set_major_formatter(FuncFormatter(signed_tick))
        axes.set_xlabel(f"{xlabel} (percentage points)")


def _height_of_rows(count: int) -> float:
    return 1.2 + 0.36 * max(count, 2)


def _forest(
    figure: Figure,
    axes: Axes,
    rows: Sequence[IntervalRow],
    printed: Mapping[str, float],
    missing: Mapping[str, str],
) -> None:
    """Draw the rows from the top, seeds under the interval and the paper's number over it."""
    y = np.arange(len(rows))
    means = in_percent(row.estimate for row in rows)
    quoted = in_percent(printed.get(row.label) for row in rows)
    seeds = [(i + 0.25, 100 * value) for i, row in enumerate(rows) for value in row.seeds]
    marks: dict[str, Artist] = {}
    if np.isfinite(means).any():
        marks["mean"] = axes.plot(means, y, **MEAN)[0]
    if any(is_known(row.low) for row in rows):
        marks["95% interval"] = _bars(axes, y, rows)
    if seeds:
        heights, values = np.transpose(seeds)
        marks["one seed"] = axes.plot(values, heights, **SEED)[0]
    if np.isfinite(quoted).any():
        marks["the paper's number"] = axes.plot(quoted, y - 0.32, **PRINTED)[0]
    axes.set_yticks(y, [shorten(row.label) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid()
    for i, row in enumerate(rows):
        if not is_known(row.estimate):
            _write_in_row(axes, i, missing.get(row.label, "no value"), quoted[i])
    axes.xaxis.set_major_locator(round_ticks() if marks else NullLocator())
    if marks:
        _widen(axes)
        handles, names = list(marks.values()), list(marks)
        figure.legend(handles, names, loc="outside lower center", ncols=len(marks))


def _bars(axes: Axes, y: NDArray[np.int64], rows: Sequence[IntervalRow]) -> Artist:
    """The intervals of all rows, each at its y."""
    low, high = in_percent(row.low for row in rows), in_percent(row.high for row in rows)
    return axes.hlines(y, low, high, color=BLUE, linewidth=2)


def _write_in_row(axes: Axes, y: int, text: str, beside: float) -> None:
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
