"""The files of a sweep's directory. No torch here.

sweep.json      the plan, written before the first cell starts: settings and their cells
latency.json    seconds a batch of the rows' networks, if the question asks for it
postponed.json  requests that were postponed, with the reason
trials.json     of a search: what has become of its trials

A later request adds to the plan: more seeds to the same setting, another data set as a setting of
its own. What has become of a cell is seen from the cell's own directory.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

from titn.records.cell_state import HALF_DONE, WAITING, cell_state
from titn.records.postponed import Postponed
from titn.records.run_dir import RunDir, read_json, write_json
from titn.records.safe_open import check_plain, safe_path, walk_directories
from titn.records.schemas import validate
from titn.records.sweep_plan import PlannedCell, Setting, merge_settings
from titn.records.sweep_schemas import LatencySchema, PlanFile, PostponedFile
from titn.records.trials import TrialsFile
from titn.system.errors import ConfigError, first_line
from titn.system.locks import Lock
from titn.system.text import printable

PLAN, LATENCY, POSTPONED = "sweep.json", "latency.json", "postponed.json"
TRIALS = "trials.json"

# For a damaged plan, damaged trials and damaged latencies.
RESTORE_OR_RERUN = "put back a copy, or remove it and ask again"
RESTORE_OR_RETELL = "put back a copy, or remove it and give the search's command again"
RESTORE_OR_RETIME = "put back a copy, or remove it, and the networks are timed again"


class DamageError(ConfigError):
    """A file of a sweep is not as titn wrote it; `reason` says what is wrong."""

    def __init__(self, path: Path, reason: str, remedy: str):
        super().__init__(printable(f"{path}: is damaged ({reason}); {remedy}"))
        self.reason = printable(reason)


@dataclass(frozen=True)
class SweepDir:
    """The directory of a sweep.

    Every method that reads a file raises ConfigError if the file is damaged; every method that
    writes one does so too, and then has written nothing. A sweep's name is group/choice, as
    ablation/patch_size.
    """

    path: Path

    def name(self) -> str:
        return self._plan().get("sweep") or self._postponed().get("sweep", self.path.name)

    def cells(self) -> list[PlannedCell]:
        """The cells of all settings; a cell that several settings have comes once.

        Without those that no command will make: of rows that the question has no longer what has
        not been made.
        """
        cells = (
            cell
            for setting in self.settings()
            for cell in setting.cells
            if not setting.is_removed(cell) or not self._is_to_make(cell)
        )
        return [*{(cell.row, cell.config_hash): cell for cell in cells}.values()]

    def _is_to_make(self, cell: PlannedCell) -> bool:
        return cell_state(self.run_dir(cell), cell.config_hash) in (WAITING, HALF_DONE)

    def run_dir(self, cell: PlannedCell) -> RunDir:
        return RunDir(Path(os.path.normpath(self.path / cell.directory)))

    def order(self, setting: Setting) -> tuple[str, str]:
        """Sorts requests by time: when the setting was asked, in UTC, else when it last began.

        A plan of before the times were kept comes first; of such ones the last cell that was begun
        decides. Where records are kept, a run may lie beside another of its name
        (`titn.records.archive`).
        """
        if setting.asked:
            return setting.asked, ""
        found = [""]
        for cell in setting.cells:
            own = self.run_dir(cell)
            digest = cell.source_digest or setting.source_digest
            beside = RunDir(own.path.with_name(f"{own.path.name}-{digest[:8]}"))
            for run in (own, beside):
                with suppress(OSError, ValueError):
                    environment = run.environment() or {}
                    if environment.get("source_digest") == digest:
                        found.append(str(environment.get("started", "")))
        return "", max(found)

    # sweep.json

    def settings(self) -> list[Setting]:
        """The settings of the plan, in the order of their last requests; empty without a plan."""
        return [_parse_setting(node) for node in self._plan().get("settings", ())]

    def add_setting(self, name: str, setting: Setting) -> None:
        """Merge a setting into the plan, and remove the postponed notes that it makes good.

        Of a command that began before that of the plan's last request, what it adds is the earlier.
        ConfigError if the plan is that of another sweep, as of a group with a file of this name.
        """
        with self._locked():
            if self.settings() and self.name() != name:
                raise ConfigError(
                    f"{name}: {self.path} holds the plan of {self.name()}; give runs_dir=DIR, or "
                    "the file of one of them another name"
                )
            planned, notes = self.settings(), self.postponed()
            if all(one.identity != setting.identity for one in planned):
                setting = setting.after(planned)
            settings = merge_settings(sorted([*planned, setting], key=attrgetter("asked")))
            self._write_plan(name, settings)
            (merged,) = (one for one in settings if one.identity == setting.identity)
            # It has the overrides of the first request, which may be spelled otherwise.
            known = replace(merged, overrides=setting.overrides)
            kept = [note for note in notes if not note.is_planned_in(known)]
            if len(kept) < len(notes):
                self._write_postponed(name, kept)

    def _plan(self) -> dict:
        return self._read(PLAN, lambda plan: validate(PLAN, PlanFile, plan), RESTORE_OR_RERUN)

    def _write_plan(self, name: str, settings: Iterable[Setting]) -> None:
        nodes = [asdict(setting) for setting in settings]
        for node in nodes:
            for key in ("asked", "first_asked", "removed"):  # as in the plan of before
                if not node[key]:
                    del node[key]
        plan = {"sweep": name, "settings": nodes}
        write_json(self.path / PLAN, plan)

    # latency.json

    def latency(self, setting: Setting) -> dict | None:
        """The latencies of a setting (titn.records.sweep_schemas.LatencySchema); None without."""
        key = _latency_key(setting)

        def check(content: dict) -> None:
            check_plain(content)
            if key in content:
                validate(LATENCY, LatencySchema, content[key])

        return self._read(LATENCY, check, RESTORE_OR_RETIME).get(key)

    def add_latency(self, setting: Setting, latency: dict) -> None:
        with self._locked():
            write_json(self.path / LATENCY, self._latencies() | {_latency_key(setting): latency})

    def _latencies(self) -> dict:
        return self._read(LATENCY, check_plain, RESTORE_OR_RETIME)

    # postponed.json

    def postponed(self) -> list[Postponed]:
        """The postponed requests, in the order in which they were postponed."""
        return [Postponed(**node) for node in self._postponed().get("notes", ())]

    def postpone(self, name: str, note: Postponed) -> None:
        """Add a note; it replaces the notes that it covers."""
        with self._locked():
            others = [other for other in self.postponed() if not note.covers(other)]
            self._write_postponed(name, [*others, note])

    def _postponed(self) -> dict:
        return self._read(
            POSTPONED, lambda notes: validate(POSTPONED, PostponedFile, notes), RESTORE_OR_RERUN
        )

    def _write_postponed(self, name: str, notes: list[Postponed]) -> None:
        content = {"sweep": name, "notes": [asdict(note) for note in notes]}
        write_json(self.path / POSTPONED, content)

    # trials.json

    def trials(self) -> TrialsFile | None:
        """The trials of a search; None without any."""
        content = self._trials()
        return TrialsFile.model_validate(content) if content else None

    def write_trials(self, read: Callable[[], TrialsFile]) -> None:
        """Write what `read` finds in the study: one worker at a time, so that none is older."""
        with self._locked():
            self._write_trials(read())

    def _trials(self) -> dict:
        return self._read(
            TRIALS, lambda trials: validate(TRIALS, TrialsFile, trials), RESTORE_OR_RETELL
        )

    def _write_trials(self, trials: TrialsFile) -> None:
        write_json(self.path / TRIALS, trials.model_dump(mode="json"))

    # All files

    def merge(self, later: "SweepDir") -> None:
        """Add the plan, latencies and notes of another copy of this sweep.

        A note leaves if all its cells are in the other plan. Not for a sweep that is running. What
        was requested last counts, whichever of the two has it; of equal times the other's.
        """
        name, settings, notes = later.name(), later.settings(), later.postponed()
        dated = [(self.order(one), one) for one in self.settings()]
        dated += [(later.order(one), one) for one in settings]
        merged = merge_settings(one for _, one in sorted(dated, key=itemgetter(0)))
        latencies = self._latencies()
        for key, timed in later._latencies().items():
            latencies[key] = latency_to_keep(timed, latencies.get(key, timed))
        trials, known = later.trials(), self.trials()
        earlier_notes = self.postponed()
        uncovered = [one for one in earlier_notes if not any(note.covers(one) for note in notes)]
        kept_notes = [
            note
            for note in (*uncovered, *notes)
            if not any(note.is_planned_in(setting) for setting in (*settings, *merged))
        ]
        self.path.mkdir(parents=True, exist_ok=True)
        if merged:
            self._write_plan(name, merged)
        if latencies:
            write_json(self.path / LATENCY, latencies)
        if earlier_notes or notes:
            self._write_postponed(name, kept_notes)
        if trials is not None and (known is None or known.is_earlier_than(trials)):
            self._write_trials(trials)

    def _read(self, file: str, check: Callable[[dict], Any], remedy: str) -> dict:
        """A file's content, empty without it; DamageError with the remedy if `check` refuses it."""
        try:
            if safe_path(self.path, file) is None:
                return {}
            content = read_json(self.path / file) or {}
            check(content)
        except OSError as error:
            raise DamageError(self.path / file, error.strerror or "", remedy) from None
        except (ValueError, RecursionError) as error:
            reason = first_line(error).removeprefix(f"{file}: ")
            raise DamageError(self.path / file, reason, remedy) from None
        return content

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The directory for one process at a time; ConfigError where it cannot be written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with Lock(self.path / ".lock"):
                yield
        except OSError as error:
            raise ConfigError(
                f"hydra.sweep.dir={printable(self.path)}: cannot be written ({error.strerror}); "
                "make room, or choose another"
            ) from None


def sweep_dirs(directory: Path) -> list[SweepDir]:
    """The sweeps at any depth below a directory, itself included, in a fixed order."""
    return [
        SweepDir(path)
        for path, names in walk_directories(directory)
        if {PLAN, POSTPONED, TRIALS} & set(names)
    ]


def latency_to_keep(first: dict, second: dict) -> dict:
    """Of two measurements of a setting the first, unless the second has rows besides its own: what
    did not take turns is not joined."""
    return second if set(first["rows"]) < set(second["rows"]) else first


def _latency_key(setting: Setting) -> str:
    return f"{setting.key}-{setting.source_digest}"


def _parse_setting(node: dict) -> Setting:
    return Setting(**{**node, "cells": [PlannedCell(**cell) for cell in node["cells"]]})
