"""Cores that are shared with others."""

import os
import subprocess
import sys

import pytest

from titn.system import contention
from titn.system.contention import Contention, describe, share_of_time, thread_times


def test_the_share_is_what_ran_of_what_was_ready():
    before = {"1": (10.0, 5.0), "2": (1.0, 0.0)}
    after = {"1": (13.0, 6.0), "2": (1.0, 0.0), "3": (2.0, 4.0)}
    assert share_of_time(before, after) == 0.5


@pytest.mark.parametrize("times", [{}, {"1": (1.0, 2.0)}])
def test_what_did_not_run_lacks_nothing(times):
    assert share_of_time(times, times) == 1


@pytest.fixture
def machine(monkeypatch):
    """A contention whose clock moves on by a window with each look: call it with the times."""
    monkeypatch.setattr(contention, "threads_and_cores", lambda: (2, 2))
    monkeypatch.setattr(contention, "WINDOW_SECS", 0.0)
    times = {"1": (0.0, 0.0)}
    noticing = Contention(lambda: dict(times))

    def look(ran, waited):
        before = times["1"]
        times["1"] = before[0] + ran, before[1] + waited
        return noticing.look()

    return look


def test_a_process_that_has_its_cores_says_nothing(machine):
    assert [machine(1.0, 0.4), machine(1.0, 0.0)] == [None, None]


def test_it_is_said_once(machine):
    assert machine(1.0, 0.1) is None
    assert machine(1.0, 1.0).startswith("other processes take the cores: this run gets 50% of")
    assert machine(1.0, 1.0) is None


@pytest.mark.parametrize(
    ("threads", "cores", "remedy"),
    [(8, 2, "OMP_NUM_THREADS=2 "), (2, 2, "OMP_NUM_THREADS=1 "), (1, 1, "fewer of them at once")],
)
def test_what_to_set_is_said(threads, cores, remedy):
    assert remedy in describe(0.4, threads, cores)


def test_more_threads_than_cores_are_named_whatever_share_they_get(machine, monkeypatch):
    monkeypatch.setattr(contention, "threads_and_cores", lambda: (64, 2))
    assert machine(1.0, 0.0).startswith("64 threads share 2 cores")


@pytest.mark.skipif(not thread_times(), reason="this system does not count what threads wait")
def test_a_neighbour_on_the_same_core_is_noticed():
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os, time; os.sched_setaffinity(0, [{core}])\n"
        "from titn.system.contention import *\n"
        "before, end = thread_times(), time.monotonic() + 1\n"
        "while time.monotonic() < end: pass\n"
        "print(share_of_time(before, thread_times()))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)
    ]
    shares = [float(one.communicate()[0]) for one in both]
    assert min(shares) < 0.75
