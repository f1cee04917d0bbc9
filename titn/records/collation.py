"""All records of some directories as one table, one row per run. No torch here.

runs = titn.records.load("runs")
runs[runs.status == "recorded"].groupby("model").top1.mean()
runs.per_epoch(), runs.per_class(), runs.per_sample()
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import yaml

from titn.errors import ConfigError, first_line
from titn.records.records import RunDir

# A run's directory holds at least this, from before its first step.
MARK = "environment.json"

# What is read of a run directory, by name of the frame that it becomes.
Rows = dict[str, Any]


class Records(pd.DataFrame):
    """A row for each run; what a run has many of is read when it is asked for.

    Columns: `path`, `status` (recorded, diverged, failed, unfinished, damaged) and `reason`; the
    record's numbers, with nested ones dotted ("cls.top1", "train.top1"); `model`, `dataset`,
    `augment`, `mix`, `loss`, `optimizer`, `schedule`, `protocol` and `teacher` by the names of
    their files; every value of the configuration, dotted ("optimizer.lr", "teacher.epochs");
    "environment.*". Only recorded runs have numbers. A selection of rows is Records too.
    """

    @property
    def _constructor(self) -> Callable[..., "Records"]:
        return Records

    def per_epoch(self) -> pd.DataFrame:
        """A row for each epoch of each run: `path`, `epoch`, "train.loss", `top1`, ..."""
        return self._joined(_epochs)

    def per_sample(self) -> pd.DataFrame:
        """A row for each evaluated image of each run: `path`, `image`, `label`, `fused`, ..."""
        return self._joined(_samples)

    def per_class(self) -> pd.DataFrame:
        """A row for each class of each run: `path`, `class`, `recall`, `precision`, `support`."""
        classes = dict(zip(self["path"], self["class_names"], strict=True))
        return self._joined(lambda path: _classes(path, classes[str(path)]))

    def _joined(self, read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
        recorded = self.loc[self["status"] == "recorded", "path"]
        frames = [read(Path(path)).assign(path=path) for path in recorded]
        if not frames:
            return pd.DataFrame({"path": pd.Series(dtype=str)})
        joined = pd.concat(frames, ignore_index=True)
        return joined[["path", *(name for name in joined if name != "path")]]


def load(*directories: str | Path) -> Records:
    """The runs of these directories, at any depth; ConfigError if one does not exist.

    A run that cannot be read is a row too, with status "damaged" and the reason.
    """
    found: dict[str, None] = {}
    for directory in directories:
        if not Path(directory).is_dir():
            raise ConfigError(f"{directory}: there is no such directory; name one that holds runs")
        found |= dict.fromkeys(str(path) for path in run_paths(Path(directory)))
    rows = [read_run(Path(path)) for path in found]
    return Records(rows) if rows else Records(columns=["path", "status", "reason"])


def run_paths(directory: Path) -> Iterator[Path]:
    """Directories of runs below `directory`, itself included, in a fixed order."""
    for root, folders, files in os.walk(directory):
        folders.sort()
        if MARK in files:
            folders.clear()
            yield Path(root)


def read_run(path: Path) -> Rows:
    """A run directory as one flat row; `status` and `reason` say what there is of it."""
    directory = RunDir(path)
    try:
        row = _described(directory)
        row |= _course(directory)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        return {"path": str(path), "status": "damaged", "reason": first_line(error)}
    return row


def _described(directory: RunDir) -> Rows:
    """What a run is: its configuration and its environment."""
    content = directory.config()
    environment = directory.environment() or {}
    environment.pop("earlier", None)
    row: Rows = {"path": str(directory.path), "status": "unfinished", "reason": None}
    row |= {key: environment.pop(key) for key in ("config_hash", "source_digest")}
    choices = content.pop("choices", None) or {}
    teacher = content.get("teacher")
    # A record's `precision` is the macro average over classes.
    environment["precision"] = content.pop("precision", None)
    row |= choices
    row["teacher"] = teacher["choices"]["model"] if teacher else "none"
    for node in (content, teacher or {}):
        node.pop("choices", None)
    return row | flat({**content, "environment": environment})


def _course(directory: RunDir) -> Rows:
    """What became of a run, and its numbers if it was recorded."""
    result, failure = directory.result(), directory.failure()
    if result is not None:
        class_names = result.pop("class_names", None)
        return {"status": "recorded"} | flat(result) | {"class_names": class_names}
    if failure is not None:
        status = "diverged" if failure.get("kind") == "diverged" else "failed"
        return {"status": status, "reason": failure["reason"]}
    return {}


def flat(node: dict, prefix: str = "") -> Rows:
    """A nested dict with dotted keys; a list stays a value."""
    row: Rows = {}
    for key, value in node.items():
        if isinstance(value, dict):
            row |= flat(value, f"{prefix}{key}.")
        elif value is not None or prefix + key not in ("teacher", "dist"):
            row[prefix + key] = value
    return row


def read_epochs(path: str) -> list[dict[str, Any]]:
    """The rows of a run's epochs.jsonl; none if it was not kept with the record."""
    file = Path(path) / "epochs.jsonl"
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _epochs(path: Path) -> pd.DataFrame:
    return pd.DataFrame([flat(row) for row in read_epochs(str(path))])


def read_samples(path: str) -> dict[str, np.ndarray] | None:
    """The columns of a run's samples.parquet; None if they were not kept with the record."""
    file = Path(path) / "samples.parquet"
    if not file.exists():
        return None
    table = pq.read_table(file)
    return {name: table[name].to_numpy() for name in table.column_names}


def _samples(path: Path) -> pd.DataFrame:
    frame = pq.read_table(path / "samples.parquet").to_pandas()
    frame.insert(0, "image", np.arange(len(frame)))
    return frame


def _classes(path: Path, names: list[str]) -> pd.DataFrame:
    samples = _samples(path)
    labels, fused = samples["label"].to_numpy(), samples["fused"].to_numpy()
    every = range(len(names))
    hits = np.bincount(labels[labels == fused], minlength=len(names))
    support = np.bincount(labels, minlength=len(names))
    predicted = np.bincount(fused, minlength=len(names))
    with np.errstate(invalid="ignore"):
        recall, precision = hits / support, hits / predicted
    return pd.DataFrame(
        {"class": names, "index": every, "recall": recall, "precision": precision}
    ).assign(support=support)
