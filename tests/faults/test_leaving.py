"""SIGTERM, SIGINT and SIGHUP: save, leave with the code that is expected; twice: at once."""

import os
import signal
import time
from pathlib import Path

import pytest
from harness import TINY, Process, start
from killed_runs import contents

import titn.cells.checkpoints

RUN = (*TINY, "batch_size=64", "epochs=15", "mix=cutmix")
SLOW_SECS = 60.0


@pytest.fixture
def begun(tmp_path) -> Process:
    """A run in its first epochs, of fifteen."""
    process = start("train", *RUN, cwd=tmp_path)
    _wait(lambda: list(tmp_path.glob("runs/*/epochs.jsonl")))
    return process


def _wait(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def _checkpoints(cwd: Path) -> list[Path]:
    return list(cwd.glob("runs/*/checkpoint-*"))


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGINT, 130),
        (signal.SIGHUP, 129),
        (signal.SIGUSR1, 138),
        (signal.SIGUSR2, 140),
    ],
)
def test_a_run_that_is_asked_to_leave_saves_and_leaves(begun, tmp_path, number, code):
    begun.send(number)
    done = begun.wait()
    assert done.code == code
    assert done.complaints == [
        f"titn: interrupted by {number.name}; the same command goes on from here"
    ]
    assert len(_checkpoints(tmp_path)) == 1


def test_a_run_that_left_ends_as_one_that_did_not(begun, tmp_path):
    begun.send(signal.SIGTERM)
    begun.wait()
    again = start("train", *RUN, cwd=tmp_path).wait()
    assert "resumes after step" in again.err
    whole = tmp_path / "whole"
    whole.mkdir()
    assert start("train", *RUN, cwd=whole).wait().code == 0
    assert contents(tmp_path / "runs") == contents(whole / "runs")


def test_a_second_signal_does_not_wait_for_the_disk(tmp_path):
    def slow_disk() -> None:
        save = titn.cells.checkpoints.Checkpoints.save

        def slow(*arguments) -> None:
            (tmp_path / "saving").touch()
            time.sleep(SLOW_SECS)
            save(*arguments)

        titn.cells.checkpoints.Checkpoints.save = slow

    process = start("train", *RUN, cwd=tmp_path, before=slow_disk)
    _wait(lambda: list(tmp_path.glob("runs/*/epochs.jsonl")))
    process.send(signal.SIGTERM)
    _wait((tmp_path / "saving").exists)
    process.send(signal.SIGTERM)
    assert process.wait(timeout_secs=SLOW_SECS / 2).code == 143
    assert not _checkpoints(tmp_path)


def test_a_run_under_nohup_does_not_hear_the_terminal_go(tmp_path):
    def nohup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = start("train", *TINY, "epochs=8", cwd=tmp_path, before=nohup)
    _wait(lambda: list(tmp_path.glob("runs/*/epochs.jsonl")))
    process.send(signal.SIGHUP)
    assert process.wait().code == 0


def test_a_sweep_that_is_asked_to_leave_leaves_its_other_cells(tmp_path):
    process = start("train", "--multirun", "seed=0,1", *RUN, cwd=tmp_path)
    _wait(lambda: list(tmp_path.glob("runs/*/epochs.jsonl")))
    process.send(signal.SIGTERM)
    done = process.wait()
    assert done.code == 143
    assert len(list(tmp_path.glob("runs/*/environment.json"))) == 1


def test_who_waits_for_another_process_can_be_asked_to_leave(tmp_path, begun):
    waiting = start("train", *RUN, cwd=tmp_path)
    said = waiting.output.with_suffix(".err")
    _wait(lambda: said.exists() and "waiting" in said.read_text())
    waiting.send(signal.SIGTERM)
    assert waiting.wait(timeout_secs=20).code == 143
    os.kill(begun.pid, 0)  # the other one goes on
    begun.kill()
