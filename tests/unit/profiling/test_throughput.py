"""Images a second of several runs at once."""

import os
from contextlib import suppress
from threading import BrokenBarrierError

import pytest

from titn.profiling import throughput
from titn.system.errors import CellError


def die(run, threads, settings, barrier, queue):
    """In the place of a cell: the first is killed, and the other waits for it."""
    if run["seed"] == 0:
        os._exit(9)
    with suppress(BrokenBarrierError):
        barrier.wait()


def test_a_cell_that_dies_ends_the_measurement(monkeypatch):
    monkeypatch.setattr(throughput, "_one_of", die)
    monkeypatch.setattr(throughput, "WATCH_SECS", 0.01)
    with pytest.raises(CellError, match=r"^1 of 2 workers ended with exit code 9, .*--cells"):
        throughput.concurrent_rates({}, 2, steps=1, rounds=1, num_classes=2)
