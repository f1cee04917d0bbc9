"""Hands the cells of a sweep to Ray, a task each, and takes what has become of them.

A teacher is a task of its own, and its students are handed over when it is recorded: no task holds
a GPU while it waits. A worker that dies takes nobody with it, and its cell goes on in another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titn.records.cell_state import DONE, RUNNING, cell_state
from titn.sweeps.estimate import TimeEstimator
from titn.sweeps.launch import Outcome, Rounds, say_outcome, teacher_label
from titn.sweeps.memory import memory_needs
from titn.sweeps.pinned import check_precision, going_on, pinned_run
from titn.sweeps.plan import SweepCell
from titn.sweeps.ray.cluster import Cluster
from titn.sweeps.ray.job import Job, Trial, run_job
from titn.sweeps.ray.options import RayOptions
from titn.sweeps.sweep import Sweep
from titn.sweeps.worker import ToldCell
from titn.system import signals
from titn.system.errors import first_line
from titn.system.progress import say
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.cell import Cell

# So often a controller that waits looks whether it was told to leave.
LOOK_SECS = 0.5
# What Ray raises where a task's worker has died -> why, as far as it is known.
DEATHS = {
    "WorkerCrashedError": "killed, or crashed",
    "OutOfMemoryError": "by Ray, as the machine was short of memory",
    "NodeDiedError": "with its node",
}


@dataclass(frozen=True)
class Asked:
    """What each task of a round asks Ray for. memory: MiB."""

    cpus: int
    gpus: float
    memory: int

    def describe(self) -> str:
        gpus = "no GPU" if not self.gpus else f"{self.gpus:g} GPU{'s' if self.gpus > 1 else ''}"
        return f"{counted(self.cpus, 'core')}, {gpus}, {self.memory / 1024:.1f} GiB of memory"

    def resources(self) -> dict[str, float]:
        return {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory * 2**20}

    def options(self) -> dict[str, Any]:
        memory = self.memory * 2**20
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": memory}


class RayCells(Rounds):
    """Makes cells by tasks of Ray."""

    def __init__(self, options: RayOptions, sweep: Sweep, stop_file: Path | None = None):
        super().__init__(sweep.name, stop_file and stop_file.resolve())
        self.options = options
        self.is_here = options.address is None
        self.folder = sweep.directory.path.resolve()
        self.search = sweep.search
        self.cluster: Cluster | None = None
        self.teachers_made: set[str] = set()

    def close(self) -> None:
        if self.cluster is not None:
            self.cluster.close()
            self.cluster = None

    def plan_lines(self, cells: Sequence[SweepCell], estimator: TimeEstimator) -> list[str]:
        """What the tasks of the open cells will ask for. ConfigError where that cannot be told."""
        open_cells = [one.cell for one in cells if one.is_open]
        return [f"  each cell: {self._asked(open_cells).describe()}"] if open_cells else []

    def _asked(self, cells: Sequence["Cell"]) -> Asked:
        gpus = self._gpus(cells)
        check_precision(cells, gpus > 0)
        memory = self.options.memory
        if memory is None:
            memory = max(needs.machine for needs in memory_needs(cells, on_gpu=gpus > 0))
        return Asked(self.options.cpus, gpus, memory)

    def _gpus(self, cells: Iterable["Cell"]) -> float:
        runs = [cell.run for cell in cells]
        if self.options.gpus is not None:
            return self.options.gpus
        if all(run["device"] == "cpu" for run in runs):
            return 0.0
        return float(max(run["devices"] for run in runs)) if self._has_gpus() else 0.0

    def _has_gpus(self) -> bool:
        if self.options.address is not None:
            return self._connected().most("GPU") > 0

        import torch

        return torch.cuda.is_available()

    def _connected(self) -> Cluster:
        if self.cluster is None:
            self.cluster = Cluster(self.options)
        return self.cluster

    def _launch_round(self, cells: Sequence[SweepCell], busy: str) -> dict[str, Outcome]:
        self.round += 1
        asked = self._asked([one.cell for one in cells])
        cluster = self._connected()
        if lack := cluster.check_fits(asked.resources()):
            say(f"{self.name}: {lack}")
        round_ = Round(cluster, asked, self.options, self.name, self.teachers_made)
        for cell in cells:
            round_.add(cell, self._job(cell.cell, cell.label, busy == "wait", self._trial(cell)))
        with signals.deferred(), cluster.quiet():
            try:
                return round_.run(self._job)
            except (cluster.ray.exceptions.RayError, ConnectionError, OSError) as error:
                self.stopped_by = first_line(error)
        if signals.asked() is None:
            say(f"{self.name}: Ray stopped ({self.stopped_by}), and is started again")
        self.close()
        return {one.config_hash: Outcome(left=True) for one in cells} | round_.outcomes

    def _job(self, cell: "Cell", label: str, wait: bool = False, trial: Trial | None = None) -> Job:
        told = ToldCell(label=label, sweep=self.name, round=self.round, stop_file=self.stop_file)
        return Job(
            told=told,
            run=pinned_run(cell),
            prefix=cell.prefix,
            identity=cell.identity,
            wait=wait,
            here=Path.cwd(),
            folder=self.folder,
            trial=trial,
        )

    def _trial(self, cell: SweepCell) -> Trial | None:
        if self.search is None or cell.trial is None:
            return None
        return Trial(self.search.name, self.search.search, cell.trial)


@dataclass
class Task:
    """A cell that Ray is to make. record: what was there before, to see if force=true began."""

    cell: "Cell"
    job: Job
    row: SweepCell | None = None  # None: a teacher that is no cell of the sweep
    deaths: int = 0
    record: tuple[int, int] | None = None

    @property
    def config_hash(self) -> str:
        return self.cell.identity["config_hash"]


@dataclass
class Round:
    """The cells of one launch, from their teachers to their outcomes."""

    cluster: Cluster
    asked: Asked
    options: RayOptions
    name: str
    teachers_made: set[str]
    tasks: dict[str, Task] = field(default_factory=dict)
    ready: list[Task] = field(default_factory=list)
    behind: dict[str, list[Task]] = field(default_factory=dict)  # teacher -> those that wait for it
    running: dict[Any, Task] = field(default_factory=dict)  # by Ray's reference
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    is_leaving: bool = False
    remote: Any = None  # Ray's form of run_job

    def add(self, row: SweepCell, job: Job) -> None:
        self.tasks[row.config_hash] = Task(row.cell, job, row)

    def run(self, job_of: Any) -> dict[str, Outcome]:
        """config_hash -> outcome of each cell. job_of: of a teacher and its label."""
        self._put_behind_teachers(job_of)
        self.remote = self.cluster.ray.remote(**self.asked.options(), max_retries=0)(run_job)
        while self.ready or self.running:
            if signals.asked() is not None and not self.is_leaving:
                self._tell_to_leave()
            self._hand_over()
            if self.running:
                ended, _ = self.cluster.ray.wait(list(self.running), timeout=LOOK_SECS)
                for reference in ended:
                    self._take(reference)
        return {key: self.outcomes[key] for key, task in self.tasks.items() if task.row is not None}

    def _put_behind_teachers(self, job_of: Any) -> None:
        """Students wait for a teacher that is to be made, be it a cell of the sweep or not."""
        for task in list(self.tasks.values()):
            teacher = task.cell.teacher
            if teacher is None or not self._is_to_be_made(teacher):
                self.ready.append(task)
                continue
            key = teacher.identity["config_hash"]
            if key not in self.tasks:
                self.tasks[key] = Task(teacher, job_of(teacher, teacher_label(teacher)))
                self.ready.insert(0, self.tasks[key])
            self.behind.setdefault(key, []).append(task)
        self.ready.sort(key=lambda task: task.config_hash not in self.behind)

    def _is_to_be_made(self, teacher: "Cell") -> bool:
        """Not where another process is at it: its students wait for that one's record."""
        key = teacher.identity["config_hash"]
        if key in self.tasks or (teacher.run["force"] and key not in self.teachers_made):
            return True
        return cell_state(teacher.directory) not in (*DONE, RUNNING)

    def _hand_over(self) -> None:
        most = self.options.at_once or len(self.tasks)
        while self.ready and self.is_leaving:
            self._end(self.ready.pop(), Outcome(left=True))
        while self.ready and len(self.running) < most:
            task = self.ready.pop(0)
            task.record = task.cell.directory.record_stamp()
            named = self.remote.options(name=task.job.told.label)
            self.running[named.remote(task.job)] = task

    def _tell_to_leave(self) -> None:
        """Tasks that run save, and what has not begun never does."""
        self.is_leaving = True
        for reference in self.running:
            self.cluster.ray.cancel(reference)  # as SIGINT does

    def _take(self, reference: Any) -> None:
        """What has become of a task: its outcome, what it raised, or its death."""
        task, errors = self.running.pop(reference), self.cluster.ray.exceptions
        try:
            outcome = self.cluster.ray.get(reference)
        except errors.TaskCancelledError:
            outcome = Outcome(left=True)
        except errors.RayTaskError as error:
            cause = error.cause
            outcome = Outcome(reason=f"{type(cause).__name__}: {first_line(cause)}")
        except errors.RayError as error:
            self._take_death(task, error)
            return
        self._end(task, outcome)

    def _take_death(self, task: Task, error: Exception) -> None:
        task.deaths += 1
        why = DEATHS.get(type(error).__name__, first_line(error))
        label = task.job.told.label
        if self.is_leaving:
            self._end(task, Outcome(left=True))
        elif task.deaths > self.options.retries:
            times = counted(task.deaths, "time")
            reason = f"its worker died {times} (the last: {why}); the same command goes on"
            self._end(task, Outcome(reason=reason))
        else:
            say(f"{label}: its worker died ({why}); it goes on in another")
            # With force=true: it was begun anew before the worker died.
            if task.cell.directory.record_stamp() != task.record:
                task.job = replace(task.job, run=going_on(task.job.run))
            self.ready.insert(0, task)

    def _end(self, task: Task, outcome: Outcome) -> None:
        """Note it, and let those that waited for it begin, or tell them why they cannot."""
        self.outcomes[task.config_hash] = outcome
        if task.row is not None:
            say_outcome(task.row, outcome)
        is_made = not (outcome.reason or outcome.busy or outcome.left)
        if is_made:
            self.teachers_made.add(task.config_hash)
            if task.row is None:
                say(f"{task.job.told.label}: recorded in {task.cell.directory.path}")
        elif outcome.reason:
            outcome = replace(outcome, reason=f"the teacher failed: {outcome.reason}")
        for student in self.behind.pop(task.config_hash, []):
            if is_made:
                self.ready.append(student)
            else:
                self._end(student, outcome)
