"""A run directory: who wrote what, and when a cell counts as done. No torch here.

config.yaml          the resolved configuration
environment.json     identity, versions, hardware, git commit, command
epochs.jsonl         one line of metrics for each epoch
checkpoint.safetensors   only while the run is half done
log.txt              what was said while it was made, with times
failure.json         only if the run failed or diverged: the reason and where
weights.safetensors  the weights after the last epoch
samples.parquet      per evaluated image: labels, predictions, log-probability of the label
result.json          written last: the only sign that the cell is done
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from titn.durable import replacing, write_text

# A run's directory holds the first of these from before its first step, the other if it failed.
MARKS = ("environment.json", "failure.json")

# libyaml where it is: a thousand configurations take a second instead of ten.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class RunDir:
    """The files of one run."""

    path: Path

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.safetensors"

    @property
    def weights(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def log(self) -> Path:
        """What was said while the run was made, with times."""
        return self.path / "log.txt"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    def result(self) -> dict | None:
        """The record, or None while there is none."""
        return read_json(self.path / "result.json")

    def failure(self) -> dict | None:
        return read_json(self.path / "failure.json")

    def environment(self) -> dict | None:
        return read_json(self.path / "environment.json")

    def config(self) -> dict:
        """The resolved configuration."""
        return yaml.load((self.path / "config.yaml").read_text(encoding="utf-8"), LOADER)

    def others(self) -> list[str]:
        """Names of what lies here besides what a run leaves that ended before it began."""
        own = (self.lock.name, self.log.name, "failure.json")
        names = (item.name for item in self.path.iterdir())
        return sorted(name for name in names if name not in own and not name.endswith(".tmp"))

    def begin(self, config: dict, environment: dict) -> None:
        """What a run writes before its first step."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "environment.json", environment)
        write_text(self.path / "config.yaml", yaml.safe_dump(config, sort_keys=False))
        (self.path / "failure.json").unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what a run has left here, the record first; files of others stay."""
        names = ["result.json", "failure.json", "environment.json", "config.yaml", "epochs.jsonl"]
        for name in [
            *names,
            self.log.name,
            self.checkpoint.name,
            self.weights.name,
            "samples.parquet",
        ]:
            (self.path / name).unlink(missing_ok=True)

    def num_epochs(self) -> int:
        """How many epochs have a row, whether or not their weights were saved."""
        path = self.path / "epochs.jsonl"
        # A line that a kill cut short has no end.
        return path.read_text().count("\n") if path.exists() else 0

    def keep_epochs(self, num_epochs: int) -> list[dict]:
        """Rows of the first `num_epochs` epochs; later lines, if any, are cut from the file."""
        path = self.path / "epochs.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        rows = [json.loads(line) for line in lines[:num_epochs]]
        write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
        return rows

    def add_epoch(self, row: dict) -> None:
        with open(self.path / "epochs.jsonl", "a") as file:
            file.write(json.dumps(row) + "\n")

    def write_samples(self, columns: dict[str, Any]) -> None:
        """Columns of equal length, one row per evaluated image."""
        with replacing(self.path / "samples.parquet") as temporary:
            pq.write_table(pa.table(columns), temporary, compression="zstd")

    def fail(self, failure: dict) -> None:
        write_json(self.path / "failure.json", failure)

    def finish(self, result: dict) -> None:
        """Write the record, then drop what only a half-done run needs."""
        write_json(self.path / "result.json", result)
        self.checkpoint.unlink(missing_ok=True)


def run_paths(directory: Path) -> Iterator[Path]:
    """Directories of runs below `directory`, itself included, in a fixed order."""
    for root, folders, files in os.walk(directory):
        folders.sort()
        if any(mark in files for mark in MARKS):
            folders.clear()
            yield Path(root)


def read_json(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write_json(path: Path, content: dict) -> None:
    # allow_nan: a diverged run's loss is not a number, and its record says so.
    write_text(path, json.dumps(content, indent=2) + "\n")
