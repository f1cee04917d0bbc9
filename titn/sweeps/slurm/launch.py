"""Queues the cells of a sweep, waits for them or leaves, and collects what has become of them.

The controller remembers nothing: which cells are queued is read from the submissions beside the
sweeps' plans, as far as squeue confirms them, and what has become of one from its record. So it may
end at any time, and the same command goes on.
"""

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from titn.records.cell_state import DIVERGED, FAILED, RUNNING, cell_state
from titn.records.slurm_jobs import FOLDER, SUBMISSION, Queue, look
from titn.sweeps.estimate import TimeEstimator
from titn.sweeps.launch import Outcome, say_outcome, teacher_label
from titn.sweeps.pinned import check_precision
from titn.sweeps.plan import SweepCell
from titn.sweeps.slurm.options import SlurmOptions
from titn.sweeps.slurm.resources import gpus_for, resources_for
from titn.sweeps.slurm.submit import Submitter, Work, cannot_write
from titn.sweeps.slurm.verdicts import NOT_BEGUN, Verdicts
from titn.sweeps.sweep import Sweep
from titn.system import signals, slurm
from titn.system.errors import CellError
from titn.system.locks import Lock
from titn.system.progress import say
from titn.system.slurm import SlurmError
from titn.system.text import counted

# So many times in a row squeue may give no answer to a controller that waits.
MAX_UNANSWERED = 20


class Detached(Exception):  # noqa: N818 - nothing has gone wrong
    """The cells are queued, and the controller leaves them there."""


