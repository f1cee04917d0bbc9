"""Cells are launched in rounds until none is left by a dead worker."""

import pytest
from hydra.core.utils import JobReturn, JobStatus

from titn.sweeps.launch import MAX_VAIN_ROUNDS, CellLauncher, Outcome
from titn.system.errors import CellError, ConfigError

DONE, BUSY, LEFT = Outcome(), Outcome(busy=True), Outcome(left=True)


def returned(outcome: Outcome) -> JobReturn:
    return JobReturn(status=JobStatus.COMPLETED, _return_value=outcome)


class FakeLauncher:
    """Hydra's launcher: each round returns these outcomes, or raises; keeps the jobs."""

    def __init__(self, *rounds):
        self.rounds = list(rounds)
        self.jobs: list[list[list[str]]] = []

    def launch(self, jobs, initial_job_idx):
        self.jobs.append(jobs)
        outcomes = self.rounds.pop(0)
        if isinstance(outcomes, Exception):
            raise outcomes
        return [one if isinstance(one, JobReturn) else returned(one) for one in outcomes]


def make(cells, *rounds, wait=True):
    """Outcomes in the order of the cells, and the launcher with its jobs."""
    launcher = FakeLauncher(*rounds)
    outcomes = CellLauncher(launcher, "ablation/mix").make(cells, wait)
    assert not launcher.rounds
    return [outcomes[cell.config_hash] for cell in cells], launcher


def test_a_job_has_the_cells_overrides_the_round_a_label_and_the_sweeps_name(planned):
    _, launcher = make([planned("no mix", 3)], [DONE])
    told = ['+cell="no mix, seed 3"', '+sweep="ablation/mix"', '+planned="now"']
    assert launcher.jobs == [[["seed=3", "busy=leave", "+round=1", *told]]]


def test_a_cell_that_a_worker_left_is_launched_again_in_a_round_of_its_own(planned):
    cells = [planned(seed=0), planned(seed=1)]
    outcomes, launcher = make(cells, [DONE, LEFT], [Outcome("it failed")])
    assert outcomes == [DONE, Outcome("it failed")]
    assert [job[:3] for job in launcher.jobs[1]] == [["seed=1", "busy=leave", "+round=2"]]


def test_a_worker_that_died_is_replaced_and_the_user_is_told(planned, capsys):
    outcomes, _ = make([planned()], RuntimeError("a worker was killed"), [DONE])
    assert outcomes == [DONE]
    assert capsys.readouterr().err == (
        "ablation/mix: the launcher stopped (a worker was killed), and is started again\n"
    )


def test_what_was_half_done_when_the_launcher_stopped_is_named_with_its_teacher(planned, capsys):
    teacher = planned("T", 7).cell
    cells = [planned(seed=seed, teacher=teacher) for seed in range(3)]
    teacher.begin()
    cells[0].cell.finish()
    cells[1].cell.begin()
    make(cells, RuntimeError("a worker was killed"), [DONE, DONE])
    assert capsys.readouterr().err == (
        "ablation/mix: the launcher stopped (a worker was killed), and is started again; half "
        "done: A, seed 1; teacher titn, seed 7\n"
    )


@pytest.mark.parametrize(
    ("keys", "end"), [({"force": True}, "finish"), ({"retry": "failed"}, "fail")]
)
def test_a_teacher_is_made_again_by_its_first_student_alone(planned, keys, end):
    teacher = planned("T", 7, **keys).cell
    teacher.fail("error") if end == "fail" else teacher.finish()
    cells = [planned(seed=seed, teacher=teacher) for seed in range(3)]
    outcomes, launcher = make(
        [*cells[:2], planned("B"), cells[2]], [LEFT, DONE], [DONE], [DONE] * 2
    )
    assert outcomes == [DONE] * 4
    seeds = [[job[0] for job in jobs] for jobs in launcher.jobs]
    assert seeds == [["seed=0", "seed=0"], ["seed=0"], ["seed=1", "seed=2"]]
    once = ["teacher.force=false", "teacher.retry=null"]
    assert [[job[-2:] == once for job in jobs] for jobs in launcher.jobs] == [
        [False, False], [False], [True, True],
    ]  # fmt: skip


