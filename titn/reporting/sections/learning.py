"""How rows learn and what they cost."""

from typing import Any

import numpy as np
import pandas as pd

from titn.reporting import comparisons as co
from titn.reporting import figures
from titn.reporting import statistics as st
from titn.reporting.evidence import Evidence, Row
from titn.reporting.formats import mean
from titn.reporting.markdown import escape, percent, points, table
from titn.reporting.naming import names
from titn.reporting.place import Place


def learning(evidence: Evidence, place: Place) -> list[str]:
    """Curves, how fast, how far from train, what it costs, and who agrees with whom."""
    curves = {row.label: curve for row in evidence.recorded if (curve := _curve(row))}
    called = names(evidence.rows)
    threshold = evidence.reach
    parts = ["### Learning and cost"]
    if curves:
        figures.curves(
            place.path("curves.svg"),
            {called[label]: curve for label, curve in curves.items()},
            ylabel="top-1 accuracy",
            chance=1 / evidence.num_classes,
        )
        parts.append(place.image("curves.svg", "top-1 accuracy against epochs"))
    lines, records = [], []
    for row in evidence.recorded:
        found = _learned(row)
        records.append({"row": called[row.label], **found})
        lines.append([escape(called[row.label]), *_shown_learning(found)])
    link = place.written("learning", pd.DataFrame(records))
    columns = [
        "row", f"epochs to {percent(threshold, 1)}%", "train (%)", "train − test", "cls (%)",
        "dist (%)", "cls = dist (%)", "= teacher (%)", "MACs (M)", "parameters (M)", "minutes",
        "images/s",
    ]  # fmt: skip
    parts.append(table(columns, lines))
    parts.append(
        "Means over seeds. Train is top-1 on training images as they are, without augmentation; "
        "cls and dist are the two tokens, and how often they predict the same class; = teacher is "
        "how often the student predicts what its teacher does. Minutes are of one cell, "
        f"evaluation included. {link}"
    )
    parts += _costs(evidence, place, called)
    return parts


def _curve(row: Row) -> figures.Curve | None:
    if not row.curves:
        return None
    series = [pd.Series(top1, index=epochs) for epochs, top1 in row.curves.values()]
    # Only the epochs that every seed has evaluated.
    wide = pd.concat(series, axis=1, join="inner")
    if wide.empty:
        return None
    values = wide.to_numpy().T
    low, high = (values.min(0), values.max(0)) if len(series) > 1 else (None, None)
    return figures.Curve(wide.index.to_numpy(), values.mean(0), low, high, len(series))


def _learned(row: Row) -> dict[str, Any]:
    epochs = row.values("epochs_to_reach")
    pairs = {"cls_dist": ("cls", "dist"), "teacher": ("fused", "teacher")}
    agreed = {name: _agreement(row, *pair) for name, pair in pairs.items()}
    secs = row.values("wall_secs")
    return {
        "reach": row.reach,
        "epochs_to_reach": mean(epochs),
        "num_reached": int(np.isfinite(epochs).sum()),
        "train_top1": mean(row.values("train.top1")),
        "gap": mean(row.values("gap")),
        "cls_top1": mean(row.values("cls.top1")),
        "dist_top1": mean(row.values("dist.top1")),
        "agreement_cls_dist": agreed["cls_dist"],
        "agreement_teacher": agreed["teacher"],
        "macs": row.one("macs"),
        "parameters": row.one("parameters"),
        "wall_secs": mean(secs),
        "images_per_sec": mean(row.values("images_per_sec")),
        "num_seeds": len(row.runs),
    }


def _agreement(row: Row, first: str, second: str) -> float | None:
    shares = [
        st.agreement(one[first], one[second])
        for one in row.samples.values()
        if one[first].dtype != object and one[second].dtype != object
    ]
    return float(np.mean(shares)) if shares else None


def _shown_learning(found: dict[str, Any]) -> list[str]:
    reached = f"{found['num_reached']} of {found['num_seeds']}"
    speed, secs = found["images_per_sec"], found["wall_secs"]
    return [
        f"{found['epochs_to_reach']:.1f}" if found["epochs_to_reach"] else f"{reached} reached it",
        percent(found["train_top1"]),
        points(found["gap"]),
        percent(found["cls_top1"]),
        percent(found["dist_top1"]),
        percent(found["agreement_cls_dist"]),
        percent(found["agreement_teacher"]),
        f"{found['macs'] / 1e6:.1f}",
        f"{found['parameters'] / 1e6:.2f}",
        f"{secs / 60:.1f}" if secs else "–",
        f"{speed:.0f}" if speed else "–",
    ]


def _costs(evidence: Evidence, place: Place, called: dict[str, str]) -> list[str]:
    def point(row: Row, cost: float | None) -> figures.Point:
        interval = co.interval_of(row, "top1")
        low, high = (interval.low, interval.high) if interval else (None, None)
        return figures.Point(called[row.label], cost, mean(row.values("top1")), low, high)

    rows = evidence.recorded
    macs = [point(row, row.one("macs") / 1e6) for row in rows]
    secs = [point(row, (mean(row.values("train_secs")) or 0.0) / 60) for row in rows]
    figures.against_cost(
        place.path("macs.svg"), macs, xlabel="multiply-accumulates of an image (millions)"
    )
    shown = [place.image("macs.svg", "accuracy against multiply-accumulates")]
    if any(one.cost for one in secs):
        figures.against_cost(
            place.path("minutes.svg"), secs, xlabel="training time of one cell (minutes)"
        )
        shown.append(place.image("minutes.svg", "accuracy against training time"))
    return shown