class SlurmCells:
    """Makes cells as `titn.sweeps.launch.CellLauncher` does, by jobs of Slurm."""

    is_here = False  # its jobs have memory of their own

    def __init__(self, options: SlurmOptions, sweep: Sweep, stop_file: Path | None = None):
        """stop_file: a job that fails makes it, and where it is none begins; None: all are made."""
        self.options = options
        self.name = sweep.name
        self.folder = sweep.directory.path.resolve()
        self.runs_dir = sweep.runs_dir
        self.stop_file = stop_file and stop_file.resolve()
        self.estimator = TimeEstimator(sweep.runs_dir)
        self.verdicts = Verdicts()
        self.submitter = Submitter(self.name, self.folder, self.stop_file, options)

    def close(self) -> None:
        """Nothing was started here: jobs go on without their controller."""

    def plan_lines(self, cells: Sequence[SweepCell], estimator: TimeEstimator) -> list[str]:
        """What the jobs of the open cells will ask for. ConfigError where that cannot be told."""
        open_cells = [one.cell for one in cells if one.is_open]
        if not open_cells:
            return []
        gpus = gpus_for([one.run for one in open_cells], self.options)
        check_precision(open_cells, gpus != "0")
        asked = resources_for(open_cells, self.options, estimator)
        remark = ""
        if asked.minutes is None:
            remark = " (no past cell tells how long; hydra.launcher.time=HH:MM:SS says)"
        return [f"  each job: {asked.describe()}, {counted(self.options.cpus, 'core')}{remark}"]

    def make(self, cells: Sequence[SweepCell], wait: bool) -> dict[str, Outcome]:
        """config_hash -> outcome of each cell.

        wait: at the end, wait for the cells that other processes are making. Raises Detached with
        `detach` if cells are queued; Leave if this process is told to leave, whose jobs go on;
        ConfigError if Slurm refuses them, CellError if it does not answer.
        """
        if self.stop_file is not None and any(cell.cell.run["retry"] for cell in cells):
            self.stop_file.unlink(missing_ok=True)
        todo = {cell.config_hash: cell for cell in cells}
        outcomes: dict[str, Outcome] = {}
        unanswered = 0
        try:
            while todo:
                signals.check()
                try:
                    # Told to leave while it submits, it first writes down what it has submitted.
                    with signals.deferred():
                        outcomes |= self._look(todo, wait)
                    unanswered = 0
                except SlurmError as error:
                    unanswered += 1
                    self._go_on_without_answer(error, unanswered)
                todo = {key: cell for key, cell in todo.items() if key not in outcomes}
                if todo and self.options.detach and not unanswered:
                    raise Detached
                if todo:
                    time.sleep(self.options.look_secs)
        except (signals.Leave, Detached):
            self._say_what_goes_on(todo)
            raise
        return outcomes

    def _go_on_without_answer(self, error: SlurmError, unanswered: int) -> None:
        """Ask again later; CellError at once if nothing was ever answered, else after a while."""
        if unanswered > MAX_UNANSWERED or not self.verdicts.seen:
            raise CellError(
                f"{self.name}: {error}; nothing is queued while it is not known what is; the same "
                "command goes on"
            ) from None
        say(f"{self.name}: {error}; it is asked again")

    def _look(self, todo: dict[str, SweepCell], wait: bool) -> dict[str, Outcome]:
        """One look at records and queue: outcomes of what is over; what is open is queued."""
        with self._locked():
            queue = look(self._folders())
            outcomes, to_queue = dict[str, Outcome](), list[SweepCell]()
            for key, cell in todo.items():
                if place := queue.live(key):
                    self.verdicts.seen[key] = place.id
                elif outcome := self.verdicts.of_cell(cell, queue, self._is_stopped()):
                    outcomes[key] = outcome
                elif cell_state(cell.cell.directory) != RUNNING:
                    to_queue.append(cell)
                elif not wait:
                    outcomes[key] = Outcome(busy=True)
            self._stop(queue, todo, outcomes)
            outcomes |= self._queue(to_queue, queue)
        for key, outcome in outcomes.items():
            say_outcome(todo[key], outcome)
        return outcomes

    def _is_stopped(self) -> bool:
        return self.stop_file is not None and self.stop_file.exists()

    def _stop(self, queue: Queue, todo: dict[str, SweepCell], outcomes: dict[str, Outcome]) -> None:
        """With fail_fast=true, once a cell has failed: cancel those of this sweep that wait."""
        if self.stop_file is None:
            return
        if any(todo[key].state in (FAILED, DIVERGED) or o.bad_input for key, o in outcomes.items()):
            self.stop_file.touch()
        if self._is_stopped():
            live = [place for key in todo if (place := queue.live(key))]
            slurm.cancel([p.id for p in live if p.listed and p.listed.kind == slurm.QUEUED])

    def _queue(self, cells: Sequence[SweepCell], queue: Queue) -> dict[str, Outcome]:
        """Submit arrays for these cells, behind jobs of their teachers that are not recorded.

        Outcomes of those that cannot be made.
        """
        if self._is_stopped():
            return {cell.config_hash: Outcome(reason=NOT_BEGUN) for cell in cells}
        own, outcomes = {cell.config_hash for cell in cells}, dict[str, Outcome]()
        teachers: dict[str, Work] = {}
        behind: dict[str | None, list[Work]] = {}  # hash of a teacher -> cells that wait for it
        for one in cells:
            work, teacher = Work(one.cell, one.label), one.cell.teacher
            if teacher is None or not self.verdicts.is_needed(teacher, queue):
                behind.setdefault(None, []).append(work)
                continue
            key = teacher.identity["config_hash"]
            if place := queue.live(key):
                self.verdicts.seen[key] = place.id
            elif outcome := self.verdicts.of_teacher(teacher, queue):
                outcomes[one.config_hash] = outcome
                continue
            elif cell_state(teacher.directory) == RUNNING:
                continue  # somebody else makes it: students wait here, and not in jobs
            elif key not in own:
                teachers[key] = Work(teacher, teacher_label(teacher))
            behind.setdefault(key, []).append(work)
        self._submit(list(teachers.values()))
        # A teacher may be a cell of the sweep: those that wait for none come first.
        for key in sorted(behind, key=lambda one: one is not None):
            self._submit(behind[key], after=self.verdicts.seen.get(key) if key else None)
        return outcomes

    def _submit(self, works: Sequence[Work], after: str | None = None) -> None:
        self.verdicts.seen |= self.submitter.submit(works, self.estimator, after)

    def _say_what_goes_on(self, todo: dict[str, SweepCell]) -> None:
        try:
            queue = look(self._folders())
        except SlurmError:
            return
        live = [place for key in todo if (place := queue.live(key))]
        kinds = Counter(place.listed.kind for place in live if place.listed is not None)
        teachers = [one.cell.teacher for one in todo.values() if one.cell.teacher is not None]
        keys = [*(one.identity["config_hash"] for one in teachers), *todo]
        if jobs := " ".join(queue.jobs(keys)):
            states = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
            say(
                f"{self.name}: {states or 'a teacher'}; the same command collects them, "
                f"titn.status shows them, scancel {jobs} ends them"
            )
        if waiting := len(todo) - len(live):
            cells = counted(waiting, "cell")
            say(f"{self.name}: {cells} not queued; the same command queues what is open then")

    def _folders(self) -> list[Path]:
        """Directories of sweeps: this one, and those with which it may share cells."""
        below = sorted((self.runs_dir / "sweeps").glob(f"**/{FOLDER}/*/{SUBMISSION}"))
        found = [self.folder, *(path.parents[2] for path in below)]
        return list(dict.fromkeys(path.resolve() for path in found))

    def _locked(self) -> Lock:
        """One controller at a time asks what is queued, and queues what is not."""
        try:
            (self.folder / FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from None
        return Lock(self.folder / FOLDER / ".lock")


def without_slurm() -> str | None:
    """Of the commands that are needed, the first that this machine lacks."""
    names = ("sbatch", "squeue", "scancel")
    return next((name for name in names if shutil.which(name) is None), None)
