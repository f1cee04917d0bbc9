"""Files that anyone may have written: what is not opened, and what YAML is not built."""

import os
import re
import time
from pathlib import Path

import pytest
import yaml

from titn.records.safe_open import (
    MAX_MEGABYTES,
    check_plain,
    read_yaml,
    safe_path,
    walk_directories,
)
from titn.system.errors import ConfigError

NAME = "result.json"


def test_a_file_is_opened(tmp_path):
    (tmp_path / NAME).write_text("{}")
    assert safe_path(tmp_path, NAME) == tmp_path / NAME


def test_a_file_that_is_not_there_is_none(tmp_path):
    assert safe_path(tmp_path, NAME) is None
    assert safe_path(tmp_path / "none", NAME) is None


def test_a_link_out_of_the_directory_is_refused(tmp_path):
    (tmp_path / "private").write_text("secret")
    (tmp_path / "run").mkdir()
    os.symlink("../private", tmp_path / "run" / NAME)
    with pytest.raises(ValueError, match=r"^result.json: is a link that leads out of its dir"):
        safe_path(tmp_path / "run", NAME)


def test_a_link_within_the_directory_is_a_file(tmp_path):
    (tmp_path / "other").write_text("{}")
    os.symlink("other", tmp_path / NAME)
    assert safe_path(tmp_path, NAME) == tmp_path / NAME


def test_the_directory_may_be_a_link_itself(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / NAME).write_text("{}")
    os.symlink("run", tmp_path / "linked")
    assert safe_path(tmp_path / "linked", NAME)


def test_a_link_to_nothing_is_none(tmp_path):
    os.symlink("gone", tmp_path / NAME)
    assert safe_path(tmp_path, NAME) is None


def test_a_link_in_circles_is_an_error_of_the_system(tmp_path):
    os.symlink(NAME, tmp_path / NAME)
    with pytest.raises(OSError, match="symbolic links"):
        safe_path(tmp_path, NAME)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused(tmp_path, make):
    make(tmp_path / NAME)
    with pytest.raises(ValueError, match=r"^result.json: is not a file$"):
        safe_path(tmp_path, NAME)


def test_a_file_that_is_larger_than_any_is_refused(tmp_path):
    with open(tmp_path / NAME, "wb") as file:
        file.truncate(MAX_MEGABYTES[NAME] * 2**20 + 1)
    with pytest.raises(ValueError, match=r"^result.json: has 16 megabytes"):
        safe_path(tmp_path, NAME)


# Directories


def test_directories_are_walked_in_order_without_links(tmp_path):
    for name in ("b/c", "a"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "b" / "file").touch()
    os.symlink(tmp_path, tmp_path / "a" / "circle")
    found = [(str(path.relative_to(tmp_path)), names) for path, names in walk_directories(tmp_path)]
    assert found == [(".", ["a", "b"]), ("a", ["circle"]), ("b", ["c", "file"]), ("b/c", [])]


def test_a_directory_that_cannot_be_listed_is_not_an_empty_one(tmp_path, monkeypatch, capsys):
    def denied(path):
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    closed = tmp_path / "closed"
    closed.mkdir()
    real = os.scandir
    monkeypatch.setattr("titn.records.safe_open.os.scandir", denied)
    said = f"{closed}: cannot be listed (Permission denied); "
    for _ in range(2):
        assert [path for path, _ in walk_directories(tmp_path)] == [tmp_path]
    assert capsys.readouterr().err == f"titn: {said}what is in it is left out\n"
    with pytest.raises(ConfigError, match=re.escape(said)):
        list(walk_directories(closed))


@pytest.fixture
def deep(tmp_path, monkeypatch):
    """A tree of more levels than Python calls; removed here, for pytest would call itself."""
    with monkeypatch.context() as patched:
        patched.chdir(tmp_path)
        for _ in range(1500):
            os.mkdir("a")
            os.chdir("a")
        yield tmp_path
        for _ in range(1500):
            os.chdir("..")
            os.rmdir("a")


def test_a_tree_may_be_deeper_than_python_calls(deep):
    assert sum(1 for _ in walk_directories(deep)) == 1501


# YAML


def bomb(levels: int) -> str:
    """Nine references to nine references to ..."""
    lines = ["l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (bomb(12), r"\*l0: a run's configuration has no alias"),
        ("a: !!bool x", r"a value does not fit its tag \('x'\)"),
        ("a: !!timestamp x", "a value does not fit its tag"),
        ("a: !!int ''", "a value does not fit its tag"),
        ("&a [*a]", r"\*a: a run's configuration has no alias"),
        ("[" * 100_000, "is nested deeper than 30 levels"),
        ("- " * 100_000 + "a", "is nested deeper than 30 levels"),
        ("a: " + "[" * 40 + "]" * 40, "is nested deeper than 30 levels"),
    ],
    ids=[
        "bomb",
        "boolean",
        "time",
        "whole number",
        "circle",
        "flow",
        "block",
        "shallow enough for libyaml",
    ],
)
def test_yaml_that_no_run_writes_is_not_built(tmp_path, text, said):
    (tmp_path / "config.yaml").write_text(text)
    began = time.process_time()
    with pytest.raises(ValueError, match=said):
        read_yaml(tmp_path / "config.yaml")
    assert time.process_time() - began < 1


def test_yaml_runs_no_code(tmp_path):
    touched = tmp_path / "touched"
    (tmp_path / "config.yaml").write_text(f"!!python/object/apply:os.mkdir ['{touched}']")
    with pytest.raises(yaml.YAMLError):
        read_yaml(tmp_path / "config.yaml")
    assert not touched.exists()


@pytest.mark.parametrize(
    "content",
    [{1: "a"}, {"a": {2, 3}}, {"a": b"b"}, {"a": 2**63}, {"a": "\udcff"}, {"\ud800": 1}],
)
def test_what_cannot_be_written_again_is_not_plain(content):
    with pytest.raises(ValueError, match=r"text|number|bits|character"):
        check_plain(content)
