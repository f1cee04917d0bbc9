"""What a sweep's directory says: which cells were asked for, by which command. No torch here.

sweep.json is the plan, written before the first cell starts; what has become of a cell is seen from
its own directory. Asking again adds to the plan: other seeds to the same setting, another data set
as a setting of its own.
"""

import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from titn.errors import ConfigError, first_line
from titn.records.records import RunDir, read_json, write_json

PLAN, LATENCY = "sweep.json", "latency.json"

RECORDED, RUNNING, DIVERGED, FAILED, HALF_DONE, WAITING, DAMAGED = (
    "recorded", "running", "diverged", "failed", "half done", "waiting", "damaged"
)  # fmt: skip

# Of a plan that cannot be read.
REMEDY = "put back a copy, or remove it and ask again"


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a plan: row and seed, identity, and place, relative to the sweep's directory.

    role: "cell"; "candidate" where a row chooses its tuned values on a validation split, with
    `tuned` the values tried (and in a cell, the ones that were chosen); "teacher".
    """

    row: str
    seed: int
    config_hash: str
    directory: str
    teacher: str | None = None
    role: str = "cell"
    tuned: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return name_of(self.row, self.tuned)


@dataclass(frozen=True)
class Setting:
    """What all cells of an asking have in common, and the cells.

    key: SHA-256 of the configuration of the baseline's first seed; it is the same however the
    setting was spelled. overrides: as they were given first. question: its node as it was at the
    last asking, None for a sweep without; revised: its claims or margins are not those of the
    first asking. rows: the labels, in order.
    """

    key: str
    source_digest: str
    overrides: list[str]
    commands: list[str]
    question: dict | None
    revised: bool
    rows: list[str]
    cells: list[PlannedCell]

    def joined(self, later: "Setting") -> "Setting":
        """This plan and a later one of the same setting."""
        cells = {
            (cell.role, cell.row, cell.seed, cell.config_hash): cell
            for cell in (*self.cells, *later.cells)
        }
        return replace(
            later,
            overrides=self.overrides,
            commands=list(dict.fromkeys([*self.commands, *later.commands])),
            revised=self.revised or _bets(self.question) != _bets(later.question),
            rows=_in_order(self.rows, later.rows, later.question),
            cells=list(cells.values()),
        )


def _bets(question: dict | None) -> Any:
    """What had to be fixed before the first cell was run."""
    return question and [question.get(key) for key in ("claims", "margins", "printed")]


def _in_order(before: list[str], now: list[str], question: dict | None) -> list[str]:
    rows = dict.fromkeys([*before, *now])
    named = [row for row in (question or {}).get("rows", ()) if row in rows]
    return list(dict.fromkeys([*named, *rows]))


@dataclass(frozen=True)
class SweepDir:
    """The directory of a sweep; name: group and choice, as ablation/patch_size."""

    path: Path

    def settings(self) -> list[Setting]:
        """What was asked, in the order of the first askings; ConfigError if the plan is damaged."""
        try:
            return [_setting(node) for node in self._plan().get("settings", ())]
        except (TypeError, KeyError, AttributeError):
            raise ConfigError(f"{self.path / PLAN}: is not what a sweep writes; {REMEDY}") from None

    def name(self) -> str:
        return self._plan().get("sweep", self.path.name)

    def _plan(self) -> dict:
        try:
            return read_json(self.path / PLAN) or {}
        except ValueError as error:
            said = first_line(error)
            raise ConfigError(f"{self.path / PLAN}: is damaged ({said}); {REMEDY}") from None

    def add(self, name: str, setting: Setting) -> None:
        """Write a setting into the plan, joined with what it has of it; one process at a time."""
        self.path.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path / ".lock"):
            known = {(s.key, s.source_digest): s for s in self.settings()}
            key = (setting.key, setting.source_digest)
            known[key] = known[key].joined(setting) if key in known else setting
            write_json(
                self.path / PLAN,
                {"sweep": name, "settings": [asdict(one) for one in known.values()]},
            )

    def latency(self, setting: Setting) -> dict | None:
        """What `add_latency` was given for a setting: how it was timed, and seconds by row."""
        return (read_json(self.path / LATENCY) or {}).get(_latency_key(setting))

    def add_latency(self, setting: Setting, timed: dict) -> None:
        with FileLock(self.path / ".lock"):
            known = read_json(self.path / LATENCY) or {}
            write_json(self.path / LATENCY, known | {_latency_key(setting): timed})

    def run_dir(self, cell: PlannedCell) -> RunDir:
        return RunDir(Path(os.path.normpath(self.path / cell.directory)))


def name_of(row: str, tuned: dict[str, Any]) -> str:
    """What messages call a row: with the values that it tries or has chosen."""
    return ", ".join([row, *(f"{key}={value}" for key, value in tuned.items())])


def _latency_key(setting: Setting) -> str:
    return f"{setting.key}-{setting.source_digest}"


def sweep_dirs(directory: Path) -> list[SweepDir]:
    """Sweeps at any depth below a directory, itself included, in a fixed order."""
    found = []
    for root, folders, files in os.walk(directory):
        folders.sort()
        if PLAN in files:
            found.append(SweepDir(Path(root)))
    return found


def _setting(node: dict) -> Setting:
    return Setting(**{**node, "cells": [PlannedCell(**cell) for cell in node["cells"]]})


def state_of(directory: RunDir) -> str:
    """What has become of a cell: recorded, running, diverged, failed, half done or waiting.

    Damaged if a file that would say so cannot be read.
    """
    try:
        return _state_of(directory)
    except ValueError:
        return DAMAGED


def _state_of(directory: RunDir) -> str:
    # The lock first: a cell that is finished while this looks is recorded, not half done.
    is_held = directory.lock.exists() and _is_held(directory.lock)
    if directory.result() is not None:
        return RECORDED
    if is_held:
        return RUNNING
    if (failure := directory.failure()) is not None:
        return DIVERGED if failure.get("kind") == "diverged" else FAILED
    return HALF_DONE if directory.environment() is not None else WAITING


def _is_held(lock: Path) -> bool:
    probe = FileLock(lock)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False  # another user's, or on a disk that is only read: this cannot be told
    probe.release()
    return False
