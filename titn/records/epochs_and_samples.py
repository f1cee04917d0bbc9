"""Reads the epochs and the predictions of a recorded run. No torch here.

`run` is the run's row in the table of titn.records.collation, a flat dict with dotted keys. A
damaged file, or one of another record, is a ValueError that begins with the file's name.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from titn.records.safe_open import MEGABYTE, safe_path
from titn.records.schemas import TOLERANCE, Epoch, validate
from titn.system.errors import first_line
from titn.system.text import printable

EPOCHS, SAMPLES = "epochs.jsonl", "samples.parquet"

# Columns of samples.parquet: classes, and natural logarithms of the label's probability.
CLASSES = ("label", "cls", "dist", "fused", "teacher")
LOG_PROBS = ("log_prob_cls", "log_prob_dist", "log_prob_fused")

# For a record without `num_evaluated`: ten times the images of ImageNet.
MAX_IMAGES = 10_000_000

# The size of the widest type, uncompressed.
MAX_BYTES_PER_VALUE = 16

# What pyarrow raises for damaged files, also for those that ask for too much memory.
UNREADABLE = (OSError, ValueError, KeyError, MemoryError, OverflowError, pa.ArrowException)

Run = Mapping[str, Any]


def read_epochs(run: Run) -> list[dict[str, Any]]:
    """The rows of a record's epochs.jsonl; none without the file."""
    rows, rest = _read_epochs(Path(run["path"]))
    if rows is None:
        return []
    if rest:
        raise ValueError(f"{EPOCHS}: the last line is cut")
    trained = run.get("stopped_after") or run["epochs"]
    if len(rows) != trained:
        raise ValueError(f"{EPOCHS}: has {len(rows)} epochs, the record {trained:.0f}")
    best = max((row["top1"] for row in rows if row.get("top1") is not None), default=None)
    if best is not None and abs(best - run.get("best_top1", best)) > TOLERANCE:
        known = f"{run['best_top1']:.6g}"
        raise ValueError(f"{EPOCHS}: has a best top1 of {best:.6g}, the record {known}")
    return rows


def complete_epochs(directory: Path) -> list[dict[str, Any]]:
    """The rows of epochs.jsonl that a run, which may be at work, has written in full."""
    return _read_epochs(directory)[0] or []


def _read_epochs(directory: Path) -> tuple[list[dict[str, Any]] | None, str]:
    """The rows, None without the file, and what is there of the next one."""
    file = safe_path(directory, EPOCHS)
    if file is None:
        return None, ""
    try:
        *lines, rest = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{EPOCHS}: {printable(first_line(error))}") from None
    return [_epoch(line, number) for number, line in enumerate(lines, 1)], rest


def _epoch(line: str, number: int) -> dict[str, Any]:
    file = f"{EPOCHS}: line {number}"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: {printable(first_line(error))}") from None
    row = validate(file, Epoch, row)
    if row["epoch"] != number:
        raise ValueError(f"{file}: is of epoch {row['epoch']}")
    return row


def read_samples(run: Run) -> dict[str, NDArray[Any]] | None:
    """The columns of a record's samples.parquet; None without the file."""
    file = safe_path(Path(run["path"]), SAMPLES)
    if file is None:
        return None
    try:
        columns = _columns(file, run.get("num_evaluated"))
        _check_classes(columns, len(run.get("class_names") or ()))
        _check_numbers(columns, run)
    except UNREADABLE as error:
        raise ValueError(f"{SAMPLES}: {printable(first_line(error))}") from None
    return columns


