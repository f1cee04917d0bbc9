"""How rows learn and what they cost."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from titn.reporting import figures
from titn.reporting.comparisons.levels import Level, row_levels
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Floats, Row
from titn.reporting.formats import fixed_point, mean_or_none
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import OutputFiles
from titn.reporting.row_names import display_names
from titn.reporting.statistics.predictions import agreement
from titn.system.text import percent, points

# Times of a row's seeds, the longest by the shortest, up to which a figure of them says something.
MOST_SPREAD = 1.3


def learning_section(evidence: Evidence, files: OutputFiles) -> list[str]:
    """Curves, how fast, how far from train, what it costs, and who agrees with whom."""
    if not evidence.recorded:
        return []
    curves = {row.label: curve for row in evidence.recorded if (curve := _curve(row))}
    called = display_names(evidence.rows)
    threshold = evidence.reach
    parts: list[str] = []
    # A curve has more than one point.
    if any(np.size(curve.epochs) > 1 for curve in curves.values()):
        figures.draw_curves(
            files.path("curves.svg"),
            {called[label]: curve for label, curve in curves.items()},
            ylabel="top-1 accuracy",
            chance=1 / evidence.num_classes if evidence.num_classes else None,
        )
        parts.append(files.image("curves.svg", "top-1 accuracy against epochs"))
    found = {called[row.label]: _learned(row) for row in evidence.recorded}
    frame = pd.DataFrame([{"row": name, **learned} for name, learned in found.items()])
    link = files.save_csv("learning", frame)
    reached = "epochs" if threshold is None else f"epochs to {percent(threshold, 1)}%"
    parts += [
        table(
            ["row", reached, "train (%)", "train − test", "cls (%)", "dist (%)", "= teacher (%)"],
            [[escape(name), *_shown_learning(learned)] for name, learned in found.items()],
        ),
        f"{_of_reach(evidence)}Means over seeds. Train is top-1 on training images as they are, "
        "without augmentation; "
        "cls and dist are the two tokens; = teacher is how often the student predicts the "
        f"class that its teacher predicts. {link}",
        table(
            ["row", "MACs (M)", "parameters (M)", "minutes", "images/s"],
            [[escape(name), *_shown_costs(learned)] for name, learned in found.items()],
        ),
        "Minutes are of one cell, evaluation included: the mean, and the least and the most where "
        "seeds differ by a tenth. They and images/s were taken as they came, beside other work or "
        f"not, and are left out where a cell reused teacher labels that another had stored. {link}",
        *_costs(evidence, files, called),
    ]
    return parts


def _of_reach(evidence: Evidence) -> str:
    """What the first column is about."""
    if evidence.reach is None:
        return ""
    if evidence.question and evidence.question.reach:
        return f"{percent(evidence.reach, 1)}% is the question's own mark. "
    return f"{percent(evidence.reach, 1)}% is nine tenths of the baseline's top-1. "


def _curve(row: Row) -> figures.Curve | None:
    if not row.curves:
        return None
    curves = [dict(zip(epochs, top1, strict=True)) for epochs, top1 in row.curves.values()]
    # Only the epochs that every seed has evaluated.
    shared = sorted(set(curves[0]).intersection(*curves[1:]))
    if not shared:
        return None
    values = np.array([[curve[epoch] for epoch in shared] for curve in curves])
    low, high = (values.min(0), values.max(0)) if len(curves) > 1 else (None, None)
    return figures.Curve(shared, values.mean(0), low, high, len(curves))


def _learned(row: Row) -> dict[str, Any]:
    epochs = row.values("epochs_to_reach")
    pairs = {"cls_dist": ("cls", "dist"), "teacher": ("fused", "teacher")}
    agreed = {name: _agreement(row, *pair) for name, pair in pairs.items()}
    secs, rates = row.values("wall_secs"), row.values("images_per_sec")
    return {
        "reach": row.reach,
        "epochs_to_reach": mean_or_none(epochs),
        "num_reached": int(np.isfinite(epochs).sum()),
        "num_curves": len(row.curves),
        "train_top1": mean_or_none(row.values("train.top1")),
        "gap": mean_or_none(row.values("gap")),
        "cls_top1": mean_or_none(row.values("cls.top1")),
        "dist_top1": mean_or_none(row.values("dist.top1")),
        "agreement_cls_dist": agreed["cls_dist"],
        "agreement_teacher": agreed["teacher"],
        "macs": row.shared_value("macs"),
        "parameters": row.shared_value("parameters"),
        **_spread("wall_secs", secs),
        **_spread("images_per_sec", rates),
    }


def _agreement(row: Row, first: str, second: str) -> float | None:
    shares = [
        agreement(columns[first], columns[second])
        for columns in row.samples.values()
        if first in columns and second in columns
    ]
    return float(np.mean(shares)) if len(shares) == len(row.runs) else None


def _shown_learning(found: dict[str, Any]) -> list[str]:
    reached = f"{found['num_reached']} of {found['num_curves']} reached it"
    if found["reach"] is None or not found["num_curves"]:
        reached = "–"
    return [
        reached
        if found["epochs_to_reach"] is None
        else fixed_point(found["epochs_to_reach"], digits=1),
        percent(found["train_top1"]),
        points(found["gap"]),
        percent(found["cls_top1"]),
        percent(found["dist_top1"]),
        percent(found["agreement_teacher"]),
    ]


def _shown_costs(found: dict[str, Any]) -> list[str]:
    return [
        fixed_point(_in(1e6, found["macs"]), digits=1),
        fixed_point(_in(1e6, found["parameters"])),
        _with_spread(found, "wall_secs", unit=60, digits=1),
        _with_spread(found, "images_per_sec", unit=1, digits=0),
    ]


def _spread(name: str, values: Floats) -> dict[str, float | None]:
    """Mean, least and most of a row's seeds."""
    known = values[np.isfinite(values)]
    ends = (float(known.min()), float(known.max())) if len(known) else (None, None)
    return {name: mean_or_none(values), f"{name}_least": ends[0], f"{name}_most": ends[1]}


