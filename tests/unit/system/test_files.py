"""Files that are whole or not there."""

import os
import time

import pytest

from titn.system import files
from titn.system.files import cache_dir, remove_leftovers, replacing, write_text


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path):
    (tmp_path / "x").write_text("old")
    write_text(tmp_path / "x", "new ü")
    assert (tmp_path / "x").read_text(encoding="utf-8") == "new ü"


def test_what_is_half_written_never_is_in_its_place(tmp_path):
    with replacing(tmp_path / "x") as temporary:
        temporary.write_text("half")
        assert not (tmp_path / "x").exists()


def test_two_at_once_do_not_share_what_is_half_written(tmp_path):
    """Processes of two hosts may have the same number."""
    with replacing(tmp_path / "x") as first, replacing(tmp_path / "x") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "x").read_text() == "first"


def test_what_fails_leaves_nothing(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "x", "half of it is no text: \ud800")
    assert list(tmp_path.iterdir()) == []


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, n=name, r=real: (done.append(n), r(*a)))
    write_text(tmp_path / "x", "text")
    assert done == ["fsync", "replace", "fsync"]  # the file, its name, the directory


@pytest.mark.parametrize(("age_secs", "left"), [(10, True), (100, False)])
def test_leftovers_go_when_nobody_can_be_writing_them_any_more(tmp_path, age_secs, left):
    leftover = tmp_path / "x.1.tmp"
    leftover.touch()
    os.utime(leftover, (time.time() - age_secs,) * 2)
    remove_leftovers(tmp_path, older_than_secs=50)
    assert leftover.exists() is left


def test_what_is_no_leftover_stays(tmp_path):
    (tmp_path / "x").touch()
    remove_leftovers(tmp_path)
    assert (tmp_path / "x").exists()


def test_a_user_without_a_home_has_no_cache_and_no_error(monkeypatch):
    def homeless(*_):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("TITN_CACHE", raising=False)
    monkeypatch.setattr(files.platformdirs, "user_cache_dir", homeless)
    with pytest.raises(NotADirectoryError):
        files.cache_dir().mkdir(parents=True)


def test_a_cache_is_never_a_directory_named_after_the_tilde(monkeypatch):
    monkeypatch.delenv("TITN_CACHE", raising=False)
    monkeypatch.setattr(files.platformdirs, "user_cache_dir", lambda *_: "~/.cache/titn")
    assert files.cache_dir().is_absolute()


def test_a_tilde_in_the_environment_is_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TITN_CACHE", "~/there")
    assert cache_dir() == tmp_path / "there"
