"""Decoded arrays between runs: the same, or made anew."""

import errno
import os

import pytest
import torch

from titn.data.cache import cached_arrays
from titn.system import files

ARRAYS = {"pixels": torch.arange(6, dtype=torch.uint8)}
FACTS = {"names": ["a\nb", "c"], "digest": "d"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where arrays are kept."""
    monkeypatch.setenv("TITN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decoded"


def made() -> tuple[dict, dict]:
    return ARRAYS, FACTS


def not_made():
    pytest.fail("made anew")


def kept(place):
    """The file of the arrays that were made."""
    cached_arrays("stamp", made)
    (path,) = place.iterdir()
    return path


def test_arrays_and_facts_come_back_as_they_were(place):
    kept(place)
    arrays, facts = cached_arrays("stamp", not_made)
    assert torch.equal(arrays["pixels"], ARRAYS["pixels"])
    assert facts == FACTS


def test_another_stamp_has_other_arrays(place):
    kept(place)
    other = {"pixels": torch.zeros(1)}, {}
    assert cached_arrays("other", lambda: other)[0]["pixels"].tolist() == [0]


@pytest.mark.parametrize("change", [lambda b: b[:-1] + b"x", lambda b: b[:20], lambda _: b""])
def test_a_damaged_file_is_named_and_made_anew(place, capsys, change):
    path = kept(place)
    path.write_bytes(change(path.read_bytes()))
    assert torch.equal(cached_arrays("stamp", made)[0]["pixels"], ARRAYS["pixels"])
    assert capsys.readouterr().err.startswith(f"{path} ")
    cached_arrays("stamp", not_made)


def test_the_arrays_of_others_are_not_taken(place, capsys):
    path = kept(place)
    cached_arrays("other", lambda: ({"pixels": torch.zeros(1)}, {}))
    (other,) = set(place.iterdir()) - {path}
    path.write_bytes(other.read_bytes())
    assert torch.equal(cached_arrays("stamp", made)[0]["pixels"], ARRAYS["pixels"])
    assert "has the images of others" in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_cache_that_cannot_be_written_is_done_without(place, monkeypatch, capsys, number):
    def fails(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "replace", fails)
    assert cached_arrays("stamp", made) == (ARRAYS, FACTS)
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert f"not cached in {place} ({os.strerror(number)})" in said.err


def test_a_cache_that_is_a_file_is_done_without(place, capsys):
    place.parent.write_text("mine")
    assert cached_arrays("stamp", made) == (ARRAYS, FACTS)
    assert "not cached in " in capsys.readouterr().err
    assert place.parent.read_text() == "mine"


def test_a_pipe_in_its_place_is_not_waited_for(place):
    path = kept(place)
    path.unlink()
    os.mkfifo(path)
    assert cached_arrays("stamp", made) == (ARRAYS, FACTS)


def test_a_file_that_the_disk_does_not_give_back_is_made_anew(place, monkeypatch, capsys):
    path = kept(place)

    def fails(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("titn.system.tensor_files.load", fails)
    assert cached_arrays("stamp", made) == (ARRAYS, FACTS)
    assert f"{path} cannot be read (Input/output error)" in capsys.readouterr().err


def test_what_killed_writers_left_is_removed_and_nothing_of_others(place):
    path = kept(place)
    left, young, foreign = place / "x.1.tmp", place / "y.2.tmp", place.parent / "z.tmp"
    for file in (left, young, foreign):
        file.touch()
    for file in (left, foreign):
        os.utime(file, (0, 0))
    path.unlink()
    cached_arrays("stamp", made)
    assert (left.exists(), young.exists(), foreign.exists()) == (False, True, True)
