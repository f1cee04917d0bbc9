"""A worker knows its controller, even one that was killed before the worker began."""

import subprocess
import sys
import time

SWEEP = """
import multiprocessing, sys, time
from pathlib import Path

def work(place):
    (place / "begun").touch()
    while not (place / "killed").exists():
        time.sleep(0.02)
    from titn import signals
    signals.install(worker=True)
    (place / "asked").write_text(str(int(signals.asked() or 0)))
    time.sleep(60)

if __name__ == "__main__":
    place = Path(sys.argv[1])
    multiprocessing.get_context("spawn").Process(target=work, args=(place,)).start()
    time.sleep(60)
"""


def wait_for(path) -> None:
    end = time.monotonic() + 30
    while not path.exists() or (path.name == "asked" and not path.read_text()):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_worker_that_begins_as_an_orphan_leaves(tmp_path):
    (tmp_path / "sweep.py").write_text(SWEEP)
    controller = subprocess.Popen([sys.executable, tmp_path / "sweep.py", tmp_path])
    wait_for(tmp_path / "begun")
    controller.kill()
    controller.wait()
    (tmp_path / "killed").touch()
    wait_for(tmp_path / "asked")
    assert (tmp_path / "asked").read_text() == "15"
