"""What a task of an array does on its node, without a Slurm."""

import json

import pytest

from titn.cells.ensure import BusyError
from titn.cells.planning import Planner
from titn.records.run_dir import RunDir
from titn.records.slurm_jobs import TaskFile, read_task, write_task
from titn.sweeps.slurm import job
from titn.sweeps.slurm.job import MAX_VAIN_STARTS, run_task
from titn.sweeps.slurm.submit import Submitter, Work
from titn.sweeps.slurm.verdicts import NOT_BEGUN
from titn.system import signals
from titn.system.errors import CellError, ConfigError
from titn.system.leases import LockLostError

VARIABLES = {"SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "0", "SLURM_JOB_ID": "15"}


@pytest.fixture
def submitted(tiny, tmp_path, monkeypatch):
    """Writes down a tiny cell as a submission has it; returns the cell and its task."""
    monkeypatch.setattr(signals, "install", lambda **_: None)

    def submit(*overrides: str, stop_file=None):
        cell = Planner(checked=True).plan(tiny("model.depth=1", "epochs=1", *overrides))
        path = tmp_path / "slurm" / "titn-mix-1"
        path.mkdir(parents=True)
        entry = Submitter("ablation/mix", tmp_path, stop_file, None)._entry(Work(cell, "A, seed 0"))
        (path / "cell-0.json").write_text(json.dumps(entry))
        return cell, Task(path)

    return submit


class Task:
    def __init__(self, path):
        self.path = path

    def run(self) -> int:
        return run_task([str(self.path / "submission.json")], VARIABLES)

    @property
    def fared(self) -> TaskFile:
        return read_task(self.path, 0)


@pytest.fixture
def ensured(monkeypatch):
    """Puts something in the place of making a cell; returns the runs that it was asked for."""
    runs = []

    def replace(raised: BaseException) -> list[dict]:
        def ensure(cell, wait):
            assert not wait  # no job is idle
            runs.append(cell.run)
            raise raised

        monkeypatch.setattr("titn.cells.ensure.ensure_recorded", ensure)
        return runs

    return replace


@pytest.fixture
def requeued(monkeypatch):
    """What scontrol is told; state: of the job, as squeue says it."""
    told = []

    def in_state(state: str | None):
        monkeypatch.setattr(job.slurm, "own_state", lambda _: state)
        monkeypatch.setattr(job.slurm, "call", lambda *words: told.append(words))
        return told

    return in_state


def test_a_task_records_the_cell_that_was_planned(submitted):
    cell, task = submitted()
    assert task.run() == 0
    assert cell.directory.result()["config_hash"] == cell.identity["config_hash"]
    fared = task.fared
    assert (fared.state, fared.reason, fared.job, fared.starts) == ("ended", None, "12_0", 1)
    assert fared.peak_bytes > 50e6


def test_a_precision_that_was_planned_is_not_chosen_again_on_a_node(submitted, ensured):
    (_, task), runs = submitted("precision=auto"), ensured(CellError("enough"))
    task.run()
    assert runs[0]["precision"] in ("32-true", "bf16-mixed")


def test_a_node_that_would_make_another_cell_makes_none(submitted):
    cell, task = submitted()
    entry = json.loads((task.path / "cell-0.json").read_text())
    entry["identity"]["source_digest"] = "of another checkout"
    (task.path / "cell-0.json").write_text(json.dumps(entry))
    assert task.run() == 2
    assert task.fared.bad_input
    assert "here it is another cell than it was planned as" in task.fared.reason
    assert not cell.directory.path.exists()


@pytest.mark.parametrize(
    ("raised", "code", "fared"),
    [
        (ConfigError("bad"), 2, {"reason": "bad", "bad_input": True}),
        (CellError("it failed"), 1, {"reason": "it failed", "bad_input": False}),
        (LockLostError("taken over"), 75, {"reason": "taken over", "busy": True}),
        (BusyError(), 75, {"reason": "another process is making it", "busy": True}),
    ],
)
def test_why_there_is_no_record_is_written_down(submitted, ensured, raised, code, fared):
    _, task = submitted()
    ensured(raised)
    assert task.run() == code
    written = task.fared.model_dump()
    assert {key: written[key] for key in fared} == fared
    assert written["state"] == "ended"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("RUNNING", [("scontrol", "requeue", "15")]),
        ("COMPLETING", []),  # cancelled, or preempted and queued again by Slurm
        ("CANCELLED", []),
        (None, []),
    ],
)
def test_a_job_that_was_told_to_leave_is_queued_again_unless_slurm_ends_it(
    submitted, ensured, requeued, state, told
):
    _, task = submitted()
    ensured(signals.Leave(10))
    calls = requeued(state)
    assert task.run() == 138
    assert calls == told
    assert task.fared.state == "preempted"


def test_a_job_that_comes_no_further_is_not_queued_for_ever(submitted, ensured, requeued):
    _, task = submitted()
    ensured(signals.Leave(10))
    calls = requeued("RUNNING")
    for _ in range(MAX_VAIN_STARTS + 1):
        task.run()
    assert len(calls) == MAX_VAIN_STARTS
    assert task.fared.reason == "came no further in 5 starts; give hydra.launcher.time more"


def test_a_job_that_has_saved_more_goes_on(submitted, ensured, requeued):
    cell, task = submitted()
    ensured(signals.Leave(10))
    requeued("RUNNING")
    cell.directory.path.mkdir(parents=True)
    for step in range(2 * MAX_VAIN_STARTS):
        RunDir(cell.directory.path).checkpoint(step).touch()
        task.run()
    assert task.fared.state == "preempted"


def test_a_cell_is_begun_anew_by_its_first_start_alone(submitted, ensured):
    _, task = submitted("force=true")
    runs = ensured(CellError("enough"))
    task.run()
    task.run()
    assert [run["force"] for run in runs] == [True, False]


def test_a_record_that_is_to_be_replaced_is_so_by_the_first_start_that_comes_so_far(
    tiny, submitted, ensured
):
    record = Planner(checked=True).plan(tiny("model.depth=1", "epochs=1")).directory
    record.begin({}, {})
    record.finish({"top1": 0.5})
    _, task = submitted("force=true")
    runs = ensured(CellError("enough"))
    for _ in range(2):
        task.run()
    record.finish({"top1": 0.6})  # another file
    task.run()
    assert [run["force"] for run in runs] == [True, True, False]


def test_once_one_has_failed_no_other_begins(submitted, ensured, requeued, tmp_path):
    stop_file = tmp_path / "stopped"
    _, task = submitted(stop_file=stop_file)
    ensured(CellError("it failed"))
    calls = requeued("RUNNING")
    task.run()
    assert stop_file.exists()
    assert calls == [("scancel", "--state=PENDING", "12")]
    task.run()
    assert task.fared.reason == NOT_BEGUN


@pytest.mark.parametrize("missing", VARIABLES)
def test_only_slurm_begins_a_task(submitted, missing):
    _, task = submitted()
    with pytest.raises(ConfigError, match="use hydra/launcher=slurm"):
        run_task([str(task.path / "submission.json")], VARIABLES | {missing: ""})


def test_a_damaged_file_of_a_task_is_as_if_it_were_not_there(tmp_path):
    write_task(tmp_path, 0, TaskFile(state="begun", job="12_0", starts=1))
    (tmp_path / "task-0.json").write_text('{"state": "be')
    assert read_task(tmp_path, 0) is None