def _with_spread(found: dict[str, Any], name: str, unit: float, digits: int) -> str:
    """The mean, and in brackets the least and the most where they are a tenth apart."""
    low, high = found[f"{name}_least"], found[f"{name}_most"]
    mean, *ends = (
        fixed_point(_in(unit, value), digits=digits) for value in (found[name], low, high)
    )
    return mean if low is None or high < 1.1 * low else f"{mean} ({ends[0]} to {ends[1]})"


def _in(unit: float, value: float | None) -> float | None:
    return None if value is None else value / unit


def _costs(evidence: Evidence, files: OutputFiles, called: dict[str, str]) -> list[str]:
    rows = evidence.recorded
    levels = row_levels(evidence)

    def points_of(costs: Sequence[float | None]) -> list[figures.CostPoint]:
        return [
            _cost_point(called[level.row.label], level, cost)
            for level, cost in zip(levels, costs, strict=True)
        ]

    macs = points_of([_in(1e6, row.shared_value("macs")) for row in rows])
    secs = points_of([_in(60, mean_or_none(row.values("wall_secs"))) for row in rows])
    shown = []
    if _is_worth_a_figure(macs):
        figures.draw_against_cost(
            files.path("macs.svg"), macs, xlabel="multiply-accumulates of an image (millions)"
        )
        shown.append(files.image("macs.svg", "accuracy against multiply-accumulates"))
    if _is_worth_a_figure(secs) and not any(map(_varies, rows)):
        figures.draw_against_cost(
            files.path("minutes.svg"), secs, xlabel="time of one cell (minutes)"
        )
        shown.append(files.image("minutes.svg", "accuracy against time"))
    return shown


def _cost_point(name: str, level: Level, cost: float | None) -> figures.CostPoint:
    interval = level.interval or level.images_alone
    return figures.CostPoint(
        name,
        cost,
        level.mean,
        interval.low if interval else None,
        interval.high if interval else None,
        is_of_images=level.interval is None and interval is not None,
    )


def _varies(row: Row) -> bool:
    """Whether its seeds' times tell more of what else ran than of the row."""
    secs = row.values("wall_secs")
    known = secs[np.isfinite(secs)]
    return len(known) > 0 and known.max() > MOST_SPREAD * known.min()


def _is_worth_a_figure(points: Sequence[figures.CostPoint]) -> bool:
    """Whether the costs differ: above each other, points of one cost show nothing of it."""
    costs = [point.cost for point in points if point.cost and point.estimate is not None]
    return len(costs) > 1 and max(costs) > 1.01 * min(costs)
