"""All records of some directories as one table, one row per run. No torch here.

runs = titn.records.load("runs")
runs[runs.status == "recorded"].groupby("model").top1.mean()
runs.per_epoch(), runs.per_class(), runs.per_sample()
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import yaml

from titn.errors import ConfigError, first_line
from titn.records.records import RunDir, run_paths

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
        """A row for each class of each run: `path`, `class`, `recall`, `precision`, `support`, ...

        support: how many images it has. nan is the recall of a class that has none, and the
        precision of one that was never answered.
        """
        return self._joined(_classes)

    def _joined(self, read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
        recorded = self.loc[self["status"] == "recorded", "path"]
        frames = [read(Path(path)).assign(path=path) for path in recorded]
        frames = [frame for frame in frames if len(frame)]
        if not frames:
            return pd.DataFrame({"path": pd.Series(dtype=str)})
        joined = pd.concat(frames, ignore_index=True)
        return joined[["path", *(name for name in joined if name != "path")]]


def load(*directories: str | Path) -> Records:
    """The runs of these directories, at any depth; ConfigError if one does not exist.

    A run that cannot be read is a row too, with status "damaged" and the reason.
    """
    found: dict[Path, Path] = {}
    for directory in directories:
        if not Path(directory).is_dir():
            raise ConfigError(f"{directory}: there is no such directory; name one that holds runs")
        for path in run_paths(Path(directory)):
            found.setdefault(path.resolve(), path)
    rows = [read_run(path) for path in found.values()]
    return Records(rows) if rows else Records(columns=["path", "status", "reason"])


def read_run(path: Path) -> Rows:
    """A run directory as one flat row; `status` and `reason` say what there is of it."""
    directory = RunDir(path)
    row: Rows = {"path": str(path), "status": "unfinished", "reason": None}
    try:
        environment = _content("environment.json", directory.environment)
        failure = _content("failure.json", directory.failure)
        result = _content("result.json", directory.result)
        row |= _identity(environment or failure or {})
        # What failed before its first step has left no configuration.
        if environment is not None:
            row |= _described(_content("config.yaml", directory.config), environment)
        return row | _course(result, failure)
    except KeyError as error:
        reason = f"there is no {error}"
    except (ValueError, TypeError, AttributeError) as error:
        reason = first_line(error)
    return {"path": str(path), "status": "damaged", "reason": reason}


def _content(file: str, read: Callable[[], dict | None]) -> dict | None:
    """What one file of a run says, None without it; ValueError names the file."""
    try:
        content = read()
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{file}: {first_line(error)}") from None
    if content is not None and not isinstance(content, dict):
        raise ValueError(f"{file}: is not what a run writes")
    return content


def _identity(facts: dict) -> Rows:
    return {key: facts[key] for key in ("config_hash", "source_digest")}


def _described(content: dict | None, environment: dict) -> Rows:
    """What a run is: its configuration and its environment."""
    if content is None:
        raise ValueError("config.yaml: is empty")
    for key in ("earlier", "config_hash", "source_digest"):
        environment.pop(key, None)
    row: Rows = {}
    choices = content.pop("choices", None) or {}
    teacher = content.get("teacher")
    # A record's `precision` is the macro average over classes.
    environment["precision"] = content.pop("precision", None)
    row |= choices
    row["teacher"] = teacher["choices"]["model"] if teacher else "none"
    for node in (content, teacher or {}):
        node.pop("choices", None)
    return row | flat({**content, "environment": environment})


def _course(result: dict | None, failure: dict | None) -> Rows:
    """What became of a run, and its numbers if it was recorded."""
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
    table = pq.ParquetFile(file).read()  # read_table looks for a whole data set first
    return {name: table[name].to_numpy() for name in table.column_names}


def _samples(path: Path) -> pd.DataFrame:
    columns = read_samples(str(path))
    if columns is None:
        return pd.DataFrame()
    frame = pd.DataFrame(columns)
    frame.insert(0, "image", np.arange(len(frame)))
    return frame


def _classes(path: Path) -> pd.DataFrame:
    result, samples = RunDir(path).result(), _samples(path)
    if not result or samples.empty:
        return pd.DataFrame()
    names = result["class_names"]
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
