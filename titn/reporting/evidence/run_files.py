"""The files beside a record: predictions by image, and the curve over epochs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from titn.records.epochs_and_samples import CLASSES, read_epochs, read_samples


@dataclass(frozen=True)
class Fault:
    """A file that cannot be used; the report goes on without it. short_path: its last names."""

    short_path: str
    path: str
    reason: str


def load_samples(run: dict[str, Any]) -> dict[str, NDArray[Any]] | Fault | None:
    """Column -> (m,) classes of samples.parquet; None if the record has no such file."""
    try:
        columns = read_samples(run)
    except ValueError as error:
        return _fault(run, error)
    if columns is None:
        return None
    # A column of a token or teacher that the run has not is null, and so of dtype object.
    return {
        name: columns[name] for name in CLASSES if name in columns and columns[name].dtype != object
    }


def load_curve(
    run: dict[str, Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | Fault | None:
    """Epochs and top-1, both (e,), of the evaluated epochs of epochs.jsonl; None without any."""
    try:
        rows = read_epochs(run)
    except ValueError as error:
        return _fault(run, error)
    points = {row["epoch"]: row["top1"] for row in rows if row.get("top1") is not None}
    epochs, top1 = (np.array(list(part), float) for part in (points, points.values()))
    return (epochs, top1) if points else None


def _fault(run: dict[str, Any], error: ValueError) -> Fault:
    """error: its text begins with the name of the file."""
    file, _, reason = str(error).partition(": ")
    return Fault(f"{run['config_hash'][:12]}/{file}", f"{run['path']}/{file}", reason)
