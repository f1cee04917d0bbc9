"""Cells are queued once, left, and judged by their records before what Slurm says."""

import time
from types import SimpleNamespace

import pytest
from test_slurm_options import options

from titn.records.sweep_dir import SweepDir
from titn.sweeps.estimate import TimeEstimator
from titn.sweeps.launch import Outcome
from titn.sweeps.slurm import launch
from titn.sweeps.slurm.launch import Detached, SlurmCells
from titn.sweeps.slurm.verdicts import MAX_DEATHS, NOT_BEGUN
from titn.system.errors import CellError, ConfigError


@pytest.fixture
def call(fake_slurm, tmp_path):
    """A call of the sweep's command: outcomes in the order of the cells.

    before: called before each further look at the queue; the last one has to end the wait.
    """

    def make(cells, *before, detach=False, fail_fast=False, wait=True, monkeypatch=None):
        steps = list(before)
        sweep = SimpleNamespace(
            name="ablation/mix", directory=SweepDir(fake_slurm.sweep), runs_dir=tmp_path / "runs"
        )
        stop_file = fake_slurm.sweep / "stopped" if fail_fast else None
        chosen = options(detach=detach, memory="1G", time=30, gpus=0, look_secs=0.1)
        slurm_cells = SlurmCells(chosen, sweep, stop_file)
        slurm_cells.estimator = TimeEstimator()
        real = launch.time
        launch.time = SimpleNamespace(sleep=lambda _: steps.pop(0)())
        try:
            outcomes = slurm_cells.make(cells, wait)
        finally:
            launch.time = real
        assert not steps
        return [outcomes[one.config_hash] for one in cells]

    return make


def finish(*cells):
    return lambda: [one.cell.finish() for one in cells]


def in_turn(*steps):
    return lambda: [step() for step in steps]


@pytest.fixture
def leave(call):
    """The command with detach=true, given for cells that it leaves queued."""

    def detach(*cells):
        with pytest.raises(Detached):
            call(list(cells), detach=True)

    return detach


def test_what_is_not_recorded_is_queued_as_one_array_and_collected(cell, call, fake_slurm):
    cells = [cell(seed=seed) for seed in range(3)]
    cells[1].cell.finish()
    todo = [cells[0], cells[2]]
    assert call(todo, finish(*todo)) == [Outcome(), Outcome()]
    assert fake_slurm.queued == [["A, seed 0", "A, seed 2"]]


def test_a_controller_that_detaches_leaves_its_cells_queued(cell, leave, fake_slurm, capsys):
    leave(cell())
    assert fake_slurm.queued == [["A, seed 0"]]
    assert "scancel" not in capsys.readouterr().err  # squeue has not shown it yet


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "REQUEUED", "SUSPENDED", "COMPLETING"])
def test_what_is_queued_is_not_queued_again_by_the_same_command(
    cell, leave, fake_slurm, capsys, state
):
    one = cell()
    leave(one)
    fake_slurm.lists(("12_0", state))
    leave(one)
    assert len(fake_slurm.queued) == 1
    assert "scancel 12 ends them" in capsys.readouterr().err


def test_a_job_whose_number_was_not_written_down_is_known_by_its_name(cell, leave, fake_slurm):
    one = cell()
    leave(one)
    fake_slurm.lists(("12_0", "PENDING"))
    (fake_slurm.submissions[0] / "job").rename(fake_slurm.place / "lost")
    leave(one)
    assert len(list(fake_slurm.sweep.glob("slurm/*/submission.json"))) == 1


def test_a_cell_that_another_sweep_has_queued_is_not_queued_here(cell, leave, fake_slurm):
    one, here = cell(), fake_slurm.sweep
    fake_slurm.sweep = here.with_name("other")
    leave(one)
    fake_slurm.lists(("12_0", "PENDING"))
    fake_slurm.sweep = here
    leave(one)
    assert fake_slurm.submissions == []


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL", "TIMEOUT"])
def test_what_ended_without_a_record_before_this_call_is_queued_again(
    cell, leave, fake_slurm, state, capsys
):
    one = cell()
    leave(one)
    fake_slurm.lists(("12_0", state))
    leave(one)
    assert fake_slurm.queued == [["A, seed 0"], ["A, seed 0"]]
    assert f"A, seed 0: job 12_0 left no record ({state}); it is queued again\n" in (
        capsys.readouterr().err
    )


def test_a_record_counts_whatever_slurm_says(cell, call, fake_slurm):
    one = cell()
    fails = in_turn(finish(one), lambda: fake_slurm.lists(("12_0", "FAILED")))
    assert call([one], fails) == [Outcome()]


def test_a_job_that_is_completed_for_slurm_may_have_failed(cell, call, fake_slurm):
    one = cell()
    failed = in_turn(
        lambda: fake_slurm.wrote(0, 0, state="ended", reason="images differ", bad_input=True),
        lambda: fake_slurm.lists(("12_0", "COMPLETED")),
    )
    assert call([one], failed) == [Outcome(reason="images differ", bad_input=True)]


def test_a_job_that_is_cancelled_while_it_is_waited_for_is_not_queued_again(cell, call, fake_slurm):
    reason = "job 12_0 was cancelled; the same command queues it again"
    assert call([cell()], lambda: fake_slurm.lists(("12_0", "CANCELLED"))) == [Outcome(reason)]
    assert len(fake_slurm.queued) == 1


