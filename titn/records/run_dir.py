"""The directory of a run: its files, and which of them shows that the run is done. No torch here.

config.yaml          the resolved configuration
environment.json     identity, versions, hardware, git commit, command
epochs.jsonl         one line of metrics for each epoch
checkpoint-*.safetensors   of the last two states, only while the run is half done
log.txt              the messages of the run, with times
tracker.json         of a tracker: what it calls the run, and how many epochs it was told
failure.json         only if the run failed, diverged or was pruned: the reason and where
weights.safetensors  the weights after the last epoch
samples.parquet      per evaluated image: labels, predictions, log-probability of the label
result.json          written last: the only sign that the cell is done
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from titn.records.safe_open import read_yaml, walk_directories
from titn.system.errors import first_line
from titn.system.files import remove_leftovers, replacing, write_text
from titn.system.locks import lock_names

# One of these shows that a directory is a run's: the first is there from before the first step, the
# second if the run failed, the third when it is done.
RUN_MARKERS = ("environment.json", "failure.json", "result.json")

# The key of a record's checksum, which shows that it was edited; older records have none.
CHECKSUM = "crc32"


@dataclass(frozen=True)
class RunDir:
    """The files of one run."""

    path: Path

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    def checkpoint(self, position: int) -> Path:
        """The checkpoint after this number of steps."""
        return self.path / f"checkpoint-{position:09}.safetensors"

    def checkpoints(self) -> list[Path]:
        """The existing checkpoints, the newest first."""
        return sorted(self.path.glob("checkpoint-*.safetensors"), reverse=True)

    @property
    def position(self) -> str:
        """How far the run has come: the name of its record, of its newest checkpoint, or ""."""
        found = [self.path / "result.json", *self.checkpoints()]
        return next((path.name for path in found if path.exists()), "")

    @property
    def weights(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def log(self) -> Path:
        """The messages of the run, with times."""
        return self.path / "log.txt"

    def result_files(self) -> list[Path]:
        """The files that make up a recorded run."""
        names = ("result.json", "config.yaml", "environment.json", "epochs.jsonl")
        return [*(self.path / name for name in (*names, "samples.parquet")), self.weights]

    def result(self) -> dict | None:
        """The record, None without one; ValueError if it has changed since it was written."""
        result = read_json(self.path / "result.json")
        if result is not None and result.pop(CHECKSUM, None) not in (None, checksum(result)):
            raise ValueError("result.json: has changed since it was written")
        return result

    def record_stamp(self) -> tuple[int, int] | None:
        """What tells one record of the cell from the next, which force=true makes; None without."""
        try:
            found = (self.path / "result.json").stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def failure(self) -> dict | None:
        return read_json(self.path / "failure.json")

    def environment(self) -> dict | None:
        return read_json(self.path / "environment.json")

    def config(self) -> dict:
        """The resolved configuration; ValueError or yaml.YAMLError if it is damaged."""
        _check_file(self.path / "config.yaml")
        return read_yaml(self.path / "config.yaml")

    def is_run(self) -> bool:
        """Whether a run has written here, even if its files are damaged."""
        return any((self.path / mark).exists() for mark in RUN_MARKERS)

    def foreign_files(self) -> list[str]:
        """Names of files that are not from a run which failed before its first step."""
        own = (*lock_names(self.lock.name), self.log.name, "failure.json")
        names = (item.name for item in self.path.iterdir())
        return sorted(name for name in names if name not in own and not name.endswith(".tmp"))

    def begin(self, config: dict, environment: dict) -> None:
        """Write environment and configuration before the first step."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "environment.json", environment)
        write_text(self.path / "config.yaml", yaml.safe_dump(config, sort_keys=False))
        (self.path / "failure.json").unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the files of a run, the record first; other files stay.

        What it is stays until `begin` replaces it: a directory that was left in between, with files
        of others in it, would hold no run, and no run could be made there any more.
        """
        names = ["result.json", "failure.json", "epochs.jsonl", self.log.name, self.weights.name]
        for name in [*names, "samples.parquet", "tracker.json"]:
            (self.path / name).unlink(missing_ok=True)
        self.tidy()

    def num_epochs(self) -> int:
        """The number of complete rows in epochs.jsonl, whether or not a checkpoint has them."""
        path = self.path / "epochs.jsonl"
        # A line that a kill cut short has no newline.
        return path.read_text().count("\n") if path.exists() else 0

    def write_epochs(self, rows: list[dict]) -> None:
        """Replace epochs.jsonl by these rows."""
        write_text(self.path / "epochs.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def add_epoch(self, row: dict) -> None:
        with open(self.path / "epochs.jsonl", "a") as file:
            file.write(json.dumps(row) + "\n")

    def write_samples(self, columns: dict[str, Any]) -> None:
        """Write samples.parquet; columns: of equal length, one row per evaluated image."""
        # Opened by Python, because pyarrow takes some file names for addresses.
        with replacing(self.path / "samples.parquet") as temporary, open(temporary, "wb") as file:
            pq.write_table(pa.table(columns), file, compression="zstd", write_page_checksum=True)

    def fail(self, failure: dict) -> None:
        write_json(self.path / "failure.json", failure)

    def finish(self, result: dict) -> None:
        """Write the record, then remove the files that only a half-done run needs."""
        write_json(self.path / "result.json", result | {CHECKSUM: checksum(result)})
        self.tidy()

    def tidy(self) -> None:
        """Remove checkpoints, and temporary files of a killed process."""
        for path in self.path.glob("checkpoint-*"):
            path.unlink(missing_ok=True)
        remove_leftovers(self.path)


def run_paths(directory: Path) -> Iterator[Path]:
    """The directories of runs below `directory`, itself included, in a fixed order."""
    found: Path | None = None
    for path, names in walk_directories(directory):
        if found is not None and path.is_relative_to(found):
            continue
        if any(mark in names for mark in RUN_MARKERS):
            found = path
            yield path


def read_json(path: Path) -> dict | None:
    """The object in a JSON file, None without the file; ValueError that names a damaged file."""
    _check_file(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: {first_line(error)}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path.name}: is not what titn writes")
    return content


def _check_file(path: Path) -> None:
    """ValueError for a pipe, which would block the reader, or a directory."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path.name}: is not a file")


def run_of_weights(path: Path) -> RunDir | None:
    """The run that a path names, itself or by its weights; None of another file."""
    if path.is_dir():
        return RunDir(path)
    run = RunDir(path.parent)
    return run if path.name == run.weights.name else None


def checksum(content: dict) -> str:
    """CRC-32 of the content of a record; order of keys and layout of the text do not count."""
    text = json.dumps(content, sort_keys=True)
    return f"{zlib.crc32(text.encode()):08x}"


def write_json(path: Path, content: dict) -> None:
    write_text(path, json.dumps(content, indent=2) + "\n")
