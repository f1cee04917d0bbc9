"""The figures of the reports' pages: numbers in, an SVG file out.

Accuracies are fractions here as everywhere; axes show percent or percentage points, and their unit
is added to the label that is given. A number may be None or nan where there is none. Files are
written atomically, and equal data give equal bytes under the same versions.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.typing import ColorType
from numpy.typing import ArrayLike, NDArray

from titn.reporting.figures import style as plot_style
from titn.reporting.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    SKY,
    VERMILLION,
    plain,
    row_style,
    signed,
)
from titn.system.text import counted

MOST_VERTICES = 120  # of a curve
MOST_CLASSES = 20  # of which changes are shown
MOST_NAMES = 30  # on the axes of a confusion matrix
MOST_NUMBERED = 12  # classes of a confusion matrix with numbers in its cells
# Ends of the bands of a confusion matrix, in percent. Mistakes are rare: up to the diagonal's
# shares, each band is about twice the one before.
BANDS = (0, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 100)

MEAN: dict[str, Any] = {"color": BLUE, "linestyle": "", "marker": "o", "markersize": 7}
SEED: dict[str, Any] = {"color": GREY, "linestyle": "", "marker": ".", "markersize": 5}
PRINTED: dict[str, Any] = {
    "color": VERMILLION,
    "linestyle": "",
    "marker": "D",
    "markersize": 7,
    "fillstyle": "none",
}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """The mean of `num_seeds` seeds at epochs, both (e,).

    low, high: (e,) the lowest and the highest of the seeds, or None.
    """

    epochs: ArrayLike
    mean: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    num_seeds: int = 1


@dataclass(frozen=True)
class Row:
    """An estimate with its 95% interval, and the values of the seeds that it was made from."""

    label: str
    estimate: float | None
    low: float | None = None
    high: float | None = None
    seeds: Sequence[float] = ()


@dataclass(frozen=True)
class Point:
    """What a row costs and reaches; low, high: the 95% interval of the estimate."""

    label: str
    cost: float | None
    estimate: float | None
    low: float | None = None
    high: float | None = None


def curves(
    path: Path,
    rows: Mapping[str, Curve],
    *,
    ylabel: str,
    chance: float | None = None,
    printed: Mapping[str, float] | None = None,
    title: str = "",
) -> None:
    """Accuracy against epochs, and by the right edge the numbers that the paper prints.

    The legend stands to the right, in the order of the last values.
    """
    height = max(3.6, 1.4 + 0.21 * len(rows))
    with plot_style.drawing(path, height, title) as (figure, axes):
        lines = [_curve(axes, curve, i, len(rows)) for i, curve in enumerate(rows.values())]
        names = _names_of_curves(rows)
        last = [_last(curve) for curve in rows.values()]
        order = sorted(range(len(rows)), key=lambda i: -last[i])
        handles, names = [lines[i] for i in order], [names[i] for i in order]
        if chance is not None:
            handles.append(axes.axhline(100 * chance, color=GREY, linewidth=1, dashes=(1, 3)))
            names.append("chance")
        if shown := {label: value for label, value in (printed or {}).items() if label in rows}:
            for line, label in zip(lines, rows, strict=True):
                _printed_at_edge(axes, line, shown.get(label))
            handles.append(_hollow(GREY, "o"))
            names.append("hollow: the paper's number")
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{ylabel} (%)")
        axes.set_xmargin(0.05)
        axes.xaxis.set_major_locator(plot_style.round_ticks(whole=True))
        axes.grid()
        heading = _heading_of_curves(rows)
        figure.legend(
            handles,
            names,
            loc="outside right upper",
            title=heading,
            alignment="left",
            handlelength=3.2,
        )


def _curve(axes: Axes, curve: Curve, index: int, num_rows: int) -> Line2D:
    """Draw the row at `index`: its band, and its mean with about eight markers on it."""
    style = row_style(index)
    epochs = _thinned(curve.epochs)
    if curve.low is not None and curve.high is not None:
        low, high = 100 * _thinned(curve.low), 100 * _thinned(curve.high)
        axes.fill_between(epochs, low, high, color=style["color"], alpha=0.15, linewidth=0)
    step = max(1, len(epochs) // 8)
    # Rows that lie on each other still show their own markers: they begin at different epochs.
    every = (index * step // num_rows, step)
    return axes.plot(epochs, 100 * _thinned(curve.mean), markevery=every, **style)[0]


def _thinned(values: ArrayLike) -> Floats:
    """(e,) -> at most MOST_VERTICES of them, evenly spaced, with the first and the last."""
    array = np.asarray(values, dtype=float)
    if len(array) <= MOST_VERTICES:
        return array
    return array[np.linspace(0, len(array) - 1, MOST_VERTICES).round().astype(int)]


def _last(curve: Curve) -> float:
    """The last mean that is a number; below all others if there is none."""
    mean = np.asarray(curve.mean, dtype=float)
    known = mean[np.isfinite(mean)]
    return known[-1] if len(known) else -math.inf


def _names_of_curves(rows: Mapping[str, Curve]) -> list[str]:
    """The labels; a row that lacks seeds says how many it has."""
    most = max((curve.num_seeds for curve in rows.values()), default=1)
    return [
        plain(label) + ("" if curve.num_seeds == most else f" ({counted(curve.num_seeds, 'seed')})")
        for label, curve in rows.items()
    ]


def _heading_of_curves(rows: Mapping[str, Curve]) -> str:
    """What a line and its band are."""
    most = max((curve.num_seeds for curve in rows.values()), default=1)
    if most == 1:
        return "one seed"
    banded = any(curve.low is not None for curve in rows.values())
    return f"{'mean and range' if banded else 'mean'} of {counted(most, 'seed')}"


def _printed_at_edge(axes: Axes, line: Line2D, value: float | None) -> None:
    """The row's marker, hollow, at the height of a fraction by the right edge."""
    if not _known(value):
        return
    mark = _hollow(str(line.get_color()), str(line.get_marker()))
    mark.set_data([0.98], [100 * value])
    mark.set_transform(axes.get_yaxis_transform())
    axes.add_line(mark)


