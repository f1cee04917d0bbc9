"""Workers that share cells, by hand."""

import doctest

import pytest

from titn.sweeps import makespan as module
from titn.sweeps.makespan import Work, makespan, numbers_of_workers

TAUGHT = [Work(name, 10, "vgg", 60) for name in "ab"]


@pytest.mark.parametrize(
    ("works", "workers", "secs"),
    [
        ([Work("a", 30), Work("b", 10), Work("c", 10), Work("d", 10)], 2, 30),
        ([Work("a", 10), Work("b", 30)], 3, 30),
        # The worker that has nothing to wait for goes on: 60 + 10, and meanwhile 5 and 5.
        ([*TAUGHT, Work("c", 5), Work("d", 5)], 3, 70),
        # The teacher is a cell of the sweep, made before its students, or by the first of them.
        ([Work("vgg", 60), *TAUGHT], 2, 70),
        ([*TAUGHT, Work("vgg", 60)], 1, 80),
    ],
)
def test_a_worker_takes_the_next_cell_and_waits_for_teachers(works, workers, secs):
    assert makespan(works, workers) == secs


def test_no_more_workers_are_told_than_have_something_to_do():
    works = [Work(str(i), 1) for i in range(5)]
    assert [numbers_of_workers(works[:n]) for n in (1, 2, 3, 5)] == [[], [2], [2, 4], [2, 4, 8]]


def test_the_examples_hold():
    assert doctest.testmod(module).failed == 0
