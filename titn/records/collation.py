"""The runs of several directories as one table, one row per run. No torch here.

runs = titn.records.load("runs")
runs[runs.status == "recorded"].groupby("model").top1.mean()
runs.per_epoch(), runs.per_class(), runs.per_sample()
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from titn.records.cell_state import DONE
from titn.records.epochs_and_samples import read_epochs, read_samples
from titn.records.rows import Row, flatten, read_row
from titn.records.run_dir import run_paths
from titn.system.errors import ConfigError
from titn.system.text import printable


class Records(pd.DataFrame):
    """A row for each run. Epochs, samples and classes are read by the methods.

    Columns: `path`, `status` (recorded, stopped early, pruned, diverged, failed, unfinished,
    damaged) and `reason`; the record's numbers, with nested ones dotted ("cls.top1",
    "train.top1"); `model`, `dataset`, `augment`, `mix`, `loss`, `optimizer`, `schedule`, `protocol`
    and `teacher` by the names of their files; every value of the configuration, dotted
    ("optimizer.lr"); "environment.*". Only runs that are recorded, in full or stopped early, have
    numbers. A selection of rows is Records too.

    A run whose files were cut or edited has status "damaged" and no numbers. If only its epochs or
    samples are damaged, the methods leave the run out with a warning.
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

        support: the number of images of the class. recall is nan for a class without images,
        precision for a class that was never predicted.
        """
        return self._joined(_classes)

    def _joined(self, read: Callable[[Row], pd.DataFrame]) -> pd.DataFrame:
        frames = []
        for run in self.loc[self["status"].isin(DONE)].to_dict("records"):
            known = {str(key): value for key, value in run.items() if has_value(value)}
            try:
                frames.append(read(known).assign(path=known["path"]))
            except ValueError as error:
                warnings.warn(f"{known['path']}: left out: {error}", stacklevel=3)
        frames = [frame for frame in frames if len(frame)]
        if not frames:
            return pd.DataFrame({"path": pd.Series(dtype=str)})
        joined = pd.concat(frames, ignore_index=True)
        return joined[["path", *(name for name in joined if name != "path")]]


def has_value(value: Any) -> bool:
    """Whether a value of the table is not missing; pandas has nan where a run has no such key."""
    return isinstance(value, list | dict) or not pd.isna(value)


def load(*directories: str | Path) -> Records:
    """The runs at any depth below these directories; ConfigError if a directory does not exist.

    A damaged run has a row too, with the reason. A record that was copied is one: the place counts
    that has more of its files, of equal ones the first.
    """
    found: dict[str, Path] = {}
    for directory in directories:
        if not os.path.isdir(directory):  # Path.is_dir raises for a name that is too long
            raise ConfigError(
                f"{printable(directory)}: there is no such directory; name one that holds runs"
            )
        for path in run_paths(Path(directory)):
            found.setdefault(os.path.realpath(path), path)
    rows = _without_copies([read_row(path) for path in found.values()])
    return Records(rows) if rows else Records(columns=["path", "status", "reason"])


def _without_copies(rows: list[Row]) -> list[Row]:
    """Of rows that say the same, when they were made too, one; in the order of the first places."""
    known: dict[str, Row] = {}
    for row in rows:
        content = {key: value for key, value in row.items() if key != "path"}
        is_record = row["status"] in DONE
        text = json.dumps(content, sort_keys=True, default=str) if is_record else str(row["path"])
        same = known.setdefault(hashlib.sha256(text.encode()).hexdigest(), row)
        if same is not row and _num_files(row) > _num_files(same):
            same["path"] = row["path"]
    return list(known.values())


def _num_files(row: Row) -> int:
    return len(os.listdir(str(row["path"])))


def _epochs(run: Row) -> pd.DataFrame:
    return pd.DataFrame([flatten(row) for row in read_epochs(run)])


def _samples(run: Row) -> pd.DataFrame:
    columns = read_samples(run)
    if columns is None:
        return pd.DataFrame()
    frame = pd.DataFrame(columns)
    frame.insert(0, "image", np.arange(len(frame)))
    return frame


def _classes(run: Row) -> pd.DataFrame:
    names, samples = run.get("class_names"), _samples(run)
    if not isinstance(names, list) or samples.empty:
        return pd.DataFrame()
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