def _hollow(color: str, marker: str) -> Line2D:
    return Line2D([], [], color=color, marker=marker, linestyle="", fillstyle="none", markersize=7)


def _known(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number)


def intervals(
    path: Path,
    rows: Sequence[Row],
    *,
    xlabel: str,
    printed: Mapping[str, float] | None = None,
    missing: Mapping[str, str] | None = None,
    title: str = "",
) -> None:
    """A line for each row: its seeds, their mean and its 95% interval, the paper's number.

    missing: label -> what is said of a row that has no estimate.
    """
    height = _height_of_rows(len(rows))
    with plot_style.drawing(path, height, title) as (figure, axes):
        _forest(figure, axes, rows, printed or {}, missing or {})
        axes.set_xlabel(f"{xlabel} (%)")


def differences(
    path: Path,
    rows: Sequence[Row],
    *,
    xlabel: str,
    printed: Mapping[str, float] | None = None,
    missing: Mapping[str, str] | None = None,
    title: str = "",
) -> None:
    """As `intervals`, of differences from a baseline, which is the line at zero."""
    height = _height_of_rows(len(rows))
    with plot_style.drawing(path, height, title) as (figure, axes):
        axes.axvline(0, color="black", linewidth=1)
        _forest(figure, axes, rows, printed or {}, missing or {})
        axes.xaxis.set_major_formatter(FuncFormatter(signed))
        axes.set_xlabel(f"{xlabel} (percentage points)")


def _height_of_rows(count: int) -> float:
    return 1.2 + 0.36 * max(count, 2)


