"""What runs take on a disk, and what of it can go because nothing will read it again, or because it
can be made again. No torch here.

A record, its weights and its predictions stay. Nothing goes while a process holds the lock of the
run that it belongs to, and no teacher's answers while any run below the same directory is made.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from titn.cells.identity import run_source_digest
from titn.config import resolve
from titn.config.keys import GROUPS, is_own
from titn.records.cell_state import (
    HALF_DONE,
    PRUNED,
    RECORDED,
    RUNNING,
    STOPPED,
    cell_state,
)
from titn.records.run_dir import RUN_MARKERS, RunDir, run_paths
from titn.records.run_files import read_config, read_run_files
from titn.system.errors import ConfigError, error_text
from titn.system.locks import HeldError, Lock, is_held, lock_files, lock_names

# Where a runs_dir has what teachers answered; the names of titn.training.answer_cache's kinds.
ANSWERS = ("labels", "logits")
ANSWERS_NAME = re.compile(r"[0-9a-f]{64}")

# What a run writes before its record, besides checkpoints.
BEGUN = ("config.yaml", "environment.json", "epochs.jsonl", "log.txt")

WEIGHTS = "weights"
REST = "records, curves, predictions, logs"
HALF_DONE_CHECKPOINTS = "checkpoints of half-done runs"
IN_USE = "in use now"
CHECKPOINTS = "checkpoints of recorded runs"
PRUNED_CHECKPOINTS = "checkpoints of pruned trials, which begin anew if they are asked for in full"
ORPHANS = "half-done runs of other source code, which none can continue"
KEPT_ANSWERS = "what teachers answered, kept for other students"
# Kind -> whether it can go, in the order of the table.
KINDS = {
    WEIGHTS: False, REST: False, HALF_DONE_CHECKPOINTS: False, IN_USE: False,
    CHECKPOINTS: True, PRUNED_CHECKPOINTS: True, ORPHANS: True, KEPT_ANSWERS: True,
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """Files of one kind in one place. lock: the run's, held while they are removed. position: of
    the run when they were found."""

    kind: str
    place: Path
    files: tuple[Path, ...]
    lock: Path | None = None
    position: str = ""

    @property
    def num_bytes(self) -> int:
        return sum(_size(file) for file in self.files)

    @property
    def can_go(self) -> bool:
        return KINDS[self.kind]


def find_items(directory: Path) -> list[Item]:
    """What lies below a directory of runs; ConfigError if it cannot be listed."""
    if not directory.is_dir():
        raise ConfigError(f"{directory}: no such directory; give one with runs in it")
    runs = [RunDir(path) for path in run_paths(directory)]
    items = [item for run in runs for item in _of_run(run)]
    in_use = any(is_held(run.lock) for run in runs)
    return [*items, *_answers(directory, IN_USE if in_use else KEPT_ANSWERS)]


def remove(items: Sequence[Item]) -> int:
    """Remove what can go; the bytes that went. A run that has been taken into use meanwhile stays.

    Raises ConfigError for what the system does not let go.
    """
    removed = 0
    for item in items:
        if not (item.can_go and item.files):
            continue
        try:
            # Answers have no lock: a student that misses one asks its teacher.
            with Lock(item.lock, timeout=0) if item.lock else nullcontext() as lock:
                if lock is not None and RunDir(item.place).position != item.position:
                    continue  # somebody has gone on with it, and may have ended it
                removed += _remove_files(item)
                if lock is not None and item.kind == ORPHANS and _is_empty(item):
                    lock.release(remove=True)
        except HeldError:
            continue
        except OSError as error:
            raise ConfigError(
                f"{item.place}: cannot be removed ({error_text(error)}); ask its owner"
            ) from None
        if item.kind in (ORPHANS, KEPT_ANSWERS):
            _remove_directory(item)
    return removed


def _of_run(run: RunDir) -> Iterator[Item]:
    files = {path for path in run.path.rglob("*") if not path.is_dir() or path.is_symlink()}
    files -= lock_files(run.lock)
    # Of a run within a run, which is none of its files; it may be the one that is being made.
    inner = {path.parent for path in files if path.name in RUN_MARKERS} - {run.path}
    files = {path for path in files if not inner & set(path.parents)}
    state = cell_state(run)
    if state == RUNNING or is_held(run.lock):
        yield Item(IN_USE, run.path, tuple(sorted(files)))
        return
    checkpoints = {path for path in files if path.name.startswith("checkpoint-")}
    if state == HALF_DONE and is_orphan(run):
        own = checkpoints | {run.path / name for name in BEGUN} & files
        yield Item(ORPHANS, run.path, tuple(sorted(own)), run.lock, run.position)
        yield Item(REST, run.path, tuple(sorted(files - own)))
        return
    kinds = {RECORDED: CHECKPOINTS, STOPPED: CHECKPOINTS, PRUNED: PRUNED_CHECKPOINTS}
    kind = kinds.get(state, HALF_DONE_CHECKPOINTS)
    yield Item(kind, run.path, tuple(sorted(checkpoints)), run.lock, run.position)
    weights = {run.weights} & files
    yield Item(WEIGHTS, run.path, tuple(weights))
    yield Item(REST, run.path, tuple(sorted(files - checkpoints - weights)))


def is_orphan(run: RunDir) -> bool:
    """Whether a half-done run was begun by other code than that of now.

    False if one cannot know: code that is not titn's is not looked for.
    """
    try:
        environment = read_run_files(run.path).environment
        if environment is None:
            return False
        config = read_config(run.path)
        if not _is_titns(config):
            return False
        now = run_source_digest(resolve.resolve_recorded(config))
    except (OSError, ValueError, KeyError, ImportError, yaml.YAMLError):
        return False
    return environment["source_digest"] != now


def _is_titns(config: dict) -> bool:
    nodes = [config[group] for group in GROUPS if isinstance(config.get(group), dict)]
    teacher = config.get("teacher")
    is_titns = not any(is_own(str(node.get("_target_"))) for node in nodes)
    return is_titns and (teacher is None or _is_titns(teacher))


def _answers(directory: Path, kind: str) -> Iterator[Item]:
    for name in ANSWERS:
        for place in sorted((directory / name).glob("*")):
            if ANSWERS_NAME.fullmatch(place.name) and place.is_dir() and not place.is_symlink():
                yield Item(kind, place, tuple(sorted(place.glob("epoch-*.safetensors*"))))


def _remove_files(item: Item) -> int:
    removed = 0
    for file in item.files:
        size = _size(file)
        with suppress(FileNotFoundError):  # somebody else was here
            file.unlink()
            removed += size
    return removed


def _remove_directory(item: Item) -> None:
    """The directory too, unless somebody has put something of his own there."""
    with suppress(OSError):
        item.place.rmdir()


def _is_empty(item: Item) -> bool:
    """Whether nothing but the lock is left of a run."""
    own = lock_names(item.lock.name) if item.lock else ()
    return all(path.name in own for path in item.place.iterdir())


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
