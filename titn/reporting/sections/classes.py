"""Which classes are confused, and where two rows differ."""

import numpy as np
import pandas as pd

from titn.reporting import figures
from titn.reporting.comparisons.differences import Difference
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import mean_or_none
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import OutputFiles
from titn.reporting.row_names import display_names
from titn.reporting.statistics.predictions import confusion_counts, recall_by_class
from titn.system.text import percent

# With more, a confusion matrix cannot be read.
MOST_CLASSES_SHOWN = 100


def classes_section(evidence: Evidence, found: list[Difference], files: OutputFiles) -> list[str]:
    """Confusion of the baseline and of the row farthest from it, and the change by class."""
    baseline = evidence.baseline
    if baseline is None or not baseline.has_all_samples:
        return []
    class_names = baseline.shared_value("class_names")
    if not class_names or len(class_names) > MOST_CLASSES_SHOWN:
        return []
    others = [
        difference.row
        for difference in found
        if difference.row.has_all_samples
        and difference.row.shared_value("class_names") == class_names
    ]
    parts = _balance(evidence)
    other = max(others, key=lambda row: abs(_distance(row, baseline)), default=None)
    called = display_names(evidence.rows)
    for row, name in ((baseline, "confusion-baseline.svg"), (other, "confusion-other.svg")):
        if row is not None:
            figures.draw_confusion(
                files.path(name), _confusion(row, len(class_names)), class_names,
                title=f"{called[row.label]}, {_of_seeds(len(row.samples))}",
            )  # fmt: skip
            parts.append(files.image(name, f"confusion matrix of {called[row.label]}"))
    if other is not None:
        ours, theirs = (_recall(row, len(class_names)) for row in (other, baseline))
        change = ours - theirs
        figures.draw_class_changes(
            files.path("classes.svg"), class_names, change, None, None,
            xlabel=f"recall of {called[other.label]} minus that of {called[baseline.label]}",
        )  # fmt: skip
        parts.append(files.image("classes.svg", "change of recall by class"))
        frame = pd.DataFrame(
            {
                "class": class_names,
                "recall_baseline": theirs,
                "recall_other": ours,
                "change": change,
            }
        )
        link = files.save_csv("classes", frame)
        parts.append(
            f"The row shown beside the baseline is the one farthest from it in top-1. {link}"
        )
    return parts


def _balance(evidence: Evidence) -> list[str]:
    """What of each row is the mean over classes, where these differ in their number of images."""
    found = ((row, mean_or_none(row.values("balanced_accuracy"))) for row in evidence.recorded)
    rows = [(row, balanced) for row, balanced in found if balanced is not None]
    if not rows:
        return []
    called = display_names(evidence.rows)
    lines = [
        [
            escape(called[row.label]),
            percent(float(row.values("top1").mean())),
            percent(balanced),
        ]
        for row, balanced in rows
    ]
    return [
        "The evaluated classes differ in their number of images. Balanced accuracy is the mean "
        "over classes of the share of their images that is recognised; a class of few images "
        "weighs as much as one of many. Rows are judged by top-1.",
        table(["row", "top-1 (%)", "balanced accuracy (%)"], lines),
    ]


def _of_seeds(count: int) -> str:
    return "one seed" if count == 1 else f"mean of {count} seeds"


def _distance(row: Row, baseline: Row) -> float:
    return float(row.values("top1").mean() - baseline.values("top1").mean())


def _confusion(row: Row, k: int) -> np.ndarray:
    """Rows normalised to one: the mean over seeds of where each true class went."""
    counts = sum(
        confusion_counts(columns["label"], columns["fused"], k) for columns in row.samples.values()
    )
    counts = np.asarray(counts, dtype=float)
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)


def _recall(row: Row, k: int) -> np.ndarray:
    recalls = [recall_by_class(s["label"], s["fused"], k) for s in row.samples.values()]
    return np.mean(recalls, axis=0)
