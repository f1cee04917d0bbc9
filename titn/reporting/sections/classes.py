"""Which classes are confused, and where two rows differ."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from titn.reporting import figures
from titn.reporting.comparisons.differences import Difference
from titn.reporting.comparisons.table_model import correct_by_seed, have_same_images
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import mean_or_none
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import OutputFiles
from titn.reporting.row_names import display_names
from titn.reporting.statistics.predictions import (
    confusion_counts,
    mean_by_class,
    recall_by_class,
)
from titn.system.text import percent

# With more, a confusion matrix cannot be read, and its most frequent mistakes are listed.
MOST_CLASSES_DRAWN = 30
MOST_MISTAKES = 10
# With more, a class has too few images to say anything.
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
        one
        for one in found
        if one.row.has_all_samples
        and one.row.shared_value("class_names") == class_names
        and have_same_images([one.row, baseline])
    ]
    parts = _balance(evidence)
    # Of rows with a verdict, if there is one: what one seed does to a class is luck.
    other = max(others, key=lambda one: (not one.unjudged, abs(one.estimate)), default=None)
    rows = [baseline, *([other.row] if other else [])]
    called = display_names(evidence.rows)
    if len(class_names) > MOST_CLASSES_DRAWN:
        parts += _mistakes(rows, class_names, called)
    else:
        for row, name in zip(rows, ("confusion-baseline.svg", "confusion-other.svg"), strict=False):
            figures.draw_confusion(
                files.path(name), _confusion(row, len(class_names)), class_names,
                title=f"{called[row.label]}, {_of_seeds(len(row.samples))}",
            )  # fmt: skip
            parts.append(files.image(name, f"confusion matrix of {called[row.label]}"))
    if other is not None:
        parts += _changes(other.row, baseline, class_names, called, files)
    return parts


def _mistakes(rows: Sequence[Row], class_names: list[str], called: dict[str, str]) -> list[str]:
    """The most frequent mistakes of the first row, with their shares in all rows."""
    shares = [_confusion(row, len(class_names)) for row in rows]
    wrong = shares[0] * (1 - np.eye(len(class_names)))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_MISTAKES]
    places = [divmod(int(index), len(class_names)) for index in order if wrong.flat[index] > 0]
    if not places:
        return []
    columns = ["true class", "predicted as", *(f"{escape(called[row.label])} (%)" for row in rows)]
    lines = [
        [
            escape(class_names[true]),
            escape(class_names[predicted]),
            *(percent(share[true, predicted], 1) for share in shares),
        ]
        for true, predicted in places
    ]
    return [
        f"The most frequent mistakes of {escape(called[rows[0].label])}, in shares of the images "
        "of the true class, means over seeds:",
        table(columns, lines, left=2),
    ]


def _changes(
    row: Row, baseline: Row, class_names: list[str], called: dict[str, str], files: OutputFiles
) -> list[str]:
    """How each class's recall differs between a row and the baseline."""
    labels = next(iter(row.samples.values()))["label"]
    # (n, m) seeds and images -> (m,) the difference of the shares of seeds that are right
    paired = correct_by_seed(row).mean(0) - correct_by_seed(baseline).mean(0)
    change, low, high = mean_by_class(labels, paired, len(class_names))
    figures.draw_class_changes(
        files.path("classes.svg"), class_names, change, low, high,
        xlabel=f"recall of {called[row.label]} minus that of {called[baseline.label]}",
    )  # fmt: skip
    ours, theirs = (_recall(one, len(class_names)) for one in (row, baseline))
    frame = pd.DataFrame(
        {
            "class": class_names,
            "recall_baseline": theirs,
            "recall_other": ours,
            "change": change,
            "change_low": low,
            "change_high": high,
        }
    )
    link = files.save_csv("classes", frame)
    return [
        files.image("classes.svg", "change of recall by class"),
        "The row shown beside the baseline is the one farthest from it in top-1, of those with a "
        "verdict if there are any. Intervals are for other images of a class, each for itself: of "
        f"many classes some exclude zero by chance. {link}",
    ]


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


def _confusion(row: Row, k: int) -> np.ndarray:
    """Rows normalised to one: the mean over seeds of where each true class went.

    nan of a class that has no images.
    """
    counts = sum(
        confusion_counts(columns["label"], columns["fused"], k) for columns in row.samples.values()
    )
    counts = np.asarray(counts, dtype=float)
    totals = counts.sum(1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def _recall(row: Row, k: int) -> np.ndarray:
    recalls = [recall_by_class(s["label"], s["fused"], k) for s in row.samples.values()]
    return np.mean(recalls, axis=0)
