"""The level of every row."""

from typing import Any

import pandas as pd

from titn.reporting import figures
from titn.reporting.comparisons.levels import Level
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import bounds, fixed_point, mean_or_none, percent_interval
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import OutputFiles
from titn.reporting.row_names import display_names
from titn.reporting.sections.printed_numbers import printed_top1
from titn.system.text import percent


def accuracy_section(evidence: Evidence, levels: list[Level], files: OutputFiles) -> list[str]:
    """Level of every row, with figure."""
    called = display_names(evidence.rows)
    level_of = {level.row.label: level for level in levels}
    pairs = [(row, level_of.get(row.label)) for row in evidence.rows]
    printed = printed_top1(evidence) or {}
    columns = [
        "row", "top-1 (%)", "95% over seeds", "95% over seeds and images", "top-5 (%)", "NLL",
        "best epoch (%)", "seeds", "",
    ]  # fmt: skip
    figures.draw_intervals(
        files.path("accuracy.svg"),
        [_figure_row(called[row.label], level, row) for row, level in pairs],
        xlabel="top-1 accuracy after the last epoch",
        printed={called[row]: printed[row] for row in printed if row in called},
        missing={called[row.label]: _why_not(row) for row in evidence.rows if not row.runs},
    )
    frame = pd.DataFrame([_record(called[row.label], row, level) for row, level in pairs])
    link = files.save_csv("accuracy", frame)
    lines = [
        _line(_emphasised(called[row.label], evidence.baseline is row), row, level)
        for row, level in pairs
    ]
    return [
        "### Accuracy",
        files.image("accuracy.svg", "top-1 accuracy of each row with its interval"),
        table(columns, lines),
        "After the last epoch. The first interval is a t interval over seeds; the second also "
        "covers another draw of test images; of one seed there is neither. The best epoch is "
        "chosen on the images that it is measured on: it is what papers often print, and decides "
        f"nothing here. {link}",
    ]


def _line(name: str, row: Row, level: Level | None) -> list[str]:
    """name: markdown already."""
    return [
        name,
        percent(level.mean) if level else "–",
        percent_interval(level.over_seeds if level else None),
        percent_interval(level.over_seeds_and_images if level else None),
        percent(mean_or_none(row.values("top5"))),
        fixed_point(mean_or_none(row.values("nll")), digits=3),
        percent(mean_or_none(row.values("best_top1"))),
        str(len(row.runs)),
        _remarks(row),
    ]


def _record(name: str, row: Row, level: Level | None) -> dict[str, Any]:
    """A line of the CSV."""
    metrics = ("top5", "nll", "precision", "recall", "f1", "ece", "best_top1")
    return {
        "row": name,
        "num_seeds": len(row.runs),
        "top1": level.mean if level else None,
        **bounds("seeds", level.over_seeds if level else None),
        **bounds("seeds_and_images", level.over_seeds_and_images if level else None),
        **{metric: mean_or_none(row.values(metric)) for metric in metrics},
        "remarks": _remarks(row),
    }


def _figure_row(name: str, level: Level | None, row: Row) -> figures.IntervalRow:
    if level is None:
        return figures.IntervalRow(name, None)
    interval = level.over_seeds_and_images
    low, high = (interval.low, interval.high) if interval else (None, None)
    return figures.IntervalRow(name, level.mean, low, high, row.values("top1").tolist())


def _remarks(row: Row) -> str:
    return "; ".join([*row.remarks(), *(["one seed"] if len(row.runs) == 1 else [])])


def _why_not(row: Row) -> str:
    return "; ".join(row.remarks()) or "no cells"


def _emphasised(text: str, is_baseline: bool) -> str:
    return f"**{escape(text)}**" if is_baseline else escape(text)
