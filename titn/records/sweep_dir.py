"""What a sweep's directory says: which cells were asked for, by which command. No torch here.

sweep.json is the plan, written before the first cell starts; what has become of a cell is seen from
its own directory. Asking again adds to the plan: other seeds to the same setting, another data set
as a setting of its own.
"""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from titn.records.run_dir import RunDir, read_json, write_json
from titn.records.safe_open import check_plain, safe_path, walk_directories
from titn.records.schemas import Notes, Plan, Timing, read_run_files, validated
from titn.system.errors import ConfigError, first_line
from titn.system.text import counted, printable

PLAN, LATENCY, POSTPONED = "sweep.json", "latency.json", "postponed.json"

RECORDED, RUNNING, DIVERGED, FAILED, HALF_DONE, WAITING, DAMAGED = (
    "recorded", "running", "diverged", "failed", "half done", "waiting", "damaged"
)  # fmt: skip

# Of a plan that cannot be read.
REMEDY = "put back a copy, or remove it and ask again"
RETIMED = "put back a copy, or remove it, and the networks are timed again"


class DamageError(ConfigError):
    """A file of a sweep is not what titn wrote; `reason` says in what."""

    def __init__(self, path: Path, reason: str, remedy: str):
        super().__init__(printable(f"{path}: is damaged ({reason}); {remedy}"))
        self.reason = printable(reason)


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a plan: row and seed, identity, and place, relative to the sweep's directory.

    role: "cell"; "candidate" where a row chooses its tuned values on a validation split, with
    `tuned` the values tried (and in a cell, the ones that were chosen); "teacher". source_digest:
    of the code that this cell uses; empty in an older plan, whose cells all had their setting's.
    """

    row: str
    seed: int
    config_hash: str
    directory: str
    teacher: str | None = None
    role: str = "cell"
    tuned: dict[str, Any] = field(default_factory=dict)
    source_digest: str = ""

    @property
    def name(self) -> str:
        return row_name(self.row, self.tuned)


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
        """This plan and a later one of the same setting.

        Of a row that was asked for again by other source code the earlier cells leave the plan:
        seeds of two versions of a model are no sample of one. Their records stay where they are.
        """
        now = {(cell.role, cell.row): cell.source_digest for cell in later.cells}
        before = (
            cell
            for cell in self.cells
            if now.get((cell.role, cell.row), cell.source_digest) == cell.source_digest
        )
        cells = {
            (cell.role, cell.row, cell.seed, cell.config_hash): cell
            for cell in (*before, *later.cells)
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
class Request:
    """What an asking is of, whether it is run or put off."""

    overrides: list[str]
    rows: list[str]
    seeds: list[int]

    def covers(self, other: "Request") -> bool:
        """Whether all that the other asks for is asked for here."""
        return (
            self.overrides == other.overrides
            and set(self.rows) >= set(other.rows)
            and set(self.seeds) >= set(other.seeds)
        )


@dataclass(frozen=True, kw_only=True)
class Postponed(Request):
    """An asking that was put off: why, and what it would take.

    command: what asks for it. secs: of all cells and teachers one after another, by past cells;
    None if none tells anything. unknown: networks of which none does, left out of `secs`.
    hardware: on which the past cells ran.
    """

    reason: str
    command: str
    num_cells: int = 0
    num_teachers: int = 0
    secs: float | None = None
    unknown: list[str] = field(default_factory=list)
    hardware: str = ""

    @property
    def needs(self) -> str:
        """What it would take, in words."""
        text = counted(self.num_cells, "cell")
        if self.num_teachers:
            text += f" and {counted(self.num_teachers, 'teacher')}"
        if self.secs is not None:
            hours = self.secs / 3600
            least = "more than " if self.unknown else ""
            spent = f"{hours:.0f} hours" if hours >= 10 else f"{hours:.1f} hours"
            text += f": {least}{spent} needed on {self.hardware}, by the time that past cells took"
        if self.unknown:
            text += f"; no past cell tells how long {', '.join(self.unknown)} takes"
        return text


@dataclass(frozen=True)
class SweepDir:
    """The directory of a sweep; name: group and choice, as ablation/patch_size."""

    path: Path

    def settings(self) -> list[Setting]:
        """What was asked, in the order of the first askings; ConfigError if the plan is damaged."""
        return [_setting(node) for node in self._plan().get("settings", ())]

    def name(self) -> str:
        """Group and choice, as ablation/patch_size; ConfigError if what says it is damaged."""
        return self._plan().get("sweep") or self._notes().get("sweep", self.path.name)

    def _plan(self) -> dict:
        return self._read(PLAN, lambda plan: validated(PLAN, Plan, plan), REMEDY)

    def _read(self, file: str, check: Callable[[dict], Any], remedy: str) -> dict:
        """A file's content, empty without it; ConfigError with the remedy if it is damaged."""
        try:
            if safe_path(self.path, file) is None:
                return {}
            content = read_json(self.path / file) or {}
            check(content)
        except OSError as error:
            raise DamageError(self.path / file, error.strerror or "", remedy) from None
        except (ValueError, RecursionError) as error:
            said = first_line(error).removeprefix(f"{file}: ")
            raise DamageError(self.path / file, said, remedy) from None
        return content

    def add(self, name: str, setting: Setting) -> None:
        """Write a setting into the plan, joined with what it has of it; one process at a time.

        ConfigError, and nothing is written, if the plan is damaged.
        """
        with self._writing():
            self._write_plan(name, _together(self.settings(), [setting]))

    def _write_plan(self, name: str, settings: Iterable[Setting]) -> None:
        plan = {"sweep": name, "settings": [asdict(one) for one in settings]}
        write_json(self.path / PLAN, plan)

    def latency(self, setting: Setting) -> dict | None:
        """What `add_latency` was given for a setting: how it was timed, and seconds by row.

        ConfigError if that is damaged.
        """
        key = _latency_key(setting)

        def check(content: dict) -> None:
            check_plain(content)
            if key in content:
                validated(LATENCY, Timing, content[key])

        return self._read(LATENCY, check, RETIMED).get(key)

    def add_latency(self, setting: Setting, timed: dict) -> None:
        """ConfigError, and nothing is written, if the file is damaged."""
        with self._writing():
            write_json(self.path / LATENCY, self._timed() | {_latency_key(setting): timed})

    def _timed(self) -> dict:
        return self._read(LATENCY, check_plain, RETIMED)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The directory, for one process at a time; ConfigError where it cannot be written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path / ".lock"):
                yield
        except OSError as error:
            raise ConfigError(
                f"hydra.sweep.dir={printable(self.path)}: cannot be written ({error.strerror}); "
                "make room, or choose another"
            ) from None

    def postponed(self) -> list["Postponed"]:
        """What was put off, in that order; ConfigError if the file is damaged."""
        return [Postponed(**node) for node in self._notes().get("notes", ())]

    def postpone(self, name: str, note: "Postponed") -> None:
        """Write a note, in place of one of the same asking.

        ConfigError, and nothing is written, if the file is damaged.
        """
        with self._writing():
            others = [one for one in self.postponed() if not note.covers(one)]
            self._write_notes(name, [*others, note])

    def take_up(self, name: str, asked: Request) -> None:
        """Remove the notes of what is asked for now."""
        if not self.postponed():
            return
        with self._writing():
            self._write_notes(name, [one for one in self.postponed() if not asked.covers(one)])

    def _notes(self) -> dict:
        return self._read(POSTPONED, lambda notes: validated(POSTPONED, Notes, notes), REMEDY)

    def _write_notes(self, name: str, notes: list["Postponed"]) -> None:
        write_json(self.path / POSTPONED, {"sweep": name, "notes": [asdict(one) for one in notes]})

    def join(self, later: "SweepDir") -> None:
        """Take in what was asked, timed and put off elsewhere later, as if it had been here.

        Of a note all of whose cells are in the later plan nothing is left. Not for a sweep that
        another process is asking. ConfigError, and nothing is written, if either is damaged.
        """
        name, plan, notes = later.name(), later.settings(), later.postponed()
        settings = _together(self.settings(), plan)
        timed = self._timed() | later._timed()
        before = self.postponed()
        others = [one for one in before if not any(note.covers(one) for note in notes)]
        still = [one for one in others if not _is_planned(one, plan)]
        self.path.mkdir(parents=True, exist_ok=True)
        if settings:
            self._write_plan(name, settings)
        if timed:
            write_json(self.path / LATENCY, timed)
        if before or notes:
            self._write_notes(name, [*still, *notes])

    def run_dir(self, cell: PlannedCell) -> RunDir:
        return RunDir(Path(os.path.normpath(self.path / cell.directory)))


