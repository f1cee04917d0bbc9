"""Accuracy against epochs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from titn.reporting.figures.style import (
    GREY,
    Floats,
    drawing,
    round_ticks,
    row_style,
    short_names,
)
from titn.system.text import counted

MAX_VERTICES = 120  # of a curve


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


def draw_curves(
    path: Path,
    rows: Mapping[str, Curve],
    *,
    ylabel: str,
    chance: float | None = None,
) -> None:
    """Accuracy against epochs; the legend stands to the right, in the order of the last values.

    chance: is drawn where it does not take more than a third of the height from the curves.
    """
    height = max(3.6, 1.4 + 0.21 * len(rows))
    with drawing(path, height) as (figure, axes):
        lines = [_curve(axes, curve, i, len(rows)) for i, curve in enumerate(rows.values())]
        names = _names_of_curves(rows)
        last = [_last(curve) for curve in rows.values()]
        order = sorted(range(len(rows)), key=lambda i: -last[i])
        handles, names = [lines[i] for i in order], [names[i] for i in order]
        if chance is not None and _is_near(chance, rows):
            handles.append(axes.axhline(100 * chance, color=GREY, linewidth=1, dashes=(1, 3)))
            names.append("chance")
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{ylabel} (%)")
        axes.set_xmargin(0.05)
        axes.xaxis.set_major_locator(round_ticks(whole=True))
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
    """(e,) -> at most MAX_VERTICES of them, evenly spaced, with the first and the last."""
    array = np.asarray(values, dtype=float)
    if len(array) <= MAX_VERTICES:
        return array
    return array[np.linspace(0, len(array) - 1, MAX_VERTICES).round().astype(int)]


def _last(curve: Curve) -> float:
    """The last mean that is a number; below all others if there is none."""
    mean = np.asarray(curve.mean, dtype=float)
    known = mean[np.isfinite(mean)]
    return known[-1] if len(known) else -math.inf


def _names_of_curves(rows: Mapping[str, Curve]) -> list[str]:
    """The labels; a row that lacks seeds says how many it has."""
    most = max((curve.num_seeds for curve in rows.values()), default=1)
    return [
        name + ("" if curve.num_seeds == most else f" ({counted(curve.num_seeds, 'seed')})")
        for name, curve in zip(short_names(list(rows)), rows.values(), strict=True)
    ]


def _heading_of_curves(rows: Mapping[str, Curve]) -> str:
    """What a line and its band are."""
    most = max((curve.num_seeds for curve in rows.values()), default=1)
    if most == 1:
        return "one seed"
    banded = any(curve.low is not None for curve in rows.values())
    return f"{'mean and range' if banded else 'mean'} of {counted(most, 'seed')}"


def _is_near(chance: float, rows: Mapping[str, Curve]) -> bool:
    """Whether the curves keep two thirds of the height if the axis begins at chance."""
    values = np.concatenate([np.asarray(curve.mean, dtype=float) for curve in rows.values()])
    known = values[np.isfinite(values)]
    return not len(known) or known.max() - known.min() >= 2 * (known.min() - chance)
