"""Says what a sweep will do: the state of each cell, and how long the open ones will take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from titn.records.cell_state import DONE, STOPPED, cell_state
from titn.sweeps.estimate import PendingRun, TimeEstimator
from titn.sweeps.makespan import Work, makespan, numbers_of_workers
from titn.sweeps.plan import SweepCell
from titn.sweeps.sweep import Sweep
from titn.system.progress import duration, say
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.cell import Cell


def announce(sweep: Sweep, cells: Sequence[SweepCell], estimator: TimeEstimator) -> None:
    """Say title, data set and epochs, then the plan; cells: those of one setting, at least one."""
    run = cells[0].cell.run
    title = f": {sweep.question.title}" if sweep.question else ""
    part = ", choosing on a validation split" if cells[0].role == "candidate" else ""
    epochs = counted(run["epochs"], "epoch")
    say(f"{sweep.name}{title} ({run['choices']['dataset']}, {epochs}{part})")
    for line in plan_lines(cells, estimator):
        say(line)


def announce_expected(sweep: Sweep, cells: Sequence[SweepCell]) -> None:
    """Say what comes after the candidates; cells: of all rows, some with values that stand in."""
    if cells:
        number, work = counted(len(cells), "cell"), work_left(cells, TimeEstimator(sweep.runs_dir))
        say(
            f"{sweep.name}: then {number} of the rows, with the values that they choose; if each "
            f"chose its first, {work}"
        )


def plan_lines(cells: Sequence[SweepCell], estimator: TimeEstimator) -> list[str]:
    """A table with the state of each row and seed, and a line with what there is to do."""
    states: dict[str, dict[int, str]] = {}
    for planned in cells:
        states.setdefault(planned.name, {})[planned.cell.run["seed"]] = planned.state
    seeds = sorted({planned.cell.run["seed"] for planned in cells})
    width = max(map(len, states))
    column = max(9, *(len(planned.state) for planned in cells))
    header = "".join(f"  {f'seed {seed}':{column}}" for seed in seeds)
    lines = [f"  {'':{width}}{header}".rstrip()]
    for row, by_seed in states.items():
        line = "".join(f"  {by_seed.get(seed, ''):{column}}" for seed in seeds)
        lines.append(f"  {row:{width}}{line}".rstrip())
    return [*lines, f"  {work_left(cells, estimator)}"]


def count_recorded(states: Sequence[str]) -> str:
    """How many cells have a record, in words, and how many of those their patience ended."""
    num_stopped = states.count(STOPPED)
    stopped = f", {num_stopped} of them stopped early" if num_stopped else ""
    return f"{sum(state in DONE for state in states)} of {len(states)} cells recorded{stopped}"


def work_left(cells: Sequence[SweepCell], estimator: TimeEstimator) -> str:
    """How many of the cells there are to make, and how long that takes by past ones."""
    todo = [*{planned.config_hash: planned for planned in cells if planned.is_open}.values()]
    if not todo:
        return "nothing to do"
    teachers = _teachers_to_make(todo)
    pending = [*map(pending_run, (*teachers, *(planned.cell for planned in todo)))]
    secs, unknown = estimator.total(pending)
    num_cells = len({planned.config_hash for planned in cells})
    text = f"to do: {len(todo)} of {num_cells} cells"
    if teachers:
        text += f" and {counted(len(teachers), 'teacher')}"
    if secs:
        source = estimator.source(pending)
        text += f", about {duration(secs)} one after another, going by {source}"
    if unknown:
        text += f"; no past cell tells how long {', '.join(unknown)} takes"
    return text


def workers_line(cells: Sequence[SweepCell], estimator: TimeEstimator) -> str | None:
    """How long several workers would take for the open cells; None where no past cell tells it."""
    works = list[Work]()
    for cell in (planned.cell for planned in cells if planned.is_open):
        teacher = cell.teacher
        if teacher is not None and not _is_to_make(teacher):
            teacher = None
        secs = estimator.seconds(pending_run(cell))
        teacher_secs = 0.0 if teacher is None else estimator.seconds(pending_run(teacher))
        if secs is None or teacher_secs is None:
            return None
        name = None if teacher is None else teacher.identity["config_hash"]
        works.append(Work(cell.identity["config_hash"], secs, name, teacher_secs))
    numbers = numbers_of_workers(works)
    if not numbers:
        return None
    told = [f"{number} in {duration(makespan(works, number))}" for number in numbers]
    return f"  workers at once, each as fast as one alone: {', '.join(told)} (by calculation)"


def pending_run(cell: "Cell") -> PendingRun:
    """A planned cell, as estimates take it."""
    return PendingRun(cell.run, str(cell.device), cell.precision, len(cell.dataset.train))


def _teachers_to_make(todo: Sequence[SweepCell]) -> list["Cell"]:
    """Teachers that have no record, or are to be made again, and are no cells of the sweep."""
    teachers = {
        planned.cell.teacher.identity["config_hash"]: planned.cell.teacher
        for planned in todo
        if planned.cell.teacher
    }
    for planned in todo:
        teachers.pop(planned.config_hash, None)
    return [cell for cell in teachers.values() if _is_to_make(cell)]


def _is_to_make(teacher: "Cell") -> bool:
    return teacher.run["force"] or cell_state(teacher.directory) not in DONE
