"""A worker knows its controller, even one that was killed before the worker began."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

SWEEP = """
import multiprocessing, os, sys, time
from pathlib import Path

def work(place):
    (place / "begun").write_text(str(os.getpid()))
    while not (place / "killed").exists():
        time.sleep(0.02)
    from titn.system import signals
    signals.install(worker=True)
    time.sleep(600)

if __name__ == "__main__":
    place = Path(sys.argv[1])
    multiprocessing.get_context("spawn").Process(target=work, args=(place,)).start()
    time.sleep(60)
"""


def printed_by(code: str) -> str:
    """By a process of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout


def wait_for(condition) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_worker_that_begins_as_an_orphan_leaves(tmp_path):
    (tmp_path / "sweep.py").write_text(SWEEP)
    controller = subprocess.Popen([sys.executable, tmp_path / "sweep.py", tmp_path])
    begun = tmp_path / "begun"
    wait_for(lambda: begun.exists() and begun.read_text())
    controller.kill()
    controller.wait()
    assert not has_ended(int(begun.read_text()))
    (tmp_path / "killed").touch()
    wait_for(lambda: has_ended(int(begun.read_text())))


def test_a_limit_of_processor_time_lets_a_run_save():
    """Its signal comes every second, so that a second one does not mean more than the first."""
    code = (
        "import os, signal\nfrom titn.system import signals\nsignals.install()\n"
        "with signals.deferred():\n"
        "    for _ in range(3): os.kill(os.getpid(), signal.SIGXCPU)\n"
        "    print('saved', flush=True)\n"
        "    try: signals.check()\n"
        "    except signals.Leave as leave: print(leave, leave.exit_code)"
    )
    assert printed_by(code) == f"saved\nSIGXCPU {128 + signal.SIGXCPU}\n"


@pytest.mark.parametrize("first", ["SIGCONT", "SIGTERM", "SIGUSR1"])
def test_a_job_of_a_scheduler_saves_whatever_is_sent_after_the_first_signal(first):
    """Slurm sends SIGCONT and SIGTERM together, and again when a grace is over."""
    code = (
        "import os, signal\nfrom titn.system import signals\nsignals.install(in_queue=True)\n"
        "with signals.deferred():\n"
        f"    for name in ('{first}', 'SIGTERM', 'SIGUSR1', 'SIGCONT'):\n"
        "        os.kill(os.getpid(), getattr(signal, name))\n"
        "    print('saved', flush=True)\n"
        "    try: signals.check()\n"
        "    except signals.Leave as leave: print(leave, leave.exit_code)"
    )
    assert printed_by(code) == f"saved\n{first} {128 + getattr(signal, first)}\n"


def test_elsewhere_a_process_that_goes_on_after_a_stop_does_not_leave():
    code = (
        "import os, signal\nfrom titn.system import signals\nsignals.install()\n"
        "os.kill(os.getpid(), signal.SIGCONT)\nsignals.check()\nprint('here')"
    )
    assert printed_by(code) == "here\n"
