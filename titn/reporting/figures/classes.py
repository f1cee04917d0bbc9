"""Confusion of classes, and what changes by class."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter
from matplotlib.typing import ColorType
from numpy.typing import ArrayLike, NDArray

from titn.reporting.figures.style import (
    ORANGE,
    SKY,
    Floats,
    drawing,
    lay_out,
    round_ticks,
    short_names,
    signed_tick,
)

MAX_CLASSES = 20  # of which changes are shown
MAX_NAMES = 30  # on the axes of a confusion matrix
MAX_NUMBERED = 12  # classes of a confusion matrix with numbers in its cells
# Ends of the bands of a confusion matrix, in percent. Mistakes are rare: up to the diagonal's
# shares, each band is about twice the one before.
BANDS = (0, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 100)


def draw_confusion(
    path: Path, matrix: ArrayLike, class_names: Sequence[str], *, title: str
) -> None:
    """Shares (k, k) of the images of each true class, a row, that each class was predicted for.

    The colours are bands whose ends the colour bar names, so that mistakes of one percent are seen
    beside a diagonal of ninety. Up to twelve classes, cells hold their percentages. A row of nan,
    a class without images, is white.
    """
    shares = 100 * np.asarray(matrix, dtype=float)
    colours = ListedColormap(colormaps["magma_r"](np.linspace(0, 0.9, len(BANDS) - 1)))
    bands = np.digitize(np.nan_to_num(shares), BANDS[1:-1])
    with drawing(path, 6.8, title) as (figure, axes):
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
        if len(shares) <= MAX_NUMBERED:
            _numbers_in_cells(axes, shares)  # last: they take a third of the time of a layout


def _square(figure: Figure, axes: Axes, bar: Axes, num_classes: int) -> None:
    """Cells of whole tenths of a point, so that the file's numbers are short, and a bar as high."""
    lay_out(figure)
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
    places = np.arange(0, len(class_names), math.ceil(len(class_names) / MAX_NAMES))
    names = short_names([class_names[int(place)] for place in places])
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


def draw_class_changes(
    path: Path,
    class_names: Sequence[str],
    changes: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    xlabel: str,
) -> None:
    """The change of each class's recall, (k,), with its 95% interval, from the highest down.

    Of more than twenty classes, the ten highest and the ten lowest, and the title says so; a class
    whose change is nan is left out.
    """
    values = 100 * np.asarray(changes, dtype=float)
    order = np.argsort(-values, kind="stable")[: np.isfinite(values).sum()]
    y, hidden, title = np.arange(len(order)), len(order) - MAX_CLASSES, ""
    if hidden > 0:
        half = MAX_CLASSES // 2
        title = f"The {half} highest and the {half} lowest of {len(order)} classes"
        order = np.r_[order[:half], order[-half:]]
        y = np.r_[:half, half + 1 : MAX_CLASSES + 1]
    with drawing(path, 1.2 + 0.25 * max(len(y), 3), title) as (figure, axes):
        colours = [SKY if value > 0 else ORANGE for value in values[order]]
        axes.barh(y, values[order], height=0.7, color=colours)
        left, right = (100 * np.asarray(end, dtype=float)[order] for end in (low, high))
        bars = axes.hlines(y, left, right, color="black", linewidth=1.2)
        figure.legend([bars], ["95% interval, for other images"], loc="outside lower center")
        axes.axvline(0, color="black", linewidth=1)
        names = short_names([class_names[int(index)] for index in order])
        if hidden > 0:
            y, names = np.append(y, half), [*names, f"({hidden} others)"]
        axes.set_yticks(y, names)
        axes.set_ylim(max(y) + 0.6, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.xaxis.set_major_locator(round_ticks())
        axes.xaxis.set_major_formatter(FuncFormatter(signed_tick))
        axes.set_xlabel(f"{xlabel} (percentage points)")
