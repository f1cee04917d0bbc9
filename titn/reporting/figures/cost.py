"""Accuracy against what a row costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from titn.reporting.figures.labels import Spot, label_beside
from titn.reporting.figures.style import (
    GREY,
    MEAN,
    amount_tick,
    drawing,
    in_percent,
    is_known,
    log_ticks,
    round_ticks,
    row_style,
    short_names,
)


@dataclass(frozen=True)
class CostPoint:
    """What a row costs and reaches; low, high: the 95% interval of the estimate.

    is_of_images: whether it is for other images alone.
    """

    label: str
    cost: float | None
    estimate: float | None
    low: float | None = None
    high: float | None = None
    is_of_images: bool = False


def draw_against_cost(path: Path, points: Sequence[CostPoint], *, xlabel: str) -> None:
    """Accuracy against a cost; the points are named beside them, or in a legend if they crowd.

    xlabel: with the unit of the cost. A point is left out without a positive cost, or an estimate.
    """
    points = [point for point in points if is_known(point.estimate) and (point.cost or 0) > 0]
    with drawing(path, 4.4) as (figure, axes):
        axes.set_xscale("log")
        spots = [_spot(point) for point in points]
        marks = [
            _point(axes, spot, ":" if point.is_of_images else "-")
            for spot, point in zip(spots, points, strict=True)
        ]
        axes.margins(0.12, 0.1)
        _cost_axis(axes, [point.cost or 0 for point in points])
        axes.set_xlabel(xlabel)
        axes.set_ylabel(f"top-1 (%){_of_bars(points)}")
        axes.yaxis.set_major_locator(round_ticks())
        axes.grid()
        names = short_names([point.label for point in points])
        if not label_beside(figure, axes, names, spots):
            for index, mark in enumerate(marks):
                mark.set(**{**row_style(index), "linestyle": ""})
            figure.legend(marks, names, loc="outside right upper")


def _spot(point: CostPoint) -> Spot:
    """Cost, and in percent the estimate and the ends of its interval, if it has one."""
    estimate, low, high = in_percent((point.estimate, point.low, point.high))
    ends = (low, high) if np.isfinite([low, high]).all() else (estimate, estimate)
    return float(point.cost or 0), estimate, *ends


def _point(axes: Axes, spot: Spot, linestyle: str) -> Line2D:
    cost, estimate, low, high = spot
    axes.vlines(cost, low, high, color=GREY, linewidth=1.2, linestyle=linestyle, zorder=1.5)
    return axes.plot(cost, estimate, **MEAN)[0]


def _of_bars(points: Sequence[CostPoint]) -> str:
    """What the lines through the points are."""
    barred = [point for point in points if is_known(point.low) and is_known(point.high)]
    if not barred:
        return ""
    dotted = any(point.is_of_images for point in barred)
    return f" with 95% interval{'; dotted: for other images alone' if dotted else ''}"


def _cost_axis(axes: Axes, costs: Sequence[float]) -> None:
    """Round numbers as ticks, and room on both sides of costs that are all the same."""
    if costs and max(costs) < 1.01 * min(costs):
        axes.set_autoscalex_on(False)
        axes.set_xlim(min(costs) / 1.5, max(costs) * 1.5)
    axes.xaxis.set_major_locator(FixedLocator(log_ticks(*axes.get_xlim())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(amount_tick))
