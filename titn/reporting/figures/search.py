"""The trials of a search: in their order, by what they chose, and one objective against another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from titn.reporting.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    MOST_TICKS,
    ORANGE,
    VERMILLION,
    amount_tick,
    drawing,
    drawing_panels,
    log_ticks,
    round_ticks,
    shorten,
)

COMPLETE, PRUNED = "complete", "pruned"
# How a trial is drawn, by its outcome. The last three have reached nothing: they stand at the foot.
OUTCOMES: dict[str, dict[str, Any]] = {
    COMPLETE: {"color": BLUE, "marker": "o"},
    PRUNED: {"color": ORANGE, "marker": "o", "markerfacecolor": "none"},
    "diverged": {"color": VERMILLION, "marker": "x"},
    "failed": {"color": BLACK, "marker": "x"},
    "impossible": {"color": GREY, "marker": "|"},
}
BEST: dict[str, Any] = {"color": GREEN, "linewidth": 1.5}
MARKED: dict[str, Any] = {"color": GREEN, "marker": "D", "markersize": 8,
                          "markerfacecolor": "none", "linestyle": ""}  # fmt: skip
FOOT = 0.02  # of the height of the axes
PANELS = 3  # beside each other
MOST_CHOICES = 12  # of a panel's axis that are named
FEW_TICKS = 4  # of a panel's axis, where there are others beside it
MOST_LETTERS = 24  # that stand beside each other below a panel


@dataclass(frozen=True)
class Reached:
    """A trial. value: as the axis shows it; of a pruned one the last, None of one without any."""

    number: int
    outcome: str
    value: float | None


@dataclass(frozen=True)
class Slice:
    """What trials chose of a key, and what they reached. names: of choices, in order, if it has
    any; chosen then has their places. log: whether the axis is."""

    key: str
    chosen: Sequence[float]
    reached: Sequence[Reached]
    names: Sequence[str] = ()
    log: bool = False


def draw_history(path: Path, trials: Sequence[Reached], *, ylabel: str, higher: bool) -> None:
    """Each trial by its outcome, and the best complete one so far."""
    with drawing(path, 3.6) as (figure, axes):
        marks = _trials(axes, [one.number for one in trials], trials)
        steps = _best_so_far(trials, higher)
        if steps:
            axes.step(*zip(*steps, strict=True), where="post", zorder=1.5, **BEST)
            marks["best so far"] = Line2D([], [], **BEST)
        axes.set_xlabel("trial")
        axes.set_ylabel(ylabel)
        axes.xaxis.set_major_locator(round_ticks(whole=True))
        axes.margins(0.03, 0.08)
        axes.grid()
        figure.legend(list(marks.values()), list(marks), loc="outside lower center", ncols=6)


def draw_slices(path: Path, slices: Sequence[Slice], *, ylabel: str) -> None:
    """Up to PANELS keys beside each other: what was chosen, and what was reached with it."""
    with drawing_panels(path, 3.2, len(slices)) as (figure, row):
        marks: dict[str, Line2D] = {}
        for axes, one in zip(row, slices, strict=True):
            marks |= _trials(axes, one.chosen, one.reached)
            axes.margins(0.08, 0.08)
            _axis(axes, one, MOST_TICKS if len(slices) == 1 else FEW_TICKS)
            axes.set_xlabel(one.key)
            axes.yaxis.set_major_locator(round_ticks())
            axes.grid()
        row[0].set_ylabel(ylabel)
        order = [name for name in OUTCOMES if name in marks]
        figure.legend([marks[one] for one in order], order, loc="outside lower center", ncols=5)


def draw_front(
    path: Path,
    points: Sequence[tuple[float, float]],
    front: Sequence[tuple[float, float]],
    *,
    xlabel: str,
    ylabel: str,
    amount: bool,
) -> None:
    """Two objectives of each complete trial, and those that no other beats in both.

    amount: whether the x axis is a cost, on a log scale.
    """
    with drawing(path, 4.0) as (figure, axes):
        plain = {**OUTCOMES[COMPLETE], "linestyle": ""}
        axes.plot(*zip(*points, strict=True), **plain)
        axes.plot(*zip(*sorted(front), strict=True), **{**MARKED, "linestyle": ":"})
        costs = [cost for cost, _ in points]
        if amount and min(costs) > 0 and max(costs) > 1.01 * min(costs):
            _log_axis(axes)
        if amount:
            axes.xaxis.set_major_formatter(FuncFormatter(amount_tick))
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.margins(0.08, 0.08)
        axes.grid()
        marks = [Line2D([], [], **plain), Line2D([], [], **MARKED)]
        figure.legend(marks, [COMPLETE, "front"], loc="outside lower center", ncols=2)


def _trials(axes: Axes, places: Sequence[float], trials: Sequence[Reached]) -> dict[str, Line2D]:
    """Outcome -> a mark for the legend."""
    marks = {}
    for outcome, style in OUTCOMES.items():
        style = {**style, "linestyle": ""}
        own = [pair for pair in zip(places, trials, strict=True) if pair[1].outcome == outcome]
        valued = [(place, one.value) for place, one in own if one.value is not None]
        if valued:
            axes.plot(*zip(*valued, strict=True), **style)
        if foot := [place for place, one in own if one.value is None]:
            # At the foot whatever the values are.
            axes.plot(foot, [FOOT] * len(foot), transform=axes.get_xaxis_transform(), **style)
        if own:
            marks[outcome] = Line2D([], [], **style)
    return marks


def _best_so_far(trials: Sequence[Reached], higher: bool) -> list[tuple[float, float]]:
    """Number and value where the best complete trial changes, and at the last trial."""
    steps: list[tuple[float, float]] = []
    for one in trials:
        if one.outcome != COMPLETE or one.value is None:
            continue
        if not steps or (one.value > steps[-1][1] if higher else one.value < steps[-1][1]):
            steps.append((one.number, one.value))
    return [*steps, (trials[-1].number, steps[-1][1])] if steps else []


def _axis(axes: Axes, one: Slice, most: int) -> None:
    """most: ticks that there is room for, of a key without names."""
    is_whole = all(float(value).is_integer() for value in one.chosen)
    least, greatest = min(one.chosen), max(one.chosen)
    if one.names:
        axes.set_xlim(-0.5, len(one.names) - 0.5)
        shown = range(len(one.names)) if len(one.names) <= MOST_CHOICES else ()
        axes.set_xticks(list(shown), [shorten(one.names[i], 12) for i in shown])
        _turn_long(axes, [shorten(name, 12) for name in one.names])
    elif least == greatest:
        axes.set_xticks([least], [f"{least:g}"])
    elif one.log:
        ticks = [tick for tick in _log_axis(axes, most) if tick.is_integer() or not is_whole]
        labels = [f"{tick:g}" for tick in ticks]
        axes.set_xticks(ticks, labels)
        _turn_long(axes, labels)
    else:
        axes.xaxis.set_major_locator(round_ticks(is_whole, most))


def _turn_long(axes: Axes, labels: Sequence[str]) -> None:
    """Turn labels that would run into each other."""
    if sum(map(len, labels)) > MOST_LETTERS:
        axes.tick_params(axis="x", labelrotation=60)


def _log_axis(axes: Axes, most: int = MOST_TICKS) -> list[float]:
    """Make the x axis logarithmic; returns its ticks."""
    axes.set_xscale("log")
    ticks = log_ticks(*axes.get_xlim(), most)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    return ticks
