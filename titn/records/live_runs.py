"""What the files of runs say while they are being made. No torch here.

A file is read again only if its size or its time has changed, so that to look at a thousand runs
every few seconds costs little.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from titn.records.cell_state import DAMAGED, done_state, state_of
from titn.records.run_dir import RunDir
from titn.records.run_files import RunFiles, read_config, read_run_files
from titn.records.safe_open import safe_path
from titn.system.locks import is_held

STATE_FILES = ("result.json", "failure.json", "environment.json")


@dataclass(frozen=True)
class Learned:
    """What epochs.jsonl says so far.

    num_epochs: complete ones. top1: of the evaluated epochs. secs, images: of training, both since
    the first epoch. at: when the last line was written, in seconds since 1970.
    """

    num_epochs: int = 0
    top1: tuple[float, ...] = ()
    secs: float = 0.0
    images: int = 0
    at: float = 0.0

    @property
    def images_per_sec(self) -> float | None:
        return self.images / self.secs if self.images and self.secs else None


@dataclass(frozen=True)
class LiveRun:
    """A run at one moment.

    files: None if one is damaged. config, learned: empty before it is begun, if they are damaged,
    and of a recorded run, of which nothing more is to be learned. reason: of failure or damage.
    """

    path: Path
    state: str
    files: RunFiles | None
    config: dict[str, Any] = field(default_factory=dict)
    learned: Learned = Learned()
    reason: str = ""

    @property
    def num_epochs(self) -> int | None:
        """As configured."""
        return self.config.get("epochs")


@dataclass
class _Kept:
    """Contents of files by name, with what their directory entries said when they were read."""

    entries: dict[str, Any] = field(default_factory=dict)
    contents: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, entry: Any, read: Callable[[], Any]) -> Any:
        if name not in self.contents or self.entries[name] != entry:
            self.contents[name] = read()
            self.entries[name] = entry
        return self.contents[name]


class RunReader:
    """Reads runs again and again."""

    def __init__(self) -> None:
        self.kept: dict[Path, _Kept] = {}

    def read(self, path: Path) -> LiveRun:
        kept = self.kept.setdefault(path, _Kept())
        # The lock comes first, as in `cell_state`; of a recorded run it no longer matters.
        last = kept.contents.get("state")
        is_recorded = isinstance(last, RunFiles) and last.result is not None
        is_running = not is_recorded and is_held(RunDir(path).lock)
        entries = tuple(file_entry(path, name) for name in STATE_FILES)
        files = kept.get("state", entries, lambda: _files_or_reason(path))
        if not isinstance(files, str) and files.result is not None:
            return LiveRun(path, done_state(files.result), files)
        entry = file_entry(path, "config.yaml")
        config = kept.get("config", entry, lambda: config_or_empty(path)) if any(entry) else {}
        entry = file_entry(path, "epochs.jsonl")
        learned = kept.get("epochs", entry, lambda: read_learned(path, entry[0] / 1e9))
        if isinstance(files, str):
            return LiveRun(path, DAMAGED, None, config, learned, files)
        reason = str((files.failure or {}).get("reason", ""))
        return LiveRun(path, state_of(files, is_running), files, config, learned, reason)


def file_entry(directory: Path, name: str = "") -> tuple[int, int]:
    """When a file was changed, in nanoseconds, and its size; zeros without the file."""
    try:
        found = os.stat(f"{directory}/{name}")
    except (OSError, ValueError):
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _files_or_reason(path: Path) -> RunFiles | str:
    try:
        return read_run_files(path)
    except ValueError as error:
        return str(error)


def config_or_empty(path: Path) -> dict[str, Any]:
    """A run's configuration; empty without one, or if it is damaged."""
    try:
        return read_config(path)
    except ValueError:
        return {}


def network_and_data(config: dict[str, Any]) -> str:
    """What a run trains and on what, as "titn on digits"; empty where its choices are not kept."""
    choices = config.get("choices") or {}
    model, data = choices.get("model"), choices.get("dataset")
    return f"{model} on {data}" if model and data else ""


def read_learned(path: Path, at: float) -> Learned:
    """The epochs of a run that may be writing one: each whole line is one, whatever is in it."""
    try:
        file = safe_path(path, "epochs.jsonl")
        lines = file.read_text(encoding="utf-8").split("\n")[:-1] if file else []
    except (OSError, ValueError):
        return Learned()
    top1, secs, images = list[float](), 0.0, 0
    for line in lines:
        with suppress(ValueError, RecursionError, AttributeError):
            row = json.loads(line)
            if _is_number(row.get("top1")) and 0 <= row["top1"] <= 1:
                top1.append(float(row["top1"]))
            secs = row["train_secs"] if _is_number(row.get("train_secs")) else secs
            images = row["images_seen"] if _is_number(row.get("images_seen")) else images
    return Learned(len(lines), tuple(top1), max(0.0, secs), max(0, images), at)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value < 1e15
