"""What a page begins with: the figure of all rows, their table, and how they were trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from titn.reporting import figures
from titn.reporting.comparisons.differences import Difference
from titn.reporting.comparisons.levels import Level
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import (
    IMAGES_NOTE,
    bounds,
    interval_or_images,
    mean_or_none,
    percent_interval,
)
from titn.reporting.markdown import bullets, escape, table
from titn.reporting.output_files import OutputFiles
from titn.reporting.provenance import recipe_line
from titn.reporting.row_names import display_names
from titn.reporting.sections.printed_numbers import printed_top1
from titn.system.text import counted, percent, points


@dataclass(frozen=True)
class Standing:
    """A row with what is known of it: its level, its difference from the baseline (None of the
    baseline and of a row without a record), and the number that the paper prints of it."""

    row: Row
    name: str
    is_baseline: bool
    level: Level | None
    difference: Difference | None
    printed: float | None

    @property
    def verdict(self) -> str:
        """The verdict, "no verdict", or "baseline"; "" of a row without a record."""
        if self.is_baseline:
            return "baseline"
        if self.difference is None:
            return ""
        return "no verdict" if self.difference.unjudged else self.difference.verdict

    @property
    def verdict_text(self) -> str:
        """The verdict with what it leaves open, or why there is none, and the cells that are not
        there."""
        said = "baseline" if self.is_baseline else ""
        if self.difference is not None:
            said = self.difference.verdict_text
        return "; ".join(filter(None, [said, *self.row.remarks()]))


def standings(
    evidence: Evidence, levels: Sequence[Level], differences: Sequence[Difference]
) -> list[Standing]:
    """Of every row, in the order of the question."""
    called = display_names(evidence.rows)
    printed = printed_top1(evidence) or {}
    level_of = {level.row.label: level for level in levels}
    difference_of = {difference.row.label: difference for difference in differences}
    return [
        Standing(
            row=row,
            name=called[row.label],
            is_baseline=row is evidence.baseline,
            level=level_of.get(row.label),
            difference=difference_of.get(row.label),
            printed=printed.get(row.label),
        )
        for row in evidence.rows
    ]


def overview_section(evidence: Evidence, rows: Sequence[Standing], files: OutputFiles) -> list[str]:
    """Figure, table, and three lines of how the rows were trained and compared."""
    baseline = next((row.name for row in rows if row.is_baseline), None)
    drawn = [_in_figure(row) for row in rows]
    figures.draw_question(files.path("accuracy.svg"), drawn, baseline=baseline)
    figures.draw_small(files.path("small.svg"), drawn)
    link = files.save_csv("accuracy", pd.DataFrame([_record(row, baseline) for row in rows]))
    return [
        files.image("accuracy.svg", "top-1 accuracy of each row, and its difference"),
        overview_table(rows),
        bullets([*_trained(evidence), f"{_rule(rows)} {link}", *_not_asked(evidence)]),
    ]


def images_note(rows: Sequence[Standing]) -> str:
    """What the intervals are that are marked; empty if none is."""
    parts = [part for row in rows for part in (row.level, row.difference) if part]
    has_marked = any(part.images_alone for part in parts if part.interval is None)
    return IMAGES_NOTE if has_marked else ""


def overview_table(rows: Sequence[Standing]) -> str:
    """The main table; with the paper's numbers where they are comparable."""
    has_printed = any(row.printed is not None for row in rows)
    baseline = next((row.name for row in rows if row.is_baseline), None)
    columns = [
        "row",
        "top-1 (%)",
        "the paper (%)" if has_printed else "95%",
        f"minus {escape(baseline)} (points)" if baseline else "difference (points)",
        "95%, all rows together",
        "verdict",
        "seeds",
    ]
    return table(columns, [_line(row, has_printed) for row in rows])


def _line(row: Standing, has_printed: bool) -> list[str]:
    level, difference = row.level, row.difference
    of_level = percent_interval(level.interval, level.images_alone) if level else "–"
    return [
        f"**{escape(row.name)}**" if row.is_baseline else escape(row.name),
        percent(level.mean if level else None),
        percent(row.printed) if has_printed else of_level,
        points(difference.estimate) if difference else "–",
        interval_or_images(difference.interval, difference.images_alone, points)
        if difference
        else "–",
        escape(row.verdict_text),
        str(len(row.row.runs)),
    ]


def _record(row: Standing, baseline: str | None) -> dict[str, Any]:
    """A line of the CSV."""
    metrics = ("top5", "nll", "precision", "recall", "f1", "ece", "best_top1")
    difference = row.difference
    return {
        "row": row.name,
        "teacher": row.row.shared_value("teacher"),
        "num_seeds": len(row.row.runs),
        "top1": row.level.mean if row.level else None,
        **bounds("top1", row.level.interval if row.level else None),
        **bounds("top1_images", row.level.images_alone if row.level else None),
        "printed": row.printed,
        "baseline": baseline,
        "difference": difference.estimate if difference else None,
        **bounds("difference", difference.interval if difference else None),
        **bounds("difference_images", difference.images_alone if difference else None),
        "verdict": row.verdict,
        "margin": difference.margin if difference else None,
        "detectable": difference.detectable if difference else None,
        **{metric: mean_or_none(row.row.values(metric)) for metric in metrics},
        "remarks": row.verdict_text,
    }


def _in_figure(row: Standing) -> figures.QuestionRow:
    level, difference = row.level, row.difference
    return figures.QuestionRow(
        label=row.name,
        level=figures.interval_row(
            row.name,
            level.mean if level else None,
            level.interval if level else None,
            level.images_alone if level else None,
            row.row.values("top1").tolist(),
        ),
        difference=figures.interval_row(
            row.name, difference.estimate, difference.interval, difference.images_alone
        )
        if difference
        else None,
        verdict=row.verdict,
        printed=row.printed,
        missing="; ".join(row.row.remarks()) or "no cells",
    )


def _trained(evidence: Evidence) -> list[str]:
    return [] if evidence.reference is None else [recipe_line(evidence)]


def _not_asked(evidence: Evidence) -> list[str]:
    """The rows of the question that nobody has asked for in this setting."""
    asked = {row.label for row in evidence.rows}
    others = [
        label
        for label in (evidence.question.rows if evidence.question else ())
        if label not in asked
    ]
    return [f"Rows that were not asked for here: {escape(', '.join(others))}."] if others else []


def _rule(rows: Sequence[Standing]) -> str:
    """What the intervals are, and how small a difference they can find."""
    found = [
        row.difference.detectable
        for row in rows
        if row.difference and row.difference.detectable and not row.difference.unjudged
    ]
    text = "Top-1 after the last epoch, means over seeds."
    note = images_note(rows)
    if not found:
        return f"{text} {note}".rstrip()
    sizes = sorted({percent(size, 1) for size in (min(found), max(found))}, key=float)
    seeds = {len(row.row.runs) for row in rows if row.level and row.level.interval}
    together = ""
    if len(found) > 1:
        to_come = " and widen with each row to come" if any(not row.level for row in rows) else ""
        together = f"Those of differences hold for these {len(found)} rows together{to_come}. "
    return (
        f"{text} Intervals cover other seeds and other test images, with "
        f"{counted(min(seeds), 'seed')} {'or more ' if len(seeds) > 1 else ''}a row. "
        f"{together}A difference of {' to '.join(sizes)} points is detected with 80% power. {note}"
    ).rstrip()
