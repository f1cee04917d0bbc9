"""A run that several processes make is that of one, and survives the end of any of them."""

import io
import os
import shutil
import signal

import psutil
import pytest
import torch
from safetensors.torch import load_file

from titn.cells import processes, worker
from titn.cells.ensure import ensure
from titn.records.run_dir import RunDir
from titn.system.errors import CellError, ConfigError
from titn.system.signals import Leave

# A stem with batch normalisation, a mix, and a teacher that is trained together as well.
RUN = (
    "dataset.image_size=8", "dataset.fraction=0.2", "model=deit", "model.patch_embed=conv",
    "model.patch_size=4", "model.depth=1", "model.patch_dim=12", "model.heads=2", "epochs=2",
    "batch_size=37", "mix=cutmix", "checkpoint_secs=0", "precision=32-true", "device=cpu",
    "compile=none",
)  # fmt: skip
TAUGHT = (
    "teacher=deit", "teacher.model.patch_size=4", "teacher.model.depth=1",
    "teacher.model.patch_dim=12", "teacher.model.heads=2", "teacher.epochs=1",
    "teacher.batch_size=36", "teacher.precision=32-true",
)  # fmt: skip
UNTAUGHT = ("teacher=none", "loss=supervised")


@pytest.fixture
def planned(composed, tmp_path):
    """The run on so many devices, in a directory of its own."""

    def plan(name: str, *overrides: str) -> dict:
        return composed(*RUN, f"runs_dir={tmp_path / name}", *overrides)

    return plan


def others() -> list[psutil.Process]:
    """The processes that train along with this one."""
    children = psutil.Process().children()
    return [child for child in children if "titn.cells.worker" in child.cmdline()]


def weights(directory: RunDir) -> dict:
    return load_file(directory.weights)


@pytest.fixture
def leaves_after_an_epoch(monkeypatch):
    """The next run is told to leave when its first epoch is written."""
    add = RunDir.add_epoch

    def add_and_leave(self, row):
        add(self, row)
        monkeypatch.setattr(RunDir, "add_epoch", add)
        raise Leave(signal.SIGTERM)

    return lambda: monkeypatch.setattr(RunDir, "add_epoch", add_and_leave)


def test_two_processes_make_what_one_makes_and_resume_it_bit_for_bit(
    planned, leaves_after_an_epoch, tmp_path
):
    alone, record = ensure(planned("alone", *TAUGHT))
    run = planned("together", *TAUGHT, "devices=2")
    whole, together = ensure(run)
    assert together["config_hash"] == record["config_hash"]
    assert whole.environment()["devices"] == 2
    torch.testing.assert_close(weights(whole), weights(alone), rtol=1e-3, atol=1e-5)

    # Under the teacher that is there by now.
    again, moved = (run | {"run_dir": str(tmp_path / name)} for name in ("again", "moved"))
    leaves_after_an_epoch()
    with pytest.raises(Leave):
        ensure(again)
    assert not others()
    shutil.copytree(again["run_dir"], moved["run_dir"])
    resumed, _ = ensure(again)
    torch.testing.assert_close(weights(resumed), weights(whole), rtol=0, atol=0)

    # On another number to rounding, which the record says.
    moved_to, _ = ensure(moved | {"devices": 1})
    environment = moved_to.environment()
    assert [part["devices"] for part in (environment, *environment["earlier"])] == [1, 2]
    torch.testing.assert_close(weights(moved_to), weights(alone), rtol=1e-3, atol=1e-5)


def test_a_process_that_is_killed_is_named_and_the_run_goes_on(planned, monkeypatch):
    add = RunDir.add_epoch

    def add_and_kill(self, row):
        add(self, row)
        (other,) = others()
        os.kill(other.pid, signal.SIGKILL)

    run = planned("killed", *UNTAUGHT, "devices=2")
    with monkeypatch.context() as patched:
        patched.setattr(RunDir, "add_epoch", add_and_kill)
        with pytest.raises(CellError, match=r"process 1 of 1 .* ended by SIGKILL.*retry=failed"):
            ensure(run)
    assert not others()
    _, record = ensure(run | {"retry": "failed"})
    assert record["epochs"] == 2


def test_a_batch_of_too_few_images_is_refused(planned):
    with pytest.raises(ConfigError, match=r"devices=2: 1 image at once are too few .* give 1 or"):
        ensure(planned("refused", *UNTAUGHT, "mix=none", "devices=2", "batch_size=1"))


def test_words_of_a_process_name_its_error():
    assert processes.last_words(MemoryError("all of it"), True) == (
        '{"error": "all of it", "is_memory": true, "is_input": false}'
    )


def test_what_code_of_ones_own_prints_is_no_answer(monkeypatch):
    """It would be taken for a sign of readiness, or fill the pipe."""

    def train_along(job, answers):
        print("loading my images")
        print(processes.READY, file=answers)

    said = io.StringIO()
    monkeypatch.setattr(worker, "_train_along", train_along)
    monkeypatch.setattr(worker, "_end_with_leader", lambda: None)
    monkeypatch.setattr("sys.stdin", io.StringIO("{}\n"))
    monkeypatch.setattr("sys.stdout", said)
    worker.main()
    assert said.getvalue() == f"{processes.READY}\n"
