"""The states of the cells of sweeps, as tables and messages. No torch here."""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from titn.records.cell_state import (
    DAMAGED,
    DIVERGED,
    DONE,
    FAILED,
    HALF_DONE,
    PREEMPTED,
    QUEUED,
    RUNNING,
    STATES,
    STOPPED,
    WITH_QUEUE,
    cell_state,
    damage_reason,
)
from titn.records.live_runs import config_or_empty, network_and_data
from titn.records.run_dir import RunDir, run_paths
from titn.records.run_files import read_config, read_run_files
from titn.records.safe_open import safe_path
from titn.records.search import is_search
from titn.records.slurm_jobs import Place, look_or_say, state_in_queue
from titn.records.sweep_dir import SweepDir, sweep_dirs
from titn.records.sweep_plan import PlannedCell
from titn.system.errors import ConfigError
from titn.system.files import check_can_be_listed
from titn.system.locks import holder_text
from titn.system.text import printable

LOOKS_AT_ONCE = 32

# A cell in one of these states has a message.
NOTEWORTHY = (STOPPED, RUNNING, PREEMPTED, HALF_DONE, DIVERGED, FAILED, DAMAGED)

# What runs have in the place of a sweep's name that no sweep asked for.
NO_SWEEP = "no sweep"

Row = tuple[str, ...]


@dataclass(frozen=True)
class CellStatus:
    """A planned cell with its state; sweep: the sweep's name. place: where Slurm has it."""

    sweep: str
    cell: PlannedCell
    run: RunDir
    state: str
    place: Place | None = None

    @property
    def row(self) -> str:
        """The row that counts it: one for all trials of a search, else one for each tuned value."""
        return self.cell.row if is_search(self.sweep) else self.cell.name

    @property
    def epochs(self) -> str:
        """How many epochs are done, as 2/15; empty if there is no configuration to read."""
        try:
            num_epochs = read_config(self.run.path)["epochs"]
            safe_path(self.run.path, "epochs.jsonl")
            return f"{self.run.num_epochs()}/{num_epochs}"
        except (OSError, ValueError):
            return ""

    @property
    def message(self) -> str:
        """The state with its reason, and the file or directory to look at."""
        place = self.run.log
        if self.state == DAMAGED:
            reason = f"{damage_reason(self.run)}; put back a copy, or remove it"
            place = self.run.path
        elif failure := self._failure():
            reason = failure["reason"]
        else:
            reason = f"{self.epochs or 'no'} epochs"
            if self.place is not None and self.place.is_live:
                reason += f", job {self.place.id}"
            if holder := self._holder():
                reason += f", {holder}"
        cell = f"{self.sweep}, {self.cell.name}, seed {self.cell.seed}"
        return f"{cell}: {self.state}, {reason}; {place}"

    def _holder(self) -> str:
        if self.state not in (RUNNING, HALF_DONE):
            return ""
        return holder_text(self.run.lock, is_running=self.state == RUNNING)

    def _failure(self) -> dict | None:
        if self.state not in (DIVERGED, FAILED):
            return None
        return read_run_files(self.run.path).failure