def _columns(file: Path, num_images: float | None) -> dict[str, NDArray[Any]]:
    """The columns that a run writes; ValueError for one of another length or type."""
    limits = {"thrift_string_size_limit": MEGABYTE, "thrift_container_size_limit": MEGABYTE}
    # Not pq.read_table, which first looks for a data set of several files.
    # Opened by Python, because pyarrow takes some file names for addresses.
    with (
        open(file, "rb") as content,
        pq.ParquetFile(content, page_checksum_verification=True, **limits) as parquet,
    ):
        rows = parquet.metadata.num_rows
        if num_images is not None and rows != num_images:
            raise ValueError(f"has {rows} images, the record {num_images:.0f}")
        if not 0 < rows <= MAX_IMAGES:
            raise ValueError(f"has {rows} images")
        kinds = {field.name: field.type for field in parquet.schema_arrow}
        wanted = [column for column in kinds if column in (*CLASSES, *LOG_PROBS)]
        if not {"label", "fused"} <= set(wanted):
            raise ValueError("has no column label or fused")
        for column in wanted:
            _check_kind(column, kinds[column])
        _check_sizes(parquet.metadata, wanted)
        table = parquet.read(columns=wanted, use_threads=False)
    if len(table) != rows or table.column_names != wanted:
        raise ValueError(f"has {len(table)} images and says {rows}")
    for column in wanted:
        if table[column].null_count and not pa.types.is_null(kinds[column]):
            raise ValueError(f"{column}: an image has none")
    return {column: table[column].to_numpy() for column in wanted}


def _check_kind(column: str, kind: pa.DataType) -> None:
    # Null where there is no such token or teacher.
    if pa.types.is_null(kind) and column not in ("label", "fused"):
        return
    is_right = pa.types.is_integer if column in CLASSES else pa.types.is_floating
    if not is_right(kind):
        raise ValueError(f"{column}: is a column of {printable(kind)}")


def _check_sizes(metadata: pq.FileMetaData, wanted: list[str]) -> None:
    most = MAX_BYTES_PER_VALUE * metadata.num_rows + MEGABYTE
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            column = metadata.row_group(group).column(index)
            size = column.total_uncompressed_size
            if column.path_in_schema in wanted and not 0 <= size <= most:
                raise ValueError(f"{column.path_in_schema}: says that it has {size} bytes")


def _check_classes(columns: dict[str, NDArray[Any]], num_classes: int) -> None:
    for name in CLASSES:
        if name not in columns or columns[name].dtype == object:
            continue
        low, high = int(columns[name].min()), int(columns[name].max())
        if low < 0 or (num_classes and high >= num_classes):
            of = f", and there are {num_classes}" if num_classes else ""
            raise ValueError(f"{name}: has classes {low} to {high}{of}")


def _check_numbers(columns: dict[str, NDArray[Any]], run: Run) -> None:
    """ValueError if the record's metrics do not follow from the samples."""
    # A column of nulls has dtype object: there is no such token or teacher.
    given = {name: column for name, column in columns.items() if column.dtype != object}
    label, fused = given["label"], given["fused"]
    computed = {"top1": _share(fused == label), **_macro(label, fused, run.get("class_names"))}
    for head in ("cls", "dist"):
        if head in given:
            computed[f"{head}.top1"] = _share(given[head] == label)
    for column in LOG_PROBS:
        if column in given:
            head = column.removeprefix("log_prob_")
            computed["nll" if head == "fused" else f"{head}.nll"] = float(
                -given[column].astype(np.float64).mean()
            )
    for key, value in computed.items():
        known = run.get(key)
        if known is not None and not abs(value - known) <= TOLERANCE * max(1.0, abs(known)):
            raise ValueError(f"has a {key} of {value:.6g}, the record {known:.6g}")


def _share(hits: NDArray[np.bool_]) -> float:
    return float(hits.mean())


def _macro(label: NDArray[Any], fused: NDArray[Any], names: list | None) -> dict[str, float]:
    """Precision and recall as means over classes; a class without images counts as 0.

    balanced_accuracy: the mean recall of the classes that have images.
    """
    if not names:
        return {}
    hits, images, predicted = (
        np.bincount(one, minlength=len(names)) for one in (label[label == fused], label, fused)
    )
    recall = hits / np.maximum(images, 1)
    shares = {
        "precision": hits / np.maximum(predicted, 1),
        "recall": recall,
        "balanced_accuracy": recall[images > 0],
    }
    return {name: float(share.mean()) for name, share in shares.items()}