def row_name(row: str, tuned: dict[str, Any]) -> str:
    """What messages call a row: with the values that it tries or has chosen."""
    return ", ".join([row, *(f"{key}={value}" for key, value in tuned.items())])


def _together(first: Sequence[Setting], later: Sequence[Setting]) -> list[Setting]:
    """Settings in the order of their first askings, each once."""
    known = {(one.key, one.source_digest): one for one in first}
    for one in later:
        key = (one.key, one.source_digest)
        known[key] = known[key].joined(one) if key in known else one
    return list(known.values())


def _is_planned(note: Postponed, plan: Sequence[Setting]) -> bool:
    """Whether one of the settings has all cells that a note puts off."""
    wanted = set(itertools.product(note.rows, note.seeds))
    return any(
        one.overrides == note.overrides and wanted <= {(cell.row, cell.seed) for cell in one.cells}
        for one in plan
    )


def _latency_key(setting: Setting) -> str:
    return f"{setting.key}-{setting.source_digest}"


def sweep_dirs(directory: Path) -> list[SweepDir]:
    """Sweeps at any depth below a directory, itself included, in a fixed order."""
    return [
        SweepDir(place)
        for place, names in walk_directories(directory)
        if PLAN in names or POSTPONED in names
    ]


def _setting(node: dict) -> Setting:
    return Setting(**{**node, "cells": [PlannedCell(**cell) for cell in node["cells"]]})


def cell_state(directory: RunDir) -> str:
    """What has become of a cell: recorded, running, diverged, failed, half done or waiting.

    Damaged if a file that would say so cannot be believed.
    """
    try:
        return _state_of(directory)
    except ValueError:
        return DAMAGED


def damage_reason(directory: RunDir) -> str:
    """Why a cell is damaged: the file and what is wrong with it. Empty if it is not."""
    try:
        read_run_files(directory.path)
    except ValueError as error:
        return str(error)
    return ""


def _state_of(directory: RunDir) -> str:
    # The lock first: a cell that is finished while this looks is recorded, not half done.
    is_held = _is_held(directory.lock)
    said = read_run_files(directory.path)
    if said.result is not None:
        return RECORDED
    if is_held:
        return RUNNING
    if said.failure is not None:
        return DIVERGED if said.failure["kind"] == "diverged" else FAILED
    return WAITING if said.environment is None else HALF_DONE


def _is_held(lock: Path) -> bool:
    # Only a file: to try a lock is to open it, and a link may lead to anyone's file.
    if not lock.is_file() or lock.is_symlink():
        return False
    probe = FileLock(lock)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False  # another user's, or on a disk that is only read: this cannot be told
    probe.release()
    return False
