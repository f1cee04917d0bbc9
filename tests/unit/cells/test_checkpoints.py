"""The last two states of a run, of which one that is damaged is known for it."""

import errno
import os

import pytest
import torch

from titn.cells.checkpoints import Checkpoints
from titn.records.run_dir import RunDir
from titn.system import tensor_files

IDENTITY = {"config_hash": "a", "source_digest": "b"}


@pytest.fixture
def checkpoints(tmp_path) -> Checkpoints:
    return Checkpoints(RunDir(tmp_path), IDENTITY)


def save(checkpoints: Checkpoints, position: int) -> None:
    checkpoints.save(position, {"model": {"w": torch.tensor([position])}}, {"step": position})


def names(checkpoints: Checkpoints) -> list[str]:
    return [path.name for path in checkpoints.directory.checkpoints()]


def failing_disk(*_) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def full_for(monkeypatch, failures: int) -> None:
    """A disk on which so many writes find no room."""
    real, left = tensor_files.save, [failures]

    def write(*arguments) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(*arguments)

    monkeypatch.setattr(tensor_files, "save", write)


def test_the_newest_comes_back_with_its_facts(checkpoints):
    for position in (1, 2):
        save(checkpoints, position)
    tree, facts = checkpoints.newest()
    assert (tree["model"]["w"].item(), facts) == (2, {"step": 2})


def test_without_any_there_is_none(checkpoints):
    assert checkpoints.newest() is None


def test_two_are_kept(checkpoints):
    for position in (8, 9, 10):
        save(checkpoints, position)
    assert names(checkpoints) == [
        "checkpoint-000000010.safetensors", "checkpoint-000000009.safetensors"
    ]  # fmt: skip


def test_one_that_is_damaged_is_put_aside(checkpoints, capsys):
    for position in (1, 2):
        save(checkpoints, position)
    newest = checkpoints.directory.checkpoint(2)
    newest.write_bytes(newest.read_bytes()[:-1])
    assert checkpoints.newest()[1] == {"step": 1}
    assert "checkpoint-000000002.safetensors is not a safetensors file" in capsys.readouterr().err
    assert names(checkpoints) == ["checkpoint-000000001.safetensors"]


def test_new_ones_are_kept_beside_damaged_ones_from_further_on(checkpoints):
    for position in (7, 8):
        save(checkpoints, position)
        checkpoints.directory.checkpoint(position).write_bytes(b"")
    assert checkpoints.newest() is None
    save(checkpoints, 1)
    assert checkpoints.newest()[1] == {"step": 1}


def test_that_of_another_run_is_not_its_own(checkpoints, capsys):
    save(checkpoints, 1)
    other = Checkpoints(checkpoints.directory, IDENTITY | {"config_hash": "c"})
    assert other.newest() is None
    assert "is of another run" in capsys.readouterr().err


def test_one_that_cannot_be_read_now_is_not_given_up(checkpoints, monkeypatch):
    save(checkpoints, 1)
    with monkeypatch.context() as patched:
        patched.setattr(tensor_files, "load", failing_disk)
        with pytest.raises(OSError, match="Input/output"):
            checkpoints.newest()
    assert checkpoints.newest()[1] == {"step": 1}


def test_on_a_full_disk_the_older_one_makes_room(checkpoints, monkeypatch):
    for position in (1, 2):
        save(checkpoints, position)
    full_for(monkeypatch, 1)
    save(checkpoints, 3)
    assert names(checkpoints) == [
        "checkpoint-000000003.safetensors", "checkpoint-000000002.safetensors"
    ]  # fmt: skip


def test_the_only_one_never_makes_room(checkpoints, monkeypatch):
    save(checkpoints, 1)
    full_for(monkeypatch, 2)
    with pytest.raises(OSError, match="No space left"):
        save(checkpoints, 2)
    assert checkpoints.newest()[1] == {"step": 1}
