"""What has become of a cell, as its directory shows."""

import multiprocessing

import pytest
from filelock import FileLock

from titn.records.cell_state import cell_state
from titn.records.run_dir import RunDir

IDENTITY = {"config_hash": "h", "source_digest": "d"}
FAILURE = IDENTITY | {"reason": "it failed"}
RECORD = IDENTITY | {"top1": 0.5, "nll": 1.0, "seed": 0, "epochs": 1}


@pytest.fixture
def directory(tmp_path):
    return RunDir(tmp_path)


@pytest.fixture
def held(directory):
    """The run's lock, held by another process."""
    context = multiprocessing.get_context("spawn")
    is_held, is_over = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(str(directory.lock), is_held, is_over))
    process.start()
    assert is_held.wait(60)
    yield
    is_over.set()
    process.join(60)


def _hold(lock: str, is_held, is_over) -> None:
    with FileLock(lock):
        is_held.set()
        is_over.wait(60)


def test_an_empty_directory_waits(directory):
    assert cell_state(directory) == "waiting"


def test_a_directory_that_is_not_there_waits(directory):
    assert cell_state(RunDir(directory.path / "none")) == "waiting"


def test_what_has_begun_and_not_ended_is_half_done(directory):
    directory.begin({}, IDENTITY)
    assert cell_state(directory) == "half done"


def test_a_lock_that_nobody_holds_says_nothing(directory):
    directory.begin({}, IDENTITY)
    with FileLock(directory.lock):
        pass
    directory.lock.touch()
    assert cell_state(directory) == "half done"


def test_a_lock_that_another_process_holds_says_that_it_is_running(directory, held):
    assert cell_state(directory) == "running"


def test_a_failure_that_is_tried_again_is_running(directory, held):
    directory.fail(FAILURE | {"kind": "error"})
    assert cell_state(directory) == "running"


def test_looking_does_not_keep_a_cell_from_being_made(directory):
    directory.lock.touch()
    cell_state(directory)
    with FileLock(directory.lock, timeout=0):
        pass


def test_a_lock_that_cannot_be_opened_says_nothing(directory, monkeypatch):
    def denied(*_, **__):
        raise PermissionError

    directory.lock.touch()
    monkeypatch.setattr(FileLock, "acquire", denied)
    assert cell_state(directory) == "waiting"


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        ({"kind": "diverged"}, "diverged"),
        ({"kind": "pruned", "wall_secs": 1.5}, "pruned"),
        ({"kind": "error"}, "failed"),
        ({"kind": ""}, "failed"),
    ],
)
def test_a_failure_file_tells_how_a_run_ended(directory, failure, state):
    directory.begin({}, IDENTITY)
    directory.fail(FAILURE | failure)
    assert cell_state(directory) == state


def test_a_result_is_a_record_whatever_else_lies_there(directory):
    directory.begin({}, IDENTITY)
    directory.fail(FAILURE | {"kind": "error"})
    directory.finish(RECORD)
    assert cell_state(directory) == "recorded"


def test_a_cell_that_is_finished_while_its_lock_is_tried_is_recorded(directory, monkeypatch):
    """The lock is tried first, so that no cell is seen without lock and without record."""
    directory.begin({}, IDENTITY)
    directory.lock.touch()
    acquire = FileLock.acquire

    def late(lock, *arguments, **named):
        directory.finish(RECORD)
        return acquire(lock, *arguments, **named)

    monkeypatch.setattr(FileLock, "acquire", late)
    assert cell_state(directory) == "recorded"


@pytest.mark.parametrize("file", ["result.json", "failure.json", "environment.json"])
def test_a_file_that_is_cut_short_is_damage(directory, file):
    (directory.path / file).write_text('{"top1": 0.')
    assert cell_state(directory) == "damaged"
