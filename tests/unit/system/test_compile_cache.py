"""Where PyTorch keeps what it compiles."""

import getpass
import os

import pytest

from titn.system import compile_cache
from titn.system.compile_cache import (
    CACHE,
    ensure_compile_cache,
    ensure_user_name,
    is_of_one_command,
)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "file").touch()
    return tmp_path / "file"


@pytest.mark.parametrize("place", ["", "new", "new/below"])
def test_a_place_that_can_be_written_stays(tmp_path, place):
    environment = {CACHE: str(tmp_path / place)}
    ensure_compile_cache(environment)
    assert environment == {CACHE: str(tmp_path / place)}
    assert not is_of_one_command(environment)


@pytest.mark.parametrize("below", ["", "below"])
def test_a_place_that_cannot_be_made_is_replaced(file, below):
    environment = {CACHE: str(file / below)}
    ensure_compile_cache(environment)
    assert os.access(environment[CACHE], os.W_OK)
    assert is_of_one_command(environment)


def test_the_default_is_replaced_too(file, tmp_path, monkeypatch):
    monkeypatch.setattr(compile_cache, "_default", lambda: str(file))
    environment = {}
    ensure_compile_cache(environment)
    assert is_of_one_command(environment)


def test_a_user_without_a_name_gets_one(monkeypatch):
    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    ensure_user_name()
    assert getpass.getuser() == f"uid_{os.getuid()}"
