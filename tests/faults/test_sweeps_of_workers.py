"""A sweep of twelve cells whose workers are killed, by Ray and by joblib.

In the end every cell is recorded once, and as by one process. Ray is started by the sweep itself,
and ended with it.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

import killed_sweeps
import psutil
import pytest
from killed_runs import contents, difference
from killed_sweeps import SWEEP

# Twelve cells and their teacher, none of which ends before it is found.
LONGER = [word for word in SWEEP if not word.startswith(("optimizer.lr=", "epochs="))]
CELLS = (*LONGER, "optimizer.lr=1e-3,2e-3,3e-3,4e-3", "epochs=20")
RAY = ("hydra/launcher=ray", "hydra.launcher.memory=1G")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> dict:
    """What one process records."""
    found = killed_sweeps.reference(tmp_path_factory.mktemp("known") / "one", CELLS)
    assert len(found) == 13
    return found


class Sweep:
    """The sweep in a directory, with its controller."""

    def __init__(self, place: Path, *arguments: str):
        place.mkdir()
        self.place, self.arguments = place, (*CELLS, *arguments)
        self.records = killed_sweeps.Records(place / "runs")
        self.begin()

    def begin(self) -> None:
        self.controller = killed_sweeps._begin(self.place, self.arguments)

    def said(self) -> str:
        return (self.place / ".output").read_text()

    def wait_for_training(self) -> None:
        """Until a student that is not done yet has trained for two epochs more."""
        before, end = self._epochs(), time.monotonic() + 300
        while time.monotonic() < end and self.controller.poll() is None:
            if any(num >= before.get(name, 0) + 2 for name, num in self._epochs().items()):
                return
            time.sleep(0.05)
        raise AssertionError(f"nothing trains: {self.said()[-1000:]}")

    def _epochs(self) -> dict[str, int]:
        logs = self.place.glob("runs/*/log.txt")
        return {
            log.parent.name: log.read_text().count("titn epoch ")
            for log in logs if not (log.parent / "result.json").exists()
        }  # fmt: skip

    def num_resumed(self) -> int:
        """How often a run went on from a checkpoint."""
        logs = self.place.glob("runs/*/log.txt")
        return sum(log.read_text().count("titn resumes ") for log in logs)

    def judge(self, known: dict) -> None:
        assert self.controller.wait(500) == 0, self.said()[-2000:]
        assert self.records.look() is None
        assert difference(contents(self.place / "runs"), known) is None
        assert len(self.records.seen) == 13


def workers_of_ray(controller: subprocess.Popen) -> list[psutil.Process]:
    """Those that make a cell: Ray names a process after its task."""
    found = []
    for process in psutil.Process(controller.pid).children(recursive=True):
        try:
            title = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if title.startswith("ray::") and "seed" in title:
            found.append(process)
    return found


@pytest.mark.ray
def test_workers_of_ray_are_killed_and_the_controller_told_to_leave(tmp_path, known):
    pytest.importorskip("ray", reason="needs Ray: pip install ray")
    sweep = Sweep(tmp_path / "many", *RAY)
    sweep.wait_for_training()
    # All that train: which of them is the one that has something saved is not known here.
    for worker in workers_of_ray(sweep.controller):
        worker.kill()
    sweep.wait_for_training()
    assert "its worker died (killed, or crashed); it goes on in another" in sweep.said()

    inside = psutil.Process(sweep.controller.pid).children(recursive=True)
    sweep.controller.send_signal(signal.SIGTERM)
    assert sweep.controller.wait(60) == 143, sweep.said()[-1000:]
    _, alive = psutil.wait_procs(inside, timeout=30)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    assert sweep.records.look() is None

    sweep.begin()
    sweep.judge(known)
    assert sweep.num_resumed() >= 2


@pytest.mark.long
def test_a_worker_of_joblib_is_killed(tmp_path, known):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    sweep = Sweep(tmp_path / "many", *JOBLIB)
    sweep.wait_for_training()
    os.kill(killed_sweeps._workers(sweep.controller)[0], signal.SIGKILL)
    sweep.judge(known)
    (line,) = [line for line in sweep.said().splitlines() if "the launcher stopped" in line]
    assert "and is started again; half done: optimizer.lr=" in line
    assert sweep.num_resumed() >= 1
