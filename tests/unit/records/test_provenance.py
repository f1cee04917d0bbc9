"""What made a record, whatever the environment says of other places."""

import subprocess
from pathlib import Path

import pytest

from titn.records.provenance import environment, git_commit, made_by


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), "-c", "user.name=a", "-c", "user.email=a", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repositories(tmp_path):
    """Two, each with a commit of its own."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "-q")
        git(tmp_path / name, "commit", "-q", "--allow-empty", "-m", name)
    return tmp_path / "ours", tmp_path / "theirs"


@pytest.mark.parametrize("variables", [["GIT_DIR"], ["GIT_DIR", "GIT_WORK_TREE"]])
def test_the_commit_is_the_checkouts_within_a_hook_of_another_repository(
    repositories, monkeypatch, variables
):
    ours, theirs = repositories
    head = git(ours, "rev-parse", "HEAD")
    for name in variables:
        monkeypatch.setenv(name, str(theirs / ".git" if name == "GIT_DIR" else theirs))
    assert git_commit(ours) == (head, False)


def test_a_changed_file_whose_name_is_not_utf8_makes_it_dirty(repositories):
    ours, _ = repositories
    name = b"caf\xe9"
    with open(bytes(ours) + b"/" + name, "w") as file:
        file.write("old")
    git(ours, "add", "-A")
    git(ours, "commit", "-q", "-m", "x")
    git(ours, "config", "core.quotePath", "false")
    with open(bytes(ours) + b"/" + name, "w") as file:
        file.write("new")
    assert git_commit(ours)[1] is True


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("postgresql://me:s3cret@host/db", "postgresql://me@host/db"),
        ("postgresql://host/db?user=me&password=s3cret&x=1", "host/db?user=me&password=…&x=1"),
    ],
)
def test_a_record_has_no_password(tmp_path, address, kept):
    with made_by([f"search.storage={address}"]):
        command = environment(tmp_path)["command"]
    assert kept in command
    assert "s3cret" not in command