def test_the_rest_of_a_cancelled_array_is_one_entry_of_slurms(cell, call, fake_slurm):
    cells = [cell(seed=0), cell(seed=1)]
    outcomes = call(cells, lambda: fake_slurm.lists(("12", "CANCELLED")))
    assert [one.reason.partition(" was")[0] for one in outcomes] == ["job 12_0", "job 12_1"]


def test_a_cell_whose_jobs_keep_dying_is_given_up(cell, call, fake_slurm):
    dies = [
        lambda number=number: fake_slurm.lists((f"{number}_0", "FAILED"))
        for number in range(12, 12 + MAX_DEATHS)
    ]
    (outcome,) = call([cell()], *dies)
    assert outcome.reason.startswith(f"its jobs died {MAX_DEATHS} times (the last: FAILED); ")
    assert len(fake_slurm.queued) == MAX_DEATHS


def test_a_teacher_is_made_by_a_job_of_its_own_for_which_students_wait(
    cell, planned, call, fake_slurm
):
    teacher = planned("teacher").cell
    cells = [cell(seed=0, teacher=teacher), cell(seed=1, teacher=teacher), cell("B")]
    call(cells, finish(*cells))
    assert fake_slurm.queued == [
        ["teacher titn, seed 0"],
        ["B, seed 0"],
        ["A, seed 0", "A, seed 1"],
    ]
    assert [fake_slurm.after(i) for i in range(3)] == [None, None, "afterok:12_0"]


def test_a_teacher_that_is_a_cell_of_the_sweep_is_queued_once(cell, call, fake_slurm):
    teacher = cell("vgg")
    student = cell(teacher=teacher.cell)
    call([student, teacher], finish(student, teacher))
    assert fake_slurm.queued == [["vgg, seed 0"], ["A, seed 0"]]
    assert fake_slurm.after(1) == "afterok:12_0"


@pytest.mark.parametrize("record", [{}, {"stopped_after": 1}])
def test_students_wait_for_no_job_once_their_teacher_is_recorded(
    cell, planned, call, fake_slurm, record
):
    teacher = planned("teacher").cell
    teacher.finish(**record)
    one = cell(teacher=teacher)
    call([one], finish(one))
    assert fake_slurm.queued == [["A, seed 0"]]
    assert fake_slurm.after(0) is None


def test_students_that_slurm_cancels_with_their_teachers_job_are_queued_with_it(
    cell, planned, call, fake_slurm
):
    one = cell(teacher=planned("teacher").cell)
    dead = ("12_0", "FAILED"), ("13_0", "CANCELLED", "DependencyNeverSatisfied")
    call([one], lambda: fake_slurm.lists(*dead), finish(one))
    assert fake_slurm.queued == [["teacher titn, seed 0"], ["A, seed 0"]] * 2
    assert fake_slurm.after(3) == "afterok:14_0"


def test_a_teacher_that_has_failed_costs_its_students_no_job(cell, planned, call, fake_slurm):
    teacher = planned("teacher").cell
    teacher.fail("error")
    (outcome,) = call([cell(teacher=teacher)])
    assert outcome.reason == "the teacher failed: it failed; retry=failed tries again"
    assert fake_slurm.queued == []


def test_fail_fast_cancels_what_waits_and_nothing_else(cell, call, fake_slurm):
    cells = [cell(seed=seed) for seed in range(4)]
    first = in_turn(
        lambda: cells[0].cell.fail("diverged"),
        lambda: fake_slurm.lists(("12_1", "RUNNING"), ("12_2", "PENDING"), ("12_3", "PENDING")),
    )
    second = in_turn(
        finish(cells[1]),
        lambda: fake_slurm.lists(("12", "CANCELLED")),
    )
    outcomes = call(cells, first, second, fail_fast=True)
    assert fake_slurm.cancelled == ["12_2", "12_3"]
    assert outcomes == [Outcome(), Outcome(), Outcome(NOT_BEGUN), Outcome(NOT_BEGUN)]
    # Collected by another call, they stay where they are.
    assert call(cells[2:], fail_fast=True) == [Outcome(NOT_BEGUN)] * 2
    assert len(fake_slurm.queued) == 1


def test_without_an_answer_of_squeue_nothing_is_queued(cell, call, leave, fake_slurm):
    one = cell()
    leave(one)
    fake_slurm.answers(False)
    with pytest.raises(CellError) as error:
        call([one])
    assert str(error.value) == (
        "ablation/mix: squeue: Unable to contact; nothing is queued while it is not known what is; "
        "the same command goes on"
    )
    assert len(fake_slurm.queued) == 1


def test_a_controller_that_waits_outlasts_a_squeue_that_does_not_answer(cell, call, fake_slurm):
    one = cell()
    down, up = lambda: fake_slurm.answers(False), lambda: fake_slurm.answers(True)
    assert call([one], down, in_turn(up, finish(one))) == [Outcome()]


def test_what_slurm_refuses_is_bad_input(cell, call, fake_slurm):
    (fake_slurm.place / "sbatch").write_text(
        "#!/bin/sh\necho 'sbatch: error: no such QOS' >&2\nexit 1"
    )
    with pytest.raises(
        ConfigError, match=r"^hydra/launcher=slurm: sbatch: no such QOS; give other"
    ):
        call([cell()])


def test_a_submission_that_slurm_has_forgotten_is_not_asked_for_again(
    cell, call, leave, fake_slurm, monkeypatch
):
    one = cell()
    leave(one)
    one.cell.finish()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 100)
    before = fake_slurm.num_asked
    call([one])
    call([one])
    assert fake_slurm.num_asked == before + 1
