"""A sweep through a real Slurm whose jobs are cancelled, preempted and killed, and its controller.

In the end every cell is recorded once, and as by one process. Slurm is Debian's, started for this
file (tests/services/slurm_service.py).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import killed_sweeps
import psutil
import pytest
import slurm_service
from killed_runs import contents, difference
from killed_sweeps import SWEEP

pytestmark = pytest.mark.slurm

# Six cells and their teacher, of which none ends while its job is looked for.
LONGER = [word for word in SWEEP if not word.startswith(("seed=", "optimizer.lr=", "epochs="))]
CELLS = (*LONGER, "seed=0,1,2", "optimizer.lr=1e-3,2e-3", "epochs=40")
LAUNCHER = ("hydra/launcher=slurm", "hydra.launcher.cpus=1", "hydra.launcher.look_secs=1")


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    if absent := slurm_service.missing():
        pytest.skip(f"needs Slurm, and there is no {absent[0]}: {slurm_service.INSTALL}")
    home = Path(tempfile.mkdtemp(prefix="slurm"))
    try:
        yield slurm_service.up(home)
    finally:
        slurm_service.down(home)
        shutil.rmtree(home, ignore_errors=True)


class Sweep:
    """The sweep in a directory, its jobs, and what becomes of them."""

    def __init__(self, place: Path, cluster: dict[str, str]):
        self.place, self.variables = place, os.environ | cluster
        place.mkdir()

    def begin(self, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "titn.train", *CELLS, *LAUNCHER, *arguments]
        with open(self.place / ".output", "a") as output:
            return subprocess.Popen(
                command, cwd=self.place, env=self.variables, stdout=output, stderr=output
            )

    def said(self) -> str:
        return (self.place / ".output").read_text()

    def slurm(self, *command: str) -> str:
        return subprocess.run(
            command, env=self.variables, capture_output=True, text=True, check=True
        ).stdout

    def tasks(self) -> dict[str, str]:
        """State of each task of an array that is queued or runs."""
        printed = self.slurm("squeue", "--array", "--noheader", "--format=%i %T")
        return dict(line.split() for line in printed.splitlines())

    def training(self, *, but: list[str]) -> str:
        """A task that runs and has begun to train a student."""
        end = time.monotonic() + 200
        while time.monotonic() < end:
            for task, state in self.tasks().items():
                if state == "RUNNING" and task not in but and self._has_trained(task):
                    return task
            time.sleep(0.1)
        raise AssertionError(f"none of {self.tasks()} trains: {self.said()[-1000:]}")

    def _has_trained(self, task: str) -> bool:
        for file in self.place.glob("runs/sweeps/multirun/slurm/*/task-*.json"):
            if json.loads(file.read_text())["job"] == task:
                log = file.with_name(file.name.replace("task", "log")).with_suffix(".txt")
                return "titn epoch 2/40" in log.read_text()
        return False

    def kill(self, task: str) -> None:
        """SIGKILL to the process that makes a task's cell."""
        number, _, index = task.partition("_")
        for process in psutil.process_iter():
            try:
                variables = process.environ()
            except psutil.Error:
                continue
            mine = [variables.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK")]
            if mine == [number, index] and "titn.sweeps.slurm.job" in process.cmdline():
                process.kill()
                return
        raise AssertionError(f"no process makes {task}")

    def status(self) -> str:
        return subprocess.run(
            [sys.executable, "-m", "titn.status", "--cells"],
            cwd=self.place, env=self.variables, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip


def wait_for(condition, secs: float = 60.0) -> None:
    end = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_sweep_survives_what_happens_to_its_jobs(tmp_path, cluster):
    known = killed_sweeps.reference(tmp_path / "one", CELLS)
    assert len(known) == 7
    sweep = Sweep(tmp_path / "many", cluster)
    records = killed_sweeps.Records(sweep.place / "runs")

    assert sweep.begin("hydra.launcher.detach=true").wait(120) == 0
    cancelled = sweep.training(but=[])
    sweep.slurm("scancel", cancelled)
    preempted = sweep.training(but=[cancelled])
    # It tries for a minute what it has done at once: the job is queued again by then.
    scancel = subprocess.Popen(
        ["scancel", "--signal=USR1", "--batch", preempted],
        env=sweep.variables, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    killed = sweep.training(but=[cancelled, preempted])
    sweep.kill(killed)
    wait_for(lambda: sweep.tasks().get(preempted) == "PENDING" and killed not in sweep.tasks())
    assert "preempted" in sweep.status()

    controller = sweep.begin()
    wait_for(lambda: "it is queued again" in sweep.said(), 120)
    controller.send_signal(signal.SIGINT)
    assert controller.wait(60) == 130
    assert len(sweep.tasks()) >= 3  # its jobs go on: one preempted, two queued again
    assert "preempted" in sweep.status()

    # Slurm lets two minutes pass before it runs a requeued job.
    sweep.slurm("scontrol", "update", f"JobId={preempted}", "StartTime=now")
    assert records.look() is None
    assert sweep.begin().wait(500) == 0, sweep.said()[-2000:]
    assert records.look() is None
    assert difference(contents(sweep.place / "runs"), known) is None
    assert len(records.seen) == 7
    assert sweep.tasks() == {}
    scancel.wait(120)


def test_jobs_that_only_wait_are_cancelled_when_one_fails(tmp_path, cluster, monkeypatch):
    sweep = Sweep(tmp_path / "many", cluster)
    rates = ("teacher=none", "optimizer.lr=1e30,1e-3", "hydra.launcher.at_once=1", "fail_fast=true")
    words = [word for word in CELLS if not word.startswith(("teacher", "optimizer.lr="))]
    monkeypatch.setitem(globals(), "CELLS", words)
    other = sweep.slurm("sbatch", "--parsable", "--hold", "--wrap=true").strip()
    assert sweep.begin(*rates).wait(200) == 1
    assert "the loss is nan" in sweep.said()
    assert sweep.said().count("not begun, as another has failed") == 5
    assert list(sweep.place.glob("runs/*/result.json")) == []
    assert f"{other} PENDING" in sweep.slurm("squeue", "--noheader", "--format=%i %T")
    sweep.slurm("scancel", other)
