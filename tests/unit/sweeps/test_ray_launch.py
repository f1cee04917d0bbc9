"""Cells are handed to Ray behind their teachers, and go on where a worker dies. Without Ray."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from test_ray_options import options

from titn.records.sweep_dir import SweepDir
from titn.sweeps.launch import Outcome
from titn.sweeps.ray.launch import RayCells
from titn.system import signals


class RayError(Exception):
    pass


class WorkerCrashedError(RayError):
    pass


class TaskCancelledError(RayError):
    pass


class RayTaskError(RayError):
    def __init__(self, cause):
        super().__init__("a traceback")
        self.cause = cause


@dataclass
class FakeRay:
    """Ray whose tasks end one after the other, the one first that was handed over first.

    fares: label -> what becomes of its task, each time; anything else is recorded.
    """

    fares: dict[str, list[Any]] = field(default_factory=dict)
    jobs: list = field(default_factory=list)
    most_at_once: int = 0
    asked: dict = field(default_factory=dict)
    cancelled: list[int] = field(default_factory=list)
    exceptions = SimpleNamespace(
        RayError=RayError, TaskCancelledError=TaskCancelledError, RayTaskError=RayTaskError
    )

    def remote(self, *arguments, **asked):
        if asked:
            self.asked = asked
            return lambda _function: self
        self.jobs.append(arguments[0])
        return len(self.jobs) - 1

    def options(self, name):
        return self

    def cancel(self, reference):
        self.cancelled.append(reference)

    def wait(self, references, timeout):
        self.most_at_once = max(self.most_at_once, len(references))
        return references[:1], references[1:]

    def get(self, reference):
        if reference in self.cancelled:
            raise TaskCancelledError
        job = self.jobs[reference]
        left = self.fares.get(job.told.label, [])
        fared = left.pop(0) if left else Outcome()
        if callable(fared) and not isinstance(fared, type):
            fared = fared()
        if isinstance(fared, Exception):
            raise fared
        return fared

    @property
    def labels(self) -> list[str]:
        return [job.told.label for job in self.jobs]


@pytest.fixture
def call(tmp_path):
    """Outcomes in the order of the cells, and the Ray that has made them; rays: gets it, too."""

    def make(cells, wait=False, fares=None, rays=None, **more):
        ray = FakeRay(fares or {})
        if rays is not None:
            rays.append(ray)
        sweep = SimpleNamespace(
            name="ablation/mix", directory=SweepDir(tmp_path / "sweep"), search=None
        )
        maker = RayCells(options(memory="1G", **more), sweep)
        maker.cluster = SimpleNamespace(
            ray=ray, check_fits=lambda _: None, quiet=nullcontext, close=lambda: None
        )
        outcomes = maker.make(cells, wait)
        return [outcomes[one.config_hash] for one in cells], ray

    return make


DIED = WorkerCrashedError("The worker died unexpectedly")


def test_a_cell_is_a_task_with_what_it_needs(cell, call):
    outcomes, ray = call([cell(seed=0), cell(seed=1)])
    assert outcomes == [Outcome(), Outcome()]
    assert ray.labels == ["A, seed 0", "A, seed 1"]
    assert ray.asked == {
        "num_cpus": 1, "num_gpus": 0.0, "memory": 2**30, "max_retries": 0
    }  # fmt: skip


def test_students_are_handed_over_when_their_teacher_is_recorded(cell, call):
    teacher = cell("T", 7).cell
    cells = [cell("A", 0, teacher=teacher), cell("A", 1, teacher=teacher), cell("B", 0)]
    outcomes, ray = call(cells)
    assert outcomes == [Outcome()] * 3
    assert ray.labels[:2] == ["teacher titn, seed 7", "B, seed 0"]
    assert sorted(ray.labels[2:]) == ["A, seed 0", "A, seed 1"]
    assert ray.most_at_once == 3  # B, and both students of a teacher that is done


def test_a_teacher_that_is_a_cell_of_the_sweep_is_made_once(cell, call):
    first = cell("T", 0)
    outcomes, ray = call([cell("A", 0, teacher=first.cell), first])
    assert outcomes == [Outcome(), Outcome()]
    assert ray.labels == ["T, seed 0", "A, seed 0"]


def test_a_recorded_teacher_is_not_made_again(cell, call):
    teacher = cell("T", 0).cell
    teacher.finish()
    _, ray = call([cell("A", 0, teacher=teacher)])
    assert ray.labels == ["A, seed 0"]


def test_a_teacher_that_is_begun_anew_is_so_once(cell, call):
    teacher = cell("T", 0, force=True).cell
    teacher.finish()
    _, ray = call([cell("A", 0, teacher=teacher), cell("A", 1, teacher=teacher)])
    assert [job.run["force"] for job in ray.jobs] == [True, False, False]
    assert [job.run["teacher"]["force"] for job in ray.jobs[1:]] == [False, False]


def test_students_of_a_teacher_that_fails_are_not_handed_over(cell, call):
    teacher = cell("T", 0).cell
    fares = {"teacher titn, seed 0": [Outcome("its loss is nan")]}
    outcomes, ray = call([cell("A", 0, teacher=teacher)], fares=fares)
    assert outcomes == [Outcome("the teacher failed: its loss is nan")]
    assert ray.labels == ["teacher titn, seed 0"]


def test_a_cell_whose_worker_dies_goes_on_and_the_user_is_told(cell, call, capsys):
    outcomes, ray = call([cell(seed=0), cell(seed=1)], fares={"A, seed 0": [DIED]})
    assert outcomes == [Outcome(), Outcome()]
    assert ray.labels == ["A, seed 0", "A, seed 1", "A, seed 0"]
    said = "A, seed 0: its worker died (killed, or crashed); it goes on in another\n"
    assert capsys.readouterr().err == said


def test_one_whose_workers_die_again_and_again_does_not_keep_the_others(cell, call):
    outcomes, ray = call([cell(seed=0), cell(seed=1)], fares={"A, seed 0": [DIED] * 9}, retries=2)
    reason = "its worker died 3 times (the last: killed, or crashed); the same command goes on"
    assert outcomes == [Outcome(reason), Outcome()]
    assert ray.labels.count("A, seed 0") == 3


def test_with_force_a_worker_that_died_before_it_began_begins_anew_and_one_after_goes_on(
    cell, call
):
    one = cell(force=True)
    one.cell.finish()

    def begin_and_die():
        one.cell.directory.result_files()[0].unlink()
        return DIED

    _, ray = call([one], fares={"A, seed 0": [DIED, begin_and_die]})
    assert [job.run["force"] for job in ray.jobs] == [True, True, False]


def test_what_a_task_raises_is_its_cells_reason_alone(cell, call):
    outcomes, _ = call(
        [cell(seed=0), cell(seed=1)], fares={"A, seed 0": [RayTaskError(KeyError("x"))]}
    )
    assert outcomes == [Outcome("KeyError: 'x'"), Outcome()]


def test_no_more_run_at_once_than_are_wanted(cell, call):
    _, ray = call([cell(seed=seed) for seed in range(4)], at_once=2)
    assert ray.most_at_once == 2


@pytest.fixture
def told_to_leave(monkeypatch):
    """What a task does that ends while its controller is told to leave."""
    asked = []
    monkeypatch.setattr(signals, "asked", lambda: asked[0] if asked else None)

    def leave():
        asked.append(15)
        return Outcome()

    return leave


def test_told_to_leave_it_cancels_what_runs_and_hands_nothing_over(cell, call, told_to_leave):
    rays = []
    cells = [cell(seed=seed) for seed in range(4)]
    with pytest.raises(signals.Leave):
        call(cells, at_once=2, fares={"A, seed 0": [told_to_leave]}, rays=rays)
    assert rays[0].labels == ["A, seed 0", "A, seed 1"]
    assert rays[0].cancelled == [1]


def test_told_to_leave_no_student_follows_its_teacher(cell, call, told_to_leave):
    rays, student = [], cell("A", 0, teacher=cell("T", 0).cell)
    with pytest.raises(signals.Leave):
        call([student], fares={"teacher titn, seed 0": [told_to_leave]}, rays=rays)
    assert rays[0].labels == ["teacher titn, seed 0"]
