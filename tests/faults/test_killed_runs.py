"""A few of the kills that tests/faults/long.py does by the hundred."""

import random

import killed_runs
import pytest
from harness import start
from killed_runs import Observed


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return killed_runs.reference(tmp_path_factory.mktemp("untouched") / "run")


def test_a_run_that_is_killed_ends_with_the_weights_of_one_that_is_not(known, tmp_path):
    tallies = killed_runs.killed_at_random(2, tmp_path, known, random.Random(1))
    assert [tally.lost for tally in tallies if tally.lost] == []


@pytest.mark.parametrize("phase", [killed_runs.CHECKPOINT, killed_runs.TEACHER])
def test_a_kill_is_survived_while(phase, known, tmp_path):
    command = (*killed_runs.RUN, "checkpoint_secs=0.05")
    observed = Observed()
    process = start("train", *command, cwd=tmp_path, before=observed.watch)
    killed_runs.wait_for(process, lambda: observed.phase() == phase)
    assert process.kill().code == 137
    assert start("train", *command, cwd=tmp_path).wait().code == 0
    assert killed_runs.difference(killed_runs.contents(tmp_path / "runs"), known.contents) is None
