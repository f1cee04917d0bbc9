"""The figure of a question: every row's level, and beside it its difference from the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from titn.reporting.figures.intervals import (
    IMAGES_NAME,
    IntervalRow,
    draw_interval,
    finish_rows,
    height_of_rows,
    name_rows,
    write_in_row,
)
from titn.reporting.figures.style import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    drawing_panels,
    in_percent,
    is_known,
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
# verdict -> colour, marker and filling, which tell it without the colour too.
VERDICT_STYLES = {
    "better": (BLUE, ">", "full"),
    "worse": (VERMILLION, "<", "full"),
    "equal": (GREEN, "s", "full"),
    "undecided": (GREY, "o", "full"),
    "no verdict": (GREY, "o", "none"),
}
LEVEL_STYLES = {"": ("black", "o", "full")}


@dataclass(frozen=True)
class QuestionRow:
    """A row: its level with interval and seeds, and its difference from the baseline.

    difference: None of the baseline, and of a row without a record. verdict: one of VERDICT_STYLES
    where there is a difference.
    printed: the paper's level. missing: the words in place of a level that there is not.
    """

    label: str
    level: IntervalRow
    difference: IntervalRow | None
    verdict: str
    printed: float | None = None
    missing: str = ""


def draw_question(path: Path, rows: Sequence[QuestionRow], *, baseline: str | None) -> None:
    """Levels on the left, differences from the baseline (a line at zero) on the right.

    Without a baseline, or with nothing to hold against it, levels alone.
    """
    has_differences = baseline is not None and any(row.difference for row in rows)
    panels = 2 if has_differences else 1
    with drawing_panels(path, height_of_rows(len(rows)) + 0.2, panels) as (figure, axes):
        marks = _levels(axes[0], rows)
        axes[0].set_xlabel("top-1 (%)")
        if has_differences:
            marks |= _differences(axes[1], rows)
            axes[1].set_xlabel(f"top-1 minus that of {shorten(baseline or '')} (points)")
            axes[1].tick_params(axis="y", labelleft=False)
        if marks:
            figure.legend(
                list(marks.values()), list(marks), loc="outside lower center",
                # Five names in a line would be cut at both ends.
                ncols=len(marks) if len(marks) < 5 else 3,
            )  # fmt: skip


def _levels(axes: Axes, rows: Sequence[QuestionRow]) -> dict[str, Artist]:
    """Seeds under the interval, the paper's number over it; the marks by their names."""
    marks = _intervals(axes, [row.level for row in rows], [""] * len(rows), LEVEL_STYLES)
    seeds = [(i + 0.25, 100 * value) for i, row in enumerate(rows) for value in row.level.seeds]
    if seeds:
        heights, values = np.transpose(seeds)
        marks["one seed"] = axes.plot(values, heights, **SEED)[0]
    quoted = in_percent(row.printed for row in rows)
    if np.isfinite(quoted).any():
        marks["the paper's number"] = axes.plot(quoted, np.arange(len(rows)) - 0.32, **PRINTED)[0]
    name_rows(axes, [row.label for row in rows])
    for i, row in enumerate(rows):
        if not is_known(row.level.estimate):
            write_in_row(axes, i, row.missing or "no value", quoted[i])
    finish_rows(axes, len(rows), bool(marks))
    return {"mean and 95% interval": marks.pop(""), **marks} if "" in marks else marks


def _differences(axes: Axes, rows: Sequence[QuestionRow]) -> dict[str, Artist]:
    axes.axvline(0, color="black", linewidth=1)
    nothing = IntervalRow("", None)
    shown = [row.difference or nothing for row in rows]
    marks = _intervals(axes, shown, [row.verdict for row in rows], VERDICT_STYLES)
    for i, row in enumerate(rows):
        if row.verdict == "baseline":
            axes.plot(0, i, color="black", marker="o", markersize=7)
    axes.xaxis.set_major_formatter(FuncFormatter(signed_tick))
    finish_rows(axes, len(rows), bool(marks))
    return marks


def _intervals(
    axes: Axes,
    rows: Sequence[IntervalRow],
    verdicts: Sequence[str],
    styles: Mapping[str, tuple[str, str, str]],
) -> dict[str, Artist]:
    """Each row's estimate and interval at its height, in the style of its verdict.

    The marks by their names: verdicts, and what a dotted interval is.
    """
    marks: dict[str, Artist] = {}
    for i, (row, verdict) in enumerate(zip(rows, verdicts, strict=True)):
        if not is_known(row.estimate):
            continue
        colour, marker, filling = styles[verdict]
        style: dict[str, Any] = {"color": colour, "marker": marker, "fillstyle": filling}
        (mark,) = axes.plot(
            100 * row.estimate, i, linestyle="", markersize=7, markeredgewidth=1.5, **style
        )
        marks.setdefault(verdict, mark)
        found = draw_interval(axes, i, row, color=colour, linewidth=2)
        marks |= {name: line for name, line in found.items() if name == IMAGES_NAME}
    # In the order of the styles, whichever row came first.
    return {name: marks[name] for name in (*styles, IMAGES_NAME) if name in marks}
