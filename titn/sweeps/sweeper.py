"""A sweep from its command line to its exit code: plan, announce, make, report.

The plan is in the sweep's directory (titn.records.sweep_dir), the cells are where single runs are,
and each cell has its own lock. So the same command continues a sweep, two sweeps at once share the
work, and one that is killed loses no more than a part of an epoch.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.plugins.launcher import Launcher

from titn.records.cell_state import DIVERGED, DONE, FAILED
from titn.sweeps.announce import announce, announce_expected, count_recorded, workers_line
from titn.sweeps.counting import counting
from titn.sweeps.estimate import TimeEstimator
from titn.sweeps.greedy_path import announce_path, choose_path, is_path
from titn.sweeps.latencies import record_latencies
from titn.sweeps.launch import CellLauncher, Outcome, Rounds
from titn.sweeps.memory import room_line
from titn.sweeps.plan import SweepCell, SweepPart, check_directories, plan_setting
from titn.sweeps.ray.cluster import check_installed
from titn.sweeps.ray.launch import RayCells
from titn.sweeps.ray.options import RayOptions
from titn.sweeps.slurm.launch import Detached, SlurmCells, without_slurm
from titn.sweeps.slurm.options import SlurmOptions
from titn.sweeps.sweep import Sweep
from titn.sweeps.tuning import (
    NONE_TRAINED,
    plan_candidates,
    plan_cells,
    plan_expected,
    rows_without_choice,
)
from titn.system.console import complain
from titn.system.errors import CellError, ConfigError
from titn.system.progress import duration, say
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.planning import Planner

Launches = Rounds | SlurmCells


@dataclass(frozen=True)
class Unrecorded:
    """A cell that has no record after the sweep, with the reason."""

    cell: SweepCell
    reason: str
    bad_input: bool


def run_sweep(sweep: Sweep, launcher: Launcher) -> None:
    """Plan all cells, announce them, make the open ones and list those without a record.

    Raises ConfigError before anything is made if a cell cannot be planned; at the end, ConfigError
    or CellError if a cell has no record.
    """
    if sweep.postpone is not None:
        from titn.sweeps.postpone import postpone

        postpone(sweep, sweep.postpone)
        return

    from titn.cells.planning import Planner

    planner, launches = Planner(), _launches(sweep, launcher)
    for line in sweep.remarks:
        say(line)
    try:
        _run_planned(sweep, planner, launches)
    except Detached:
        return
    finally:
        launches.close()


def _launches(sweep: Sweep, launcher: Launcher) -> Launches:
    """What makes cells: a launcher of Hydra's, Ray, or the queue of Slurm.

    ConfigError for a search in a queue, and for what is not there.
    """
    stop_file = sweep.directory.path / "stopped"
    options = getattr(launcher, "options", None)
    if not isinstance(options, SlurmOptions):
        if sweep.fail_fast and not sweep.dry_run:
            stop_file.unlink(missing_ok=True)  # of an earlier sweep
        stop = stop_file if sweep.fail_fast else None
        if not isinstance(options, RayOptions):
            return CellLauncher(launcher, sweep.name, stop)
        if not sweep.dry_run or options.address is not None:
            check_installed()
        return RayCells(options, sweep, stop)
    if sweep.search is not None:
        raise ConfigError(
            "hydra/launcher=slurm: queues cells that are known, and a search decides as it goes; "
            "leave it out, and start the search's workers with sbatch (docs/clusters.md)"
        )
    if not sweep.dry_run and (absent := without_slurm()):
        raise ConfigError(
            f"hydra/launcher=slurm: there is no {absent} on this machine; give the command on one "
            "that submits jobs, or choose hydra/launcher=joblib"
        )
    if not (sweep.fail_fast or sweep.dry_run):
        stop_file.unlink(missing_ok=True)  # else it would stop jobs that are queued
    return SlurmCells(options, sweep, stop_file if sweep.fail_fast else None)


def _run_planned(sweep: Sweep, planner: "Planner", launches: Launches) -> None:
    """Plan, announce and make the cells of all stages of a sweep."""
    if sweep.search is not None:
        from titn.sweeps.run_search import run_search

        assert isinstance(launches, Rounds)

        def confirm(known: Sweep, parts: Sequence[SweepPart]) -> None:
            missing = _make(known, planner, launches, parts)
            _raise_if_incomplete(known.name, missing, [])

        run_search(sweep, planner, launches, confirm)
        return
    if is_path(sweep):
        _run_path(sweep, planner, launches)
        return
    candidates = [plan_candidates(sweep, planner, request) for request in sweep.requests]
    # The values of these cells depend on what the candidates show. What is wrong with their other
    # keys does not, and is refused before a candidate is trained.
    expected = [plan_expected(sweep, planner, part) for part in candidates if part.cells]
    unrecorded = _make(sweep, planner, launches, candidates)
    undecided = [why for part in candidates for why in rows_without_choice(part).items()]
    if sweep.dry_run and undecided:
        announce_expected(sweep, [cell for part in expected for cell in part.cells])
        return
    parts = [plan_cells(sweep, planner, part) for part in candidates]
    unrecorded += _make(sweep, planner, launches, parts)
    if sweep.dry_run:
        return
    if sweep.question is not None and sweep.question.measure == "latency":
        for part in parts:
            if part.cells:
                record_latencies(sweep, planner, part)
    _raise_if_incomplete(sweep.name, unrecorded, undecided)


def _run_path(sweep: Sweep, planner: "Planner", launches: Launches) -> None:
    """For each request the rounds of its steps, then the rows that they have chosen."""
    missing: list[Unrecorded] = []
    undecided: list[tuple[str, str]] = []
    for request in sweep.requests:
        announce_path(sweep, planner, request)
        chosen, rows, without = choose_path(
            sweep, planner, request, lambda known, part: _make(known, planner, launches, [part])
        )
        missing += without
        if rows is not None:
            missing += _make(chosen, planner, launches, [rows])
        elif not (sweep.dry_run or without):
            undecided.append(("the next step of the path", NONE_TRAINED))
    if not sweep.dry_run:
        _raise_if_incomplete(sweep.name, missing, undecided)


def _make(
    sweep: Sweep, planner: "Planner", launches: Launches, parts: Sequence[SweepPart]
) -> list[Unrecorded]:
    """Announce the cells, and unless it is a dry run write the plan and make the open ones."""
    parts = [part for part in parts if part.cells]
    if not parts:
        return []
    cells = [cell for part in parts for cell in part.cells]
    check_directories(cells)
    estimator = TimeEstimator(sweep.runs_dir)
    for part in parts:
        announce(sweep, part.cells, estimator)
        for line in launches.plan_lines(part.cells, estimator):
            say(line)
        if sweep.dry_run:
            for line in _scaling_lines(part.cells, estimator, launches.is_here):
                say(line)
    if sweep.dry_run:
        return []
    for part in parts:
        sweep.directory.add_setting(sweep.name, plan_setting(sweep, planner, part))
    started = time.monotonic()
    with counting(sweep.name, sweep.directory.path, cells):
        # Rows may be spelled otherwise and be one configuration, which is made once.
        todo: dict[str, SweepCell] = {}
        for cell in cells:
            if cell.is_open:
                todo.setdefault(cell.config_hash, cell)
        outcomes = launches.make([*todo.values()], sweep.wait)
    return _report(sweep.name, cells, outcomes, time.monotonic() - started)


def _scaling_lines(
    cells: Sequence[SweepCell], estimator: TimeEstimator, is_here: bool
) -> Iterator[str]:
    """What several workers would make of the open cells. is_here: they share this machine."""
    if line := workers_line(cells, estimator):
        yield line
    if is_here and (todo := [planned.cell for planned in cells if planned.is_open]):
        yield room_line(todo)


def _report(
    name: str, cells: Sequence[SweepCell], outcomes: dict[str, Outcome], secs: float
) -> list[Unrecorded]:
    """Print a line for what was done and one for each cell without a record; returns those.

    A candidate that diverged is not returned: its value has been tried, and is not chosen.
    """
    # Once: another process may end a cell at any time.
    states = [cell.state for cell in cells]
    say(f"{name}: {count_recorded(states)}, {duration(secs)}")
    unrecorded = []
    for cell, state in zip(cells, states, strict=True):
        if state in DONE:
            continue
        one = _explain(cell, state, outcomes.get(cell.config_hash))
        complain(f"{cell.label}: {one.reason}", 0)
        if (cell.role, state) != ("candidate", DIVERGED):
            unrecorded.append(one)
    return unrecorded


def _explain(cell: SweepCell, state: str, outcome: Outcome | None) -> Unrecorded:
    """outcome: None for a cell that was not launched, because it had failed before."""
    if outcome is not None and outcome.reason:
        return Unrecorded(cell, outcome.reason, outcome.bad_input)
    directory = cell.cell.directory
    if state not in (DIVERGED, FAILED):
        return Unrecorded(cell, f"{state} in {directory.path}", bad_input=False)
    failure = directory.failure() or {}
    reason = f"{failure.get('reason')} (log: {directory.log}; retry=failed tries again)"
    return Unrecorded(cell, reason, bad_input=False)


def _raise_if_incomplete(
    name: str, unrecorded: Sequence[Unrecorded], undecided: Sequence[tuple[str, str]]
) -> None:
    """ConfigError, or CellError unless bad input is to blame, that counts what is missing.

    undecided: rows without cells, each with the reason.
    """
    for row, reason in undecided:
        complain(f"{row}: {reason}", 0)
    missing = []
    if unrecorded:
        missing.append(f"{counted(len(unrecorded), 'cell')} without a record")
    if undecided:
        missing.append(f"{counted(len(undecided), 'row')} without cells")
    if missing:
        bad_input = any(one.bad_input for one in unrecorded)
        kind = ConfigError if bad_input else CellError
        raise kind(f"{name}: {' and '.join(missing)}")