@dataclass(frozen=True)
class SweepsStatus:
    """The cells of several sweeps, and a message for each damaged plan and postponed request.

    has_jobs: whether some were given to a scheduler. unanswered: why it is not known which are
    queued. teachers: of students without a record, those that are no cells themselves.
    """

    cells: list[CellStatus]
    damaged_plans: list[str]
    postponed: list[str]
    has_jobs: bool = False
    unanswered: str = ""
    teachers: list[CellStatus] = field(default_factory=list)

    def row_table(self) -> tuple[Row, list[Row]]:
        """Columns, and for each row of each sweep the number of its cells in each state."""
        counts: dict[tuple[str, str], Counter[str]] = {}
        for status in self.cells:
            counts.setdefault((status.sweep, status.row), Counter())[status.state] += 1
        states = WITH_QUEUE if self.has_jobs else STATES
        rows = [(*row, *(str(count[state]) for state in states)) for row, count in counts.items()]
        return ("sweep", "row", *states), _printable(rows)

    def cell_table(self) -> tuple[Row, list[Row]]:
        """Columns, and a row for each cell."""
        rows = [
            (
                status.sweep,
                status.cell.name,
                str(status.cell.seed),
                status.state,
                status.epochs,
                str(status.run.path),
            )
            for status in self.cells
        ]
        return ("sweep", "row", "seed", "state", "epochs", "directory"), _printable(rows)

    def messages(self, states: Sequence[str] = NOTEWORTHY) -> list[str]:
        """A line for each teacher or cell in one of these states, and each postponed request."""
        known = (*self.teachers, *self.cells)
        lines = [status.message for status in known if status.state in states]
        lines += [*self._queued(), *([self.unanswered] if self.unanswered else [])]
        return [printable(line) for line in (*lines, *self.postponed)]

    def _queued(self) -> list[str]:
        """For each sweep and array how many cells are queued, and what Slurm says they wait for."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for one in self.cells:
            if one.state == QUEUED and one.place is not None and one.place.listed is not None:
                listed = one.place.listed
                counts[one.sweep, listed.job, listed.reason] += 1
        return [
            f"{sweep}: {number} queued as job {job} ({reason})"
            for (sweep, job, reason), number in counts.items()
        ]


def read_status(directories: Sequence[Path]) -> SweepsStatus:
    """The status of all sweeps below these directories; of one without a sweep, of its runs.

    ConfigError if a directory does not exist or holds neither, or if every plan is damaged.
    """
    found: list[SweepDir] = []
    runs: list[CellStatus] = []
    for directory in directories:
        check_directory(directory)
        own = sweep_dirs(directory)
        found += own
        runs += [] if own else _read_runs(directory)
    # A sweep or run that several directories lead to counts once.
    sweeps = list({os.path.realpath(sweep.path): sweep for sweep in found}.values())
    cells = list({os.path.realpath(one.run.path): one for one in runs}.values())
    errors: list[ConfigError] = []
    for sweep in sweeps:
        try:
            cells += _read_cells(sweep)
        except ConfigError as error:
            errors.append(error)
    if errors and len(errors) == len(sweeps) and not cells:
        raise errors[0]
    postponed = [line for sweep in sweeps for line in _read_postponed(sweep)]
    queue, unanswered = look_or_say(sweep.path for sweep in sweeps)
    places = [queue.places.get(one.cell.config_hash) for one in cells]
    cells = [
        replace(one, state=state_in_queue(one.state, place), place=place)
        for one, place in zip(cells, places, strict=True)
    ]
    damaged = [str(error) for error in errors]
    has_jobs = bool(queue.submissions or unanswered)
    teachers = _read_teachers(cells)
    return SweepsStatus(cells, damaged, postponed, has_jobs, unanswered, teachers)


def check_directory(directory: Path) -> None:
    """ConfigError if there is no such directory, or it cannot be listed."""
    if not os.path.isdir(directory):  # Path.is_dir raises for a name that is too long
        raise ConfigError(
            f"{printable(directory)}: there is no such directory; name one that holds sweeps"
        )
    check_can_be_listed(directory)


def _read_runs(directory: Path) -> list[CellStatus]:
    """The runs below a directory without a sweep, each as a cell, teachers among them."""
    runs = [RunDir(path) for path in run_paths(directory)]
    if not runs:
        raise ConfigError(
            f"{printable(directory)}: holds no sweep and no run; titn.train makes them, and "
            "runs_dir= says where"
        )
    return [
        CellStatus(NO_SWEEP, _as_planned(run.path), run, state)
        for run, state in zip(runs, _states(runs), strict=True)
    ]


def _as_planned(path: Path, kind: str = "") -> PlannedCell:
    """A run that no sweep asked for, with what its configuration says for a row."""
    config = config_or_empty(path)
    row = kind + (network_and_data(config) or path.name[:12])
    return PlannedCell(row, config.get("seed", 0), path.name, str(path))


def _read_cells(sweep: SweepDir) -> list[CellStatus]:
    name, cells = sweep.name(), sweep.cells()
    runs = [sweep.run_dir(cell) for cell in cells]
    hashes = [cell.config_hash for cell in cells]
    return [
        CellStatus(name, cell, run, state)
        for cell, run, state in zip(cells, runs, _states(runs, hashes), strict=True)
    ]


def _read_teachers(cells: Sequence[CellStatus]) -> list[CellStatus]:
    """The teachers that cells without a record wait for, unless they are cells themselves.

    They lie where their students do, or somewhere that the plan does not tell.
    """
    planned = {os.path.realpath(one.run.path) for one in cells}
    found: dict[str, tuple[str, RunDir]] = {}
    for one in cells:
        if one.cell.teacher and one.state not in DONE:
            run = RunDir(one.run.path.parent / one.cell.teacher)
            found.setdefault(os.path.realpath(run.path), (one.sweep, run))
    for real in planned & found.keys():
        del found[real]
    runs = [run for _, run in found.values()]
    return [
        CellStatus(sweep, _as_planned(run.path, "teacher "), run, state)
        for (sweep, run), state in zip(found.values(), _states(runs), strict=True)
    ]


def _states(runs: Sequence[RunDir], config_hashes: Sequence[str | None] = ()) -> list[str]:
    """At once: a lease that looks as if nobody renewed it is watched for some seconds."""
    hashes = config_hashes or [None] * len(runs)
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        return list(pool.map(cell_state, runs, hashes))


def _read_postponed(sweep: SweepDir) -> list[str]:
    try:
        notes = sweep.postponed()
    except ConfigError as error:
        return [str(error)]
    try:
        name = sweep.name()
    except ConfigError:  # the plan is damaged, and has a message already
        name = sweep.path.name
    return [note.message(name) for note in notes]


def _printable(rows: Sequence[Row]) -> list[Row]:
    return [tuple(map(printable, row)) for row in rows]
