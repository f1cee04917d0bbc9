"""What a record says of a finished run, and what it keeps for each evaluated image."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from titn.data.images import Dataset, Images, stratified_subset
from titn.losses.terms import TokenWeights
from titn.records.run_dir import run_of_weights
from titn.records.run_files import read_run_files
from titn.training.engine import State
from titn.training.metrics import Predictions, macs, num_parameters
from titn.types import ImageSpec

# Training images that are evaluated once at the end, for the gap to test: more of them would not
# make it any clearer.
TRAIN_IMAGES = 10_000
# From how many times the smallest class the largest makes a balanced accuracy worth a line: the
# digits' test classes have 35 to 37 images.
UNEVEN = 1.1


def of_every_class(images: Images, most: int) -> Images:
    """All images, or of more than `most` about so many: the same share of each class, and one at
    least, whatever the order in which they lie."""
    if len(images) <= most:
        return images
    return images.take(stratified_subset(images.labels, most / len(images)))


def course(state: State, last_top1: float, timed: bool, epochs: int) -> dict[str, Any]:
    """How training went: the best evaluated epoch, and the throughput in images a second.

    epochs: that were asked for; of a run that was stopped before, `stopped_after` says when.

    last_top1: after the last epoch, the best of a run without epochs. timed: whether the time is
    that of student and teacher; where the answers came from a cache the throughput is null.
    """
    evaluated = [(row["top1"], row["epoch"]) for row in state.rows if "top1" in row]
    # Of equal maxima the first: the epoch by which it had been reached.
    best = max(evaluated, key=lambda pair: (pair[0], -pair[1]), default=(last_top1, 0))
    is_timed = timed and state.train_secs > 0
    return {
        "best_top1": best[0],
        "best_epoch": best[1],
        "epochs": epochs,
        **({"stopped_after": state.epoch} if state.epoch < epochs else {}),
        "images_per_sec": state.images_seen / state.train_secs if is_timed else None,
        "train_secs": state.train_secs,
    }


def balance(predictions: Predictions, weights: TokenWeights) -> dict[str, float]:
    """balanced_accuracy: the mean over classes of the share of their images that is recognised.

    Given where the largest of the evaluated classes has more than UNEVEN times the images of the
    smallest; else it says what top-1 says. A class without images does not count, as in
    scikit-learn's `balanced_accuracy_score`.
    """
    labels, predicted = predictions.labels, predictions.fused(weights).argmax(-1)
    images = labels.bincount()  # (k,)
    hits = labels[predicted == labels].bincount(minlength=len(images))
    images, hits = images[images > 0], hits[images > 0]
    if images.max() <= UNEVEN * images.min():
        return {}
    return {"balanced_accuracy": float((hits.double() / images).mean())}


def parent(run: dict) -> dict[str, Any]:
    """parent: the record of the run whose weights a run began with, of one that is there."""
    origin = run["checkpoint"] or run["weights"]
    directory = run_of_weights(Path(origin).expanduser()) if origin else None
    if directory is None or not directory.weights.is_file():
        return {}
    try:
        record = read_run_files(directory.path).result
    except ValueError:
        return {}
    if record is None:
        return {}
    kept = {key: record[key] for key in ("config_hash", "source_digest", "top1")}
    return {"parent": kept | {"epochs": record.get("stopped_after") or record["epochs"]}}


def costs(model: nn.Module, spec: ImageSpec) -> dict[str, int]:
    """Parameters, and multiply-accumulates for one image."""
    macs_paper, macs_all = macs(model, spec)
    return {"parameters": num_parameters(model), "macs_paper": macs_paper, "macs": macs_all}


def data(dataset: Dataset) -> dict[str, Any]:
    """Which images were trained on and evaluated."""
    return {
        "split": dataset.split,
        "num_train": len(dataset.train),
        "num_evaluated": len(dataset.evaluated),
        "class_names": list(dataset.class_names),
        "data_digest": dataset.digest,
    }


def sample_columns(predictions: Predictions, weights: TokenWeights) -> dict[str, Any]:
    """Columns for samples.parquet: one row per evaluated image, in the data set's order.

    label, cls, dist, fused, teacher: classes; log_prob_*: natural logarithm of the probability
    of the label. A column is null where there is no such token or teacher.
    """
    labels = predictions.labels
    heads = {"cls": predictions.cls, "dist": predictions.dist, "fused": predictions.fused(weights)}
    columns: dict[str, Any] = {"label": _int16(labels)}
    for name, log_probs in heads.items():
        columns[name] = None if log_probs is None else _int16(log_probs.argmax(-1))
        true = None if log_probs is None else log_probs.gather(1, labels[:, None])[:, 0].numpy()
        columns[f"log_prob_{name}"] = true
    columns["teacher"] = None if predictions.teacher is None else _int16(predictions.teacher)
    nulls = [None] * len(labels)
    return {name: nulls if column is None else column for name, column in columns.items()}


def _int16(classes: torch.Tensor) -> Any:
    return classes.to(torch.int16).numpy()