def _forest(
    figure: Figure,
    axes: Axes,
    rows: Sequence[Row],
    printed: Mapping[str, float],
    missing: Mapping[str, str],
) -> None:
    """Draw the rows from the top, seeds under the interval and the paper's number over it."""
    y = np.arange(len(rows))
    means = _percent(row.estimate for row in rows)
    quoted = _percent(printed.get(row.label) for row in rows)
    seeds = [(i + 0.25, 100 * value) for i, row in enumerate(rows) for value in row.seeds]
    marks: dict[str, Artist] = {}
    if np.isfinite(means).any():
        marks["mean"] = axes.plot(means, y, **MEAN)[0]
    if any(_known(row.low) for row in rows):
        marks["95% interval"] = _bars(axes, y, rows)
    if seeds:
        heights, values = np.transpose(seeds)
        marks["one seed"] = axes.plot(values, heights, **SEED)[0]
    if np.isfinite(quoted).any():
        marks["the paper's number"] = axes.plot(quoted, y - 0.32, **PRINTED)[0]
    axes.set_yticks(y, [plain(row.label) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid()
    for i, row in enumerate(rows):
        if not _known(row.estimate):
            _say_in_row(axes, i, missing.get(row.label, "no value"), quoted[i])
    axes.xaxis.set_major_locator(plot_style.round_ticks() if marks else NullLocator())
    if marks:
        _widen(axes)
        handles, names = list(marks.values()), list(marks)
        figure.legend(handles, names, loc="outside lower center", ncols=len(marks))


def _percent(values: Iterable[float | None]) -> Floats:
    """Fractions in percent; nan for None."""
    return 100 * np.array(list(values), dtype=float)


def _bars(axes: Axes, y: NDArray[np.int64], rows: Sequence[Row]) -> Artist:
    """The intervals of all rows, each at its y."""
    low, high = _percent(row.low for row in rows), _percent(row.high for row in rows)
    return axes.hlines(y, low, high, color=BLUE, linewidth=2)


def _say_in_row(axes: Axes, y: int, text: str, beside: float) -> None:
    """A word on the row at y, at the end of the axes that is farther from the mark `beside` it."""
    crowded = beside < sum(axes.get_xlim()) / 2
    place, alignment = (0.99, "right") if crowded else (0.015, "left")
    word = axes.text(place, y, plain(text, 50), ha=alignment, va="center", color=GREY)
    word.set_transform(axes.get_yaxis_transform())
    word.set_bbox({"facecolor": "white", "linewidth": 0, "pad": 1})


def _widen(axes: Axes) -> None:
    """Two points from end to end at least: numbers that are all equal would get a tenth of them."""
    low, high = axes.dataLim.intervalx
    if high - low < 0.2:
        axes.set_xlim((low + high) / 2 - 1, (low + high) / 2 + 1)


def against_cost(
    path: Path,
    points: Sequence[Point],
    *,
    xlabel: str,
    ylabel: str = "test accuracy",
    log: bool = True,
    title: str = "",
) -> None:
    """Accuracy against a cost; the points are named beside them, or in a legend if they crowd.

    xlabel: with the unit of the cost. A point is left out without a positive cost, or an estimate.
    """
    points = [point for point in points if _known(point.estimate) and (point.cost or 0) > 0]
    with plot_style.drawing(path, 4.4, title) as (figure, axes):
        axes.set_xscale("log" if log else "linear")
        spots = [_spot(point) for point in points]
        marks = [_point(axes, spot) for spot in spots]
        axes.margins(0.12, 0.1)
        _cost_axis(axes, [point.cost or 0 for point in points], log)
        axes.set_xlabel(xlabel)
        barred = any(low < high for _, _, low, high in spots)
        axes.set_ylabel(f"{ylabel} (%) with 95% interval" if barred else f"{ylabel} (%)")
        axes.yaxis.set_major_locator(plot_style.round_ticks())
        axes.grid()
        names = [plain(point.label) for point in points]
        if not plot_style.label_beside(figure, axes, names, spots):
            for index, mark in enumerate(marks):
                mark.set(**{**row_style(index), "linestyle": ""})
            figure.legend(marks, names, loc="outside right upper")


def _spot(point: Point) -> plot_style.Spot:
    """Cost, and in percent the estimate and the ends of its interval, if it has one."""
    estimate, low, high = _percent((point.estimate, point.low, point.high))
    ends = (low, high) if np.isfinite([low, high]).all() else (estimate, estimate)
    return float(point.cost or 0), estimate, *ends


def _point(axes: Axes, spot: plot_style.Spot) -> Line2D:
    cost, estimate, low, high = spot
    axes.vlines(cost, low, high, color=GREY, linewidth=1.2, zorder=1.5)
    return axes.plot(cost, estimate, **MEAN)[0]


def _cost_axis(axes: Axes, costs: Sequence[float], log: bool) -> None:
    """Round numbers as ticks, and room on both sides of costs that are all the same."""
    if costs and max(costs) < 1.01 * min(costs):
        axes.set_autoscalex_on(False)
        axes.set_xlim(min(costs) / 1.5, max(costs) * 1.5)
    if log:
        axes.xaxis.set_major_locator(FixedLocator(plot_style.log_ticks(*axes.get_xlim())))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(plot_style.amount))


def confusion(path: Path, matrix: ArrayLike, class_names: Sequence[str], *, title: str) -> None:
    """Shares (k, k) of the images of each true class, a row, that each class was predicted for.

    The colours are bands whose ends the colour bar names, so that mistakes of one percent are seen
    beside a diagonal of ninety. Up to twelve classes, cells hold their percentages. A row of nan,
    a class without images, is white.
    """
    shares = 100 * np.asarray(matrix, dtype=float)
    colours = ListedColormap(colormaps["magma_r"](np.linspace(0, 0.9, len(BANDS) - 1)))
    bands = np.digitize(np.nan_to_num(shares), BANDS[1:-1])
    with plot_style.drawing(path, 6.8, title) as (figure, axes):
        axes.set_facecolor(colours(0))
        for band in range(1, len(BANDS) - 1):
            axes.add_patch(_cells(bands == band, colours(band)))
        axes.add_patch(_cells(np.isnan(shares), "white"))
        axes.set(xlim=(0, len(shares)), ylim=(len(shares), 0), aspect="equal")
        _class_ticks(axes, class_names)
        scale = ScalarMappable(BoundaryNorm(BANDS, colours.N), colours)
        bar = figure.colorbar(scale, ax=axes, ticks=BANDS)
        bar.ax.set_yticklabels([f"{end:g}" for end in BANDS])
        bar.set_label("% of the true class, in bands of unequal width")
        _square(figure, axes, bar.ax, len(shares))
        if len(shares) <= MOST_NUMBERED:
            _numbers_in_cells(axes, shares)  # last: they take a third of the time of a layout


def _square(figure: Figure, axes: Axes, bar: Axes, num_classes: int) -> None:
    """Cells of whole tenths of a point, so that the file's numbers are short, and a bar as high."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    left, bottom = np.round(axes.bbox.min)
    width, height = figure.bbox.size
    side = num_classes * math.floor(10 * axes.bbox.width / num_classes) / 10
    axes.set_position((left / width, bottom / height, side / width, side / height))
    bar.set_position((bar.bbox.x0 / width, bottom / height, bar.bbox.width / width, side / height))


def _cells(members: NDArray[np.bool_], colour: ColorType) -> PathPatch:
    """(k, k) -> one outline around the members, those that are neighbours in a row as one cell.

    A hundred classes have ten thousand cells: drawn one by one, they make a file of two megabytes.
    """
    steps = np.diff(np.pad(members, ((0, 0), (1, 1))).astype(int), axis=1)
    top, left = np.nonzero(steps == 1)
    right = np.nonzero(steps == -1)[1]
    corners = [(left, top), (right, top), (right, top + 1), (left, top + 1), (left, top)]
    codes = [Outline.MOVETO, Outline.LINETO, Outline.LINETO, Outline.LINETO, Outline.CLOSEPOLY]
    vertices = np.array(corners, dtype=float).transpose(2, 0, 1).reshape(-1, 2)
    return PathPatch(Outline(vertices, codes * len(top)), facecolor=colour, linewidth=0)


def _class_ticks(axes: Axes, class_names: Sequence[str]) -> None:
    """The names on both axes; of many classes, every so many."""
    places = np.arange(0, len(class_names), math.ceil(len(class_names) / MOST_NAMES))
    names = [plain(class_names[int(place)]) for place in places]
    axes.set_xticks(places + 0.5, names, rotation=0 if max(map(len, names)) <= 3 else 90)
    axes.set_yticks(places + 0.5, names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")


def _numbers_in_cells(axes: Axes, shares: Floats) -> None:
    for (y, x), share in np.ndenumerate(shares):
        if share >= 0.05:
            text = "100" if share >= 99.95 else f"{share:.1f}"
            colour = "white" if share >= 10 else "black"
            axes.text(x + 0.5, y + 0.5, text, color=colour, ha="center", va="center")


def per_class(
    path: Path,
    class_names: Sequence[str],
    changes: ArrayLike,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    *,
    xlabel: str,
    title: str = "",
) -> None:
    """The change of each class's recall, (k,), with its 95% interval, from the highest down.

    Of more than twenty classes, the ten highest and the ten lowest, and the title says so; a class
    whose change is nan is left out.
    """
    values = 100 * np.asarray(changes, dtype=float)
    order = np.argsort(-values, kind="stable")[: np.isfinite(values).sum()]
    y, hidden = np.arange(len(order)), len(order) - MOST_CLASSES
    if hidden > 0:
        half = MOST_CLASSES // 2
        chosen = f"the {half} highest and the {half} lowest of {len(order)} classes"
        title = f"{title}: {chosen}" if title else chosen.capitalize()
        order = np.r_[order[:half], order[-half:]]
        y = np.r_[:half, half + 1 : MOST_CLASSES + 1]
    with plot_style.drawing(path, 1.2 + 0.25 * max(len(y), 3), title) as (figure, axes):
        colours = [SKY if value > 0 else ORANGE for value in values[order]]
        axes.barh(y, values[order], height=0.7, color=colours)
        if low is not None and high is not None:
            left, right = (100 * np.asarray(end, dtype=float)[order] for end in (low, high))
            bars = axes.hlines(y, left, right, color="black", linewidth=1.2)
            figure.legend([bars], ["95% interval"], loc="outside lower center")
        axes.axvline(0, color="black", linewidth=1)
        names = [plain(class_names[int(index)]) for index in order]
        if hidden > 0:
            y, names = np.append(y, half), [*names, f"({hidden} others)"]
        axes.set_yticks(y, names)
        axes.set_ylim(max(y) + 0.6, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.xaxis.set_major_locator(plot_style.round_ticks())
        axes.xaxis.set_major_formatter(FuncFormatter(signed))
        axes.set_xlabel(f"{xlabel} (percentage points)")
