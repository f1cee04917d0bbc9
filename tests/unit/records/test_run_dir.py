"""Run directories and where records come from."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from titn.records import provenance
from titn.records.epochs_and_samples import read_samples
from titn.records.run_dir import RunDir, write_json, write_text


def full_disk(*_):
    raise OSError("disk full")


@pytest.fixture
def directory(tmp_path):
    return RunDir(tmp_path)


def test_there_is_no_result_before_the_end(directory):
    directory.begin({"seed": 1}, {"config_hash": "h"})
    assert directory.result() is None


def test_a_finished_run_has_its_result_and_no_checkpoint(directory):
    directory.checkpoint(3).write_text("half done")
    directory.finish({"top1": 0.5})
    assert directory.result() == {"top1": 0.5}
    assert not directory.checkpoints()


def test_a_record_that_was_edited_is_known_for_it(directory):
    directory.finish({"top1": 0.5})
    path = directory.path / "result.json"
    path.write_text(path.read_text().replace("0.5", "0.9"))
    with pytest.raises(ValueError, match=r"^result\.json: has changed since it was written"):
        directory.result()


def test_an_older_record_has_no_checksum_and_is_read(directory):
    write_json(directory.path / "result.json", {"top1": 0.5})
    assert directory.result() == {"top1": 0.5}


@pytest.mark.parametrize("text", ["", "[1]", '{"top1": ', "null", "[" * 100_000])
def test_what_is_no_record_is_named(directory, text):
    (directory.path / "result.json").write_text(text)
    with pytest.raises(ValueError, match=r"^result\.json: "):
        directory.result()


def test_a_pipe_in_the_place_of_a_record_is_not_waited_for(directory):
    os.mkfifo(directory.path / "result.json")
    with pytest.raises(ValueError, match="is not a file"):
        directory.result()


def test_checkpoints_are_listed_from_the_newest(directory):
    for position in (9, 100, 20):
        directory.checkpoint(position).touch()
    assert directory.checkpoints() == [directory.checkpoint(n) for n in (100, 20, 9)]


def test_what_a_killed_process_was_writing_goes_when_the_run_is_recorded(directory):
    (directory.path / "result.json.123.tmp").write_text("half of it")
    directory.finish({})
    assert sorted(item.name for item in directory.path.iterdir()) == ["result.json"]


def test_a_text_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_json(path, {"old": 1})
    monkeypatch.setattr("titn.system.files.os.fsync", full_disk)
    with pytest.raises(OSError, match="disk full"):
        write_text(path, "half of it")
    assert json.loads(path.read_text()) == {"old": 1}


def test_epochs_after_a_checkpoint_are_cut(directory):
    for epoch in (1, 2, 3):
        directory.add_epoch({"epoch": epoch})
    directory.write_epochs([{"epoch": 1}, {"epoch": 2}])
    directory.add_epoch({"epoch": 3, "again": True})
    rows = [json.loads(line) for line in (directory.path / "epochs.jsonl").open()]
    assert rows == [{"epoch": 1}, {"epoch": 2}, {"epoch": 3, "again": True}]


def test_clearing_leaves_what_is_not_a_runs_and_says_still_what_lies_there(directory):
    directory.begin({}, {})
    (directory.path / "tracker.json").write_text("{}")
    (directory.path / "notes.txt").write_text("mine")
    directory.clear()
    assert sorted(item.name for item in directory.path.iterdir()) == [
        "config.yaml", "environment.json", "notes.txt",
    ]  # fmt: skip
    assert directory.is_run()


@pytest.mark.parametrize(
    "name", [".lock", ".lock.lease", "log.txt", "failure.json", "result.json.tmp"]
)
def test_what_a_run_leaves_that_ended_before_it_began_is_its_own(directory, name):
    (directory.path / name).touch()
    assert directory.foreign_files() == []


@pytest.mark.parametrize("name", ["notes.txt", "config.yaml", "tensorboard", "old-log.txt"])
def test_what_else_lies_there_is_anothers(directory, name):
    (directory.path / name).touch()
    assert directory.foreign_files() == [name]


def test_others_are_in_order(directory):
    for name in ("b", "a", "c"):
        (directory.path / name).touch()
    assert directory.foreign_files() == ["a", "b", "c"]


def test_a_run_that_begins_anew_keeps_no_log_of_before(directory):
    directory.log.write_text("of before")
    directory.clear()
    assert not directory.log.exists()


def test_a_log_is_kept_with_the_record(directory):
    directory.log.write_text("said")
    directory.finish({"top1": 0.5})
    assert directory.log.read_text() == "said"


def test_a_run_that_has_not_begun_has_no_epochs(directory):
    assert directory.num_epochs() == 0


def test_every_epochs_row_is_counted(directory):
    for epoch in (1, 2, 3):
        directory.add_epoch({"epoch": epoch})
    assert directory.num_epochs() == 3


def test_a_row_that_a_kill_cut_short_does_not_count(directory):
    directory.add_epoch({"epoch": 1})
    with open(directory.path / "epochs.jsonl", "a") as file:
        file.write('{"epoch": 2, "trai')
    assert directory.num_epochs() == 1


def test_samples_come_back_with_their_nulls(directory):
    directory.write_samples({"label": [1, 2], "dist": [None, None]})
    table = pq.read_table(directory.path / "samples.parquet").to_pydict()
    assert table == {"label": [1, 2], "dist": [None, None]}


@pytest.mark.parametrize("name", ["exp:1", "s3:", "file:x", "hdfs:"])
def test_a_directory_that_looks_like_an_address_is_one_of_this_machine(tmp_path, name):
    place = RunDir(tmp_path / name)
    place.path.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        relative = RunDir(Path(name))
        relative.write_samples({"label": [1], "fused": [0]})
        assert read_samples({"path": name, "num_evaluated": 1})["label"].tolist() == [1]
    assert [file.name for file in place.path.iterdir()] == ["samples.parquet"]


def test_without_git_the_commit_is_null(tmp_path):
    assert provenance.git_commit(tmp_path) == (None, None)


def test_an_environment_names_versions_and_machine(tmp_path):
    facts = provenance.environment(tmp_path)
    assert facts["versions"]["torch"]
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["cpu"]


def test_a_commit_and_its_changes_are_known(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(
            ["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True
        )

    git("init")
    (tmp_path / "file").write_text("a")
    git("add", ".")
    git("commit", "-m", "first")
    commit, dirty = provenance.git_commit(tmp_path)
    assert (len(commit), dirty) == (40, False)
    (tmp_path / "file").write_text("b")
    assert provenance.git_commit(tmp_path) == (commit, True)
