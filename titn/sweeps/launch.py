"""Launches cells as jobs of Hydra's launcher, in rounds until none is left by a dead worker."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher

from titn.config.overrides import quote
from titn.records.cell_state import DIVERGED, DONE, FAILED, HALF_DONE, RUNNING, cell_state
from titn.records.summary import outcome_text
from titn.sweeps.estimate import TimeEstimator
from titn.sweeps.plan import SweepCell
from titn.system import signals
from titn.system.errors import CellError, ConfigError, first_line
from titn.system.progress import say
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.cell import Cell

# The sweep gives up after so many rounds in a row in which workers died and no cell came further.
MAX_VAIN_ROUNDS = 5


@dataclass(frozen=True)
class Outcome:
    """What a job returns to its sweep; it is pickled by launchers that start processes.

    reason: why there is no record; None if there is one, or with busy, left or pruned. busy:
    another process is making the cell. left: the job was asked to leave, or its worker died.
    pruned: its search has ended it. bad_input: the reason is the user's input.
    """

    reason: str | None = None
    busy: bool = False
    left: bool = False
    pruned: bool = False
    bad_input: bool = False


class Rounds(ABC):
    """Makes cells. Rounds have numbers, by which a worker knows that it is to take cells again."""

    is_here = True  # its jobs share the memory of this machine

    def __init__(self, name: str, stop_file: Path | None = None):
        """stop_file: a job that fails makes it, and where it is none begins; None: all are made."""
        self.name = name
        self.stop_file = stop_file
        self.round = 0
        self.stopped_by = ""  # what the launcher said when it last stopped

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what was started to make cells."""

    def plan_lines(self, cells: Sequence[SweepCell], estimator: TimeEstimator) -> list[str]:
        """What there is to say of the jobs before they begin."""
        return []

    def make(self, cells: Sequence[SweepCell], wait: bool) -> dict[str, Outcome]:
        """config_hash -> outcome of each cell.

        wait: at the end, wait for the cells that other processes are making. Raises Leave if this
        process is told to leave, CellError if workers keep dying.
        """
        outcomes = self._make(cells, busy="leave")
        if wait:
            # By now these are recorded, or the other process has left them.
            others = [cell for cell in cells if outcomes[cell.config_hash].busy]
            outcomes |= self._make(others, busy="wait")
        return outcomes

    def _make(self, cells: Sequence[SweepCell], busy: str) -> dict[str, Outcome]:
        """Launch rounds until no cell is left over from a worker that died or was told to leave."""
        outcomes: dict[str, Outcome] = {}
        todo, vain_rounds = list(cells), 0
        failed_before = {cell.config_hash: _failed_at(cell) for cell in cells}
        while todo:
            before = positions(todo)
            outcomes |= self._launch_round(todo, busy)
            signals.check()
            left = [
                cell
                for cell in todo
                if outcomes[cell.config_hash].left
                and cell.is_open
                # With retry=failed what has failed is tried once more, and not in each round.
                and _failed_at(cell) in (None, failed_before[cell.config_hash])
            ]
            vain_rounds = vain_rounds + 1 if positions(left) == before else 0
            # With force=true another round would begin cells anew that are finished.
            if vain_rounds == MAX_VAIN_ROUNDS or (left and left[0].cell.run["force"]):
                why = f" ({self.stopped_by})" if self.stopped_by else ""
                goes_on = "the same command goes on from here"
                if left and left[0].cell.run["force"]:
                    goes_on = f"with force=true ask for {left[0].label} and what follows alone"
                raise CellError(f"workers died {counted(vain_rounds or 1, 'time')}{why}; {goes_on}")
            todo = left
        return outcomes

    @abstractmethod
    def _launch_round(self, cells: Sequence[SweepCell], busy: str) -> dict[str, Outcome]:
        """The outcome of each cell; left are those that a worker's death has stopped.

        busy: wait or leave, where another process is making a cell.
        """


