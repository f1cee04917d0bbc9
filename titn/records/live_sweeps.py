"""Sweeps and runs below directories, looked at again and again. No torch here."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from titn.records.cell_state import DIVERGED, DONE, FAILED, HALF_DONE, RUNNING, WAITING
from titn.records.live_runs import (
    LiveRun,
    RunReader,
    config_or_empty,
    file_entry,
    network_and_data,
)
from titn.records.run_dir import RUN_MARKERS
from titn.records.search import is_search
from titn.records.slurm_jobs import Queue, QueueWatcher, state_in_queue
from titn.records.sweep_dir import PLAN, SweepDir
from titn.records.sweep_plan import PlannedCell
from titn.system.errors import ConfigError

# A directory that changed within so many seconds may change again without another time.
SETTLED_SECS = 2.0
# Beginning of the names of paths, which plan their cells step by step.
PATHS = "ablate/path-"


@dataclass(frozen=True)
class LiveCell:
    """A cell at one moment. sweep: its name, empty for a run that no plan has. row: of the plan.
    is_stuck: whether it waits for a teacher that has failed."""

    sweep: str
    row: str
    name: str
    run: LiveRun
    is_stuck: bool = False

    @property
    def label(self) -> str:
        return f"{self.sweep}, {self.name}" if self.sweep else self.name


@dataclass(frozen=True)
class Picture:
    """All at one moment.

    cells: those of plans; without any plan, all runs. others: runs of no plan that are being made,
    as teachers are, and teachers that have failed. has_plan: whether `cells` is what was planned.
    problems: of damaged plans. may_grow: whether a sweep plans more cells when these have ended, as
    a search does, a path, and rows that choose their values.
    """

    cells: list[LiveCell] = field(default_factory=list)
    others: list[LiveCell] = field(default_factory=list)
    has_plan: bool = False
    problems: list[str] = field(default_factory=list)
    may_grow: bool = False


def _may_grow(sweep: str, planned: list[tuple[PlannedCell, Path]]) -> bool:
    """Whether more cells may be planned while these are made."""
    grows = is_search(sweep) or sweep.startswith(PATHS)
    return grows or any(cell.role == "candidate" for cell, _ in planned)


class Watcher:
    """Looks at sweeps and runs; only what has changed is read again."""

    def __init__(self, directories: Sequence[Path], queue: QueueWatcher | None = None):
        """queue: where a scheduler's queue is looked at, too."""
        self.directories = directories
        self.queue = queue
        self.reader = RunReader()
        self.real: dict[Path, str] = {}
        self.configs: dict[Path, dict[str, Any]] = {}
        self.walked: dict[Path, tuple[int, list[str], list[Path]]] = {}
        self.plans: dict[Path, tuple[Any, str, list[tuple[PlannedCell, Path]]]] = {}

    def look(self) -> Picture:
        plans, runs = self._found()
        in_queue = self.queue.look([plan.path for plan in plans]) if self.queue else Queue()
        cells: dict[tuple[str, str, str], LiveCell] = {}
        failed_teachers = set[str]()
        problems = list[str]()
        may_grow = False
        for plan in plans:
            try:
                name, planned = self._plan(plan)
            except ConfigError as error:
                problems.append(str(error))
                continue
            may_grow = may_grow or _may_grow(name, planned)
            for cell, path in planned:
                live = self._live(name, cell, path, in_queue)
                cells[name, cell.name, self._real(path)] = live
                if cell.teacher:
                    teacher = path.parent / cell.teacher
                    runs.setdefault(self._real(teacher), teacher)
                    failed_teachers |= {self._real(teacher)} if live.is_stuck else set()
        if self.queue and self.queue.problem:
            is_open = any(cell.run.state in (WAITING, HALF_DONE) for cell in cells.values())
            problems += [self.queue.problem] if is_open else []
        known = {real for _, _, real in cells}
        others = {real: self.reader.read(path) for real, path in runs.items() if real not in known}
        if not cells:
            return Picture([self._unplanned(run) for run in others.values()], [], False, problems)
        beside = [
            self._unplanned(run)
            for real, run in others.items()
            if run.state == RUNNING or real in failed_teachers
        ]
        return Picture(list(cells.values()), beside, True, problems, may_grow)

    def _found(self) -> tuple[list[SweepDir], dict[str, Path]]:
        """The sweeps with a plan and the runs below the directories, each once."""
        plans, runs = dict[str, SweepDir](), dict[str, Path]()
        for top in self.directories:
            for path, names in self._walk(top):
                if PLAN in names:
                    plans[os.path.realpath(path)] = SweepDir(path)
                if any(mark in names for mark in RUN_MARKERS):
                    runs[self._real(path)] = path
        return list(plans.values()), runs

    def _live(self, sweep: str, cell: PlannedCell, path: Path, in_queue: Queue) -> LiveCell:
        run = self.reader.read(path)
        if self.queue:
            place = in_queue.places.get(cell.config_hash)
            run = replace(run, state=state_in_queue(run.state, place))
        is_stuck = False
        if cell.teacher and run.state == WAITING:
            is_stuck = self.reader.read(path.parent / cell.teacher).state in (FAILED, DIVERGED)
        return LiveCell(sweep, cell.row, f"{cell.name}, seed {cell.seed}", run, is_stuck)

    def _plan(self, sweep: SweepDir) -> tuple[str, list[tuple[PlannedCell, Path]]]:
        """A sweep's name and different cells; read again if its plan has changed."""
        entry = file_entry(sweep.path, PLAN)
        if sweep.path not in self.plans or self.plans[sweep.path][0] != entry:
            planned = [(cell, sweep.run_dir(cell).path) for cell in sweep.cells()]
            self.plans[sweep.path] = entry, sweep.name(), planned
        return self.plans[sweep.path][1:]

    def _real(self, path: Path) -> str:
        """Without links, asked for once: runs stay where they are."""
        if path not in self.real:
            self.real[path] = os.path.realpath(path)
        return self.real[path]

    def _unplanned(self, run: LiveRun) -> LiveCell:
        config = self._config(run)
        name = run.path.name[:12]
        if trained := network_and_data(config):
            name = f"{trained}, seed {config['seed']} ({name[:8]})"
        return LiveCell("", "", name, run)

    def _config(self, run: LiveRun) -> dict[str, Any]:
        if run.config:
            self.configs[run.path] = run.config
        elif run.path not in self.configs and run.state in DONE:
            self.configs[run.path] = config_or_empty(run.path)
        return self.configs.get(run.path, {})

    def _walk(self, top: Path) -> Iterator[tuple[Path, list[str]]]:
        """Directories with the names in them, but none below a run; links are not followed."""
        waiting = [top]
        while waiting:
            directory = waiting.pop()
            names, inner = self._entries(directory)
            yield directory, names
            if not any(mark in names for mark in RUN_MARKERS):
                waiting += reversed(inner)

    def _entries(self, directory: Path) -> tuple[list[str], list[Path]]:
        """Names in a directory, and its directories; scanned again if it has changed."""
        changed, _ = file_entry(directory)
        if directory in self.walked and self.walked[directory][0] == changed:
            return self.walked[directory][1:]
        try:
            with os.scandir(directory) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            return [], []
        inner = [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
        result = [entry.name for entry in found], [directory / name for name in inner]
        if time.time() - changed / 1e9 > SETTLED_SECS:
            self.walked[directory] = changed, *result
        return result