def test_a_cell_that_was_finished_before_its_worker_died_is_not_launched_again(planned):
    cell = planned()
    cell.cell.finish()
    outcomes, _ = make([cell], [LEFT])
    assert outcomes == [LEFT]


def test_what_failed_before_the_worker_died_is_not_retried_in_the_next_round(planned):
    old, new = (planned(seed=seed, retry="failed") for seed in (0, 1))
    old.cell.fail("error")

    class Dying(FakeLauncher):
        def launch(self, jobs, initial_job_idx):
            if not self.jobs:
                new.cell.fail("diverged")
            return super().launch(jobs, initial_job_idx)

    launcher = Dying(RuntimeError("a worker was killed"), [DONE])
    CellLauncher(launcher, "ablation/mix").make([old, new], wait=False)
    assert [[job[0] for job in jobs] for jobs in launcher.jobs] == [
        ["seed=0", "seed=1"],
        ["seed=0"],
    ]


def test_workers_that_keep_dying_end_the_sweep(planned):
    with pytest.raises(CellError, match=rf"^workers died {MAX_VAIN_ROUNDS} times; the same comm"):
        make([planned()], *[[LEFT]] * MAX_VAIN_ROUNDS)


def test_workers_that_come_further_before_they_die_do_not_end_it(planned, monkeypatch):
    cell, teacher = planned(), planned("T", 7).cell
    cell.cell.teacher = teacher
    launch, steps = FakeLauncher.launch, iter(range(MAX_VAIN_ROUNDS + 1))

    def train(*args, **more):
        teacher.directory.checkpoint(next(steps)).touch()
        return launch(*args, **more)

    monkeypatch.setattr(FakeLauncher, "launch", train)
    assert make([cell], *[[LEFT]] * MAX_VAIN_ROUNDS, [DONE])[0] == [DONE]


def test_with_force_there_is_no_second_round(planned):
    with pytest.raises(CellError, match=r"^workers died 1 time; with force=true ask for A, seed 1"):
        make([planned(seed=0, force=True), planned(seed=1, force=True)], [DONE, LEFT])


def test_at_the_end_the_cells_of_other_processes_are_waited_for(planned):
    cells = [planned(seed=0), planned(seed=1)]
    outcomes, launcher = make(cells, [BUSY, DONE], [DONE])
    assert outcomes == [DONE, DONE]
    assert [job[:3] for job in launcher.jobs[1]] == [["seed=0", "busy=wait", "+round=2"]]


def test_without_waiting_they_are_left_to_the_others(planned):
    assert make([planned()], [BUSY], wait=False)[0] == [BUSY]


def test_what_a_launchers_process_raises_is_a_reason(planned):
    failed = JobReturn(status=JobStatus.FAILED, _return_value=ValueError("no\nmemory"))
    assert make([planned()], [failed])[0] == [Outcome(reason="ValueError: no")]


@pytest.mark.parametrize(
    ("raised", "line"),
    [
        (ValueError("no n_jobs"), "hydra.launcher: no n_jobs; give another hydra.launcher.KEY="),
        (ImportError("No module 'ray'"), "hydra.launcher: No module 'ray'; install it, or choose "),
    ],
)
def test_a_launcher_that_cannot_start_is_not_started_again(planned, raised, line):
    with pytest.raises(ConfigError) as error:
        make([planned()], raised)
    assert str(error.value).startswith(line)


def test_a_sweep_that_gives_up_says_why_the_launcher_stopped(planned):
    with pytest.raises(CellError, match=r"^workers died 5 times \(no srun\); the same command "):
        make([planned()], *(RuntimeError("no srun") for _ in range(MAX_VAIN_ROUNDS)))