class CellLauncher(Rounds):
    """Makes cells by jobs of a launcher of Hydra's."""

    def __init__(self, launcher: Launcher, name: str, stop_file: Path | None = None):
        super().__init__(name, stop_file)
        self.launcher = launcher

    def make(self, cells: Sequence[SweepCell], wait: bool) -> dict[str, Outcome]:
        """As `Rounds.make`; a teacher that is to be made again is so by its first student."""
        outcomes: dict[str, Outcome] = {}
        for part in _first_students_first(cells):
            outcomes |= super().make(part, wait)
        return outcomes

    def _launch_round(self, cells: Sequence[SweepCell], busy: str) -> dict[str, Outcome]:
        self.round += 1
        jobs = [
            [
                *cell.request.job_overrides(),
                f"busy={busy}",
                f"+round={self.round}",
                f"+cell={quote(cell.label)}",
                f"+sweep={quote(self.name)}",
                f"+planned={quote(cell.cell.identity['source_digest'])}",
                *([f"+stop_file={quote(str(self.stop_file))}"] if self.stop_file else []),
                *cell.for_job,
            ]
            for cell in cells
        ]
        try:
            with signals.forwarded():
                returns = self.launcher.launch(jobs, initial_job_idx=0)
        except (ValueError, TypeError, ImportError) as error:
            # Before a job: what a job raises comes back in its return.
            is_missing = isinstance(error, ImportError)
            remedy = "install it" if is_missing else "give another hydra.launcher.KEY=VALUE"
            raise ConfigError(
                f"hydra.launcher: {first_line(error)}; {remedy}, or choose hydra/launcher=basic"
            ) from None
        except (RuntimeError, OSError) as error:
            self.stopped_by = first_line(error)
            if signals.asked() is None:
                lost = half_done(cells)
                those = f"; half done: {'; '.join(lost)}" if lost else ""
                say(
                    f"{self.name}: the launcher stopped ({self.stopped_by}), and is started again"
                    f"{those}"
                )
            return {cell.config_hash: Outcome(left=True) for cell in cells}
        return {
            cell.config_hash: job_outcome(job) for cell, job in zip(cells, returns, strict=True)
        }


def _failed_at(cell: SweepCell) -> int | None:
    """When a cell failed, in nanoseconds since 1970; None if it has not."""
    if cell.state not in (FAILED, DIVERGED):
        return None
    try:
        return (cell.cell.directory.path / "failure.json").stat().st_mtime_ns
    except FileNotFoundError:  # another process tries it again
        return None


def _first_students_first(cells: Sequence[SweepCell]) -> Iterator[list[SweepCell]]:
    """The cells in two parts; those of the second have teachers that the first part makes again.

    They are not to make it a third time (force=true), or to try once more what has just failed.
    """
    first, second, seen = list[SweepCell](), list[SweepCell](), set[str]()
    for cell in cells:
        teacher = cell.cell.teacher
        if teacher is None or not _is_made_again(teacher):
            first.append(cell)
        elif (name := teacher.identity["config_hash"]) not in seen:
            seen.add(name)
            first.append(cell)
        else:
            for_job = (*cell.for_job, "teacher.force=false", "teacher.retry=null")
            second.append(replace(cell, for_job=for_job))
    yield first
    if second:
        yield second


def _is_made_again(teacher: "Cell") -> bool:
    has_failed = cell_state(teacher.directory) in (FAILED, DIVERGED)
    return teacher.run["force"] or (teacher.run["retry"] == "failed" and has_failed)


def job_outcome(job: JobReturn) -> Outcome:
    """What a job returned; an exception of the launcher's process becomes a reason."""
    try:
        return job.return_value
    except Exception as error:  # any that a launcher hands on
        return Outcome(reason=f"{type(error).__name__}: {first_line(error)}")


def positions(cells: Sequence[SweepCell]) -> list[str]:
    """How far each cell and its teacher have come."""
    made = (one for cell in cells for one in (cell.cell, cell.cell.teacher) if one is not None)
    return [one.directory.position for one in made]


def half_done(cells: Sequence[SweepCell]) -> list[str]:
    """What a launcher that stopped was making: the labels of cells, and of their teachers."""
    made = {cell.config_hash: (cell.label, cell.cell) for cell in cells}
    for teacher in (cell.cell.teacher for cell in cells):
        if teacher is not None:
            made.setdefault(teacher.identity["config_hash"], (teacher_label(teacher), teacher))
    # One that dies may hold its lock for a moment.
    begun = (HALF_DONE, RUNNING)
    return [label for label, cell in made.values() if cell_state(cell.directory) in begun]


def say_outcome(cell: SweepCell, outcome: Outcome) -> None:
    """What a worker would say of a cell that is recorded; what has failed is listed at the end."""
    if outcome.reason or outcome.busy or cell.state not in DONE:
        return
    directory = cell.cell.directory
    if (result := directory.result()) is not None:  # another with force=true may have removed it
        say(f"{cell.label}: {outcome_text(result, directory.path)}")


def teacher_label(teacher: "Cell") -> str:
    """What messages call a teacher that is made by a job of its own."""
    choices, seed = teacher.run["choices"], teacher.run["seed"]
    return f"teacher {choices.get('model', '')}, seed {seed}"
