"""From one configuration to another: what each change adds, one after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from titn.reporting.figures.intervals import (
    IMAGES_NAME,
    IntervalRow,
    draw_interval,
    finish_rows,
    height_of_rows,
    name_rows,
)
from titn.reporting.figures.rows import VERDICT_STYLES
from titn.reporting.figures.style import GREY, drawing, is_known

BAR = 0.55  # of the height of a row
INTERVAL: dict[str, Any] = {"color": "black", "linewidth": 1.5}
LEVEL: dict[str, Any] = {"color": "black", "linestyle": "", "marker": "o", "markersize": 7}


@dataclass(frozen=True)
class WaterfallStep:
    """What a change adds. verdict: one of VERDICT_STYLES."""

    added: IntervalRow
    verdict: str


def draw_waterfall(
    path: Path, begin: IntervalRow, steps: Sequence[WaterfallStep], end: IntervalRow
) -> None:
    """The level of `begin`, a bar for each step from where the last one ended, the level of `end`.

    A step without an estimate is a gap: the next begins where it began. Intervals are those of the
    levels and of what each step adds.
    """
    rows = [begin, *(step.added for step in steps), end]
    with drawing(path, height_of_rows(len(rows))) as (figure, axes):
        marks = {**_level(axes, 0, begin)}
        at = 100 * (begin.estimate or 0.0)
        for i, step in enumerate(steps, 1):
            if not is_known(step.added.estimate):
                continue
            marks |= _bar(axes, i, at, step)
            marks |= draw_interval(axes, i, step.added, at=at, **INTERVAL)
            after = at + 100 * step.added.estimate
            axes.vlines(after, i - BAR / 2, i + 1, color=GREY, linewidth=0.8, linestyle=":")
            at = after
        axes.vlines(100 * (begin.estimate or 0.0), 0, 1, color=GREY, linewidth=0.8, linestyle=":")
        marks |= _level(axes, len(rows) - 1, end)
        name_rows(axes, [row.label for row in rows])
        finish_rows(axes, len(rows), has_marks=True)
        axes.set_xlabel("top-1 (%)")
        # In one order, whichever came first.
        names = ("mean", *VERDICT_STYLES, "95% interval", IMAGES_NAME)
        order = [one for one in names if one in marks]
        figure.legend([marks[one] for one in order], order, loc="outside lower center", ncols=4)


def _level(axes: Axes, y: int, row: IntervalRow) -> dict[str, Artist]:
    if not is_known(row.estimate):
        return {}
    draw_interval(axes, y, row, **INTERVAL)
    return {"mean": axes.plot(100 * row.estimate, y, **LEVEL)[0]}


def _bar(axes: Axes, y: int, at: float, step: WaterfallStep) -> dict[str, Artist]:
    """Filled where there is a verdict that says which way; an outline alone where there is none."""
    colour, _, filling = VERDICT_STYLES[step.verdict]
    style: dict[str, Any] = {"edgecolor": colour, "linewidth": 1.2}
    style |= {"facecolor": colour, "alpha": 0.75} if filling == "full" else {"facecolor": "none"}
    axes.barh(y, 100 * (step.added.estimate or 0.0), left=at, height=BAR, **style)
    return {step.verdict: Patch(**style)}
