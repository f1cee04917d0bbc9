"""Records that are kept for a report."""

import errno
from fnmatch import fnmatch
from pathlib import Path

import pytest

from titn.records.archive import Archived, archive
from titn.records.cell_state import HALF_DONE, cell_state
from titn.records.postponed import Postponed
from titn.records.run_dir import RunDir, write_json
from titn.records.sweep_dir import SweepDir
from titn.reporting.sweep_plans import read_plans
from titn.system.errors import ConfigError


def made(root, name: str, top1: float = 0.5, **identity: str) -> RunDir:
    directory = RunDir(root / name)
    identity = {"config_hash": name, "source_digest": "0"} | identity
    directory.begin({"seed": 0, "epochs": 1}, identity)
    directory.weights.write_bytes(b"much")
    directory.log.write_text("said")
    directory.finish(identity | {"top1": top1, "nll": 1.0, "seed": 0, "epochs": 1})
    return directory


def test_weights_and_logs_are_left_behind_and_the_arrangement_is_kept(tmp_path):
    made(tmp_path / "runs", "a")
    sweep = tmp_path / "runs" / "sweeps" / "mix"
    sweep.mkdir(parents=True)
    write_json(sweep / "sweep.json", plan("3"))
    assert archive([tmp_path / "runs"], tmp_path / "kept") == Archived(1)
    files = {str(f.relative_to(tmp_path / "kept")) for f in (tmp_path / "kept").rglob("*.*")}
    assert files == {
        "a/config.yaml", "a/environment.json", "a/result.json", "sweeps/mix/sweep.json",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("other", "place"),
    [
        ({"source_digest": "123456789"}, "a-12345678"),
        ({"config_hash": "bcdefghij"}, "a-bcdefghi"),
        ({"config_hash": "b", "source_digest": "1"}, "a-b-1"),
        ({}, "a-????????"),
    ],
    ids=["other source", "other configuration", "both", "another record of the cell"],
)
def test_another_run_of_the_same_name_is_kept_beside_it(tmp_path, other, place):
    made(tmp_path / "one", "a", top1=0.5)
    made(tmp_path / "two", "a", top1=0.6, **other)
    for name in ("one", "two", "one", "two"):
        archive([tmp_path / name], tmp_path / "kept")
    found = {path.name: RunDir(path).result()["top1"] for path in (tmp_path / "kept").iterdir()}
    assert sorted(found.values()) == [0.5, 0.6]
    first, second = sorted(found, key=len)
    assert first == "a"
    assert fnmatch(second, place)


def test_a_run_that_failed_and_was_begun_anew_is_kept_as_it_is(tmp_path):
    run = made(tmp_path / "runs", "a")
    (run.path / "result.json").unlink()
    run.fail({"kind": "memory", "reason": "out of memory"})
    archive([tmp_path / "runs"], tmp_path / "kept")
    (run.path / "failure.json").unlink()
    archive([tmp_path / "runs"], tmp_path / "kept")
    assert cell_state(RunDir(tmp_path / "kept" / "a")) == HALF_DONE


def test_a_record_is_not_replaced_by_the_same_run_half_done(tmp_path):
    made(tmp_path / "one", "a")
    part = made(tmp_path / "two", "a")
    (part.path / "result.json").unlink()
    part.fail({"kind": "memory", "reason": "out of memory"})
    assert archive([tmp_path / "one"], tmp_path / "kept") == Archived(1)
    assert archive([tmp_path / "two"], tmp_path / "kept") == Archived(0)
    assert not (tmp_path / "kept" / "a" / "failure.json").exists()


def test_two_runs_that_are_kept_one_by_one_have_each_its_own_place(tmp_path):
    for name in ("a", "b"):
        run = made(tmp_path / "runs", name)
        archive([run.path], tmp_path / "kept")
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["a", "b"]


def test_a_good_copy_is_not_replaced_by_a_damaged_file(tmp_path):
    run = made(tmp_path / "runs", "a")
    archive([tmp_path / "runs"], tmp_path / "kept")
    before = (tmp_path / "kept" / "a" / "result.json").read_bytes()
    (run.path / "result.json").write_text('{"top1": 0.')
    kept = archive([tmp_path / "runs"], tmp_path / "kept")
    assert (kept.runs, [place for place, _ in kept.faults]) == (0, [str(run.path)])
    assert (tmp_path / "kept" / "a" / "result.json").read_bytes() == before


@pytest.mark.parametrize("file", ["result.json", "samples.parquet", "epochs.jsonl", "config.yaml"])
def test_a_link_out_of_a_run_is_not_copied(tmp_path, file):
    run = made(tmp_path / "runs", "a")
    (tmp_path / "private").write_text("secret")
    (run.path / file).unlink(missing_ok=True)
    (run.path / file).symlink_to(tmp_path / "private")
    kept = archive([tmp_path / "runs"], tmp_path / "kept")
    assert [reason.partition(": ")[2] for _, reason in kept.faults] == [
        "is a link that leads out of its directory"
    ]
    assert not list((tmp_path / "kept").rglob(file))


def test_a_link_beside_an_unfinished_run_is_not_copied_either(tmp_path):
    run = made(tmp_path / "runs", "a")
    (run.path / "result.json").unlink()
    (tmp_path / "private").write_text("secret")
    (run.path / "samples.parquet").symlink_to(tmp_path / "private")
    assert archive([tmp_path / "runs"], tmp_path / "kept").runs == 0


def plan(epochs: str, *seeds: int, row: str = "a", asked: str = "") -> dict:
    """A plan with one setting, of so many epochs, requested then."""
    cells = [
        {"row": row, "seed": seed, "config_hash": f"{epochs}{row}{seed}", "directory": "../../x"}
        for seed in seeds
    ]
    setting = {
        "key": epochs, "source_digest": "0", "overrides": [f"epochs={epochs}"], "question": None,
        "commands": [f"titn-train epochs={epochs} {row} {seeds}"], "revised": False, "rows": [row],
        "cells": cells, "asked": asked,
    }  # fmt: skip
    return {"sweep": "ablation/mix", "settings": [setting]}


def at(day: int) -> str:
    return f"2026-01-0{day}T00:00:00+00:00"


def asked(root: Path, plan: dict) -> SweepDir:
    directory = root / "sweeps" / "mix"
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "sweep.json", plan)
    return SweepDir(directory)


def note(*seeds: int, reason: str = "no time") -> Postponed:
    return Postponed(["epochs=3"], ["a"], list(seeds), reason=reason, command="titn-train")


def test_what_several_machines_asked_is_kept_in_one_plan(tmp_path):
    asked(tmp_path / "one", plan("3", 0, 1, asked=at(1)))
    asked(tmp_path / "two", plan("3", 1, 2, asked=at(2)))
    asked(tmp_path / "three", plan("9", 0, row="b", asked=at(3)))
    for name in ("one", "two", "three", "one"):
        archive([tmp_path / name], tmp_path / "kept")
    sweep = SweepDir(tmp_path / "kept" / "sweeps" / "mix")
    assert [[(cell.row, cell.seed) for cell in one.cells] for one in sweep.settings()] == [
        [("a", 0), ("a", 1), ("a", 2)],
        [("b", 0)],
    ]
    assert [len(one.commands) for one in sweep.settings()] == [2, 1]


@pytest.mark.parametrize("order", [("old", "new"), ("new", "old")])
@pytest.mark.parametrize("is_older_plan", [True, False], ids=["by its runs", "by its request"])
def test_of_two_versions_of_a_row_that_counts_which_was_asked_last(tmp_path, order, is_older_plan):
    """Wherever they lie; a plan that does not say when is as old as the last of its runs."""
    for name, asked_at in (("old", at(1)), ("new", at(2))):
        started = asked_at if is_older_plan else at(3)
        made(tmp_path / name, "x", source_digest=name, started=started)
        node = plan("3", 0, asked="" if is_older_plan else asked_at)
        node["settings"][0]["cells"][0]["source_digest"] = name
        asked(tmp_path / name, node)
    for name in order:
        archive([tmp_path / name], tmp_path / "kept")
    (setting,) = SweepDir(tmp_path / "kept" / "sweeps" / "mix").settings()
    assert [cell.source_digest for cell in setting.cells] == ["new"]
    (joined,) = read_plans([tmp_path / name for name in order])[0]
    assert [cell.source_digest for cell in joined.setting.cells] == ["new"]


@pytest.mark.parametrize(
    ("seeds", "left"), [((0, 1), []), ((0,), ["no time"])], ids=["all of it", "a part"]
)
def test_a_note_is_kept_until_all_of_it_was_asked_elsewhere(tmp_path, seeds, left):
    SweepDir(tmp_path / "kept" / "sweeps" / "mix").postpone("ablation/mix", note(0, 1))
    asked(tmp_path / "runs", plan("3", *seeds))
    archive([tmp_path / "runs"], tmp_path / "kept")
    sweep = SweepDir(tmp_path / "kept" / "sweeps" / "mix")
    assert [one.reason for one in sweep.postponed()] == left


def test_a_later_note_takes_the_place_of_an_earlier_one(tmp_path):
    for root, reason in (("kept", "no time"), ("runs", "no disk")):
        SweepDir(tmp_path / root / "sweeps" / "mix").postpone(
            "ablation/mix", note(0, reason=reason)
        )
    archive([tmp_path / "runs"], tmp_path / "kept")
    sweep = SweepDir(tmp_path / "kept" / "sweeps" / "mix")
    assert [one.reason for one in sweep.postponed()] == ["no disk"]


def test_a_damaged_plan_that_was_kept_is_replaced(tmp_path):
    whole = asked(tmp_path / "runs", plan("3", 0))
    (tmp_path / "kept" / "sweeps" / "mix").mkdir(parents=True)
    (tmp_path / "kept" / "sweeps" / "mix" / "sweep.json").write_text("{")
    assert archive([tmp_path / "runs"], tmp_path / "kept").faults == []
    assert SweepDir(tmp_path / "kept" / "sweeps" / "mix").settings() == whole.settings()


def test_what_is_kept_already_is_left(tmp_path):
    made(tmp_path / "kept", "a")
    made(tmp_path / "runs", "b")
    assert archive([tmp_path / "kept", tmp_path / "runs"], tmp_path / "kept") == Archived(1)


def test_records_are_not_kept_among_themselves(tmp_path):
    made(tmp_path / "runs", "a")
    with pytest.raises(ConfigError, match=r"--keep .*: lies in .*; choose a place outside"):
        archive([tmp_path / "runs"], tmp_path / "runs" / "kept")


def test_a_copy_that_is_cut_short_has_no_record(tmp_path, monkeypatch):
    """The record is copied last: without it the rest is an unfinished run."""
    made(tmp_path / "runs", "a")
    monkeypatch.setattr("titn.records.archive.shutil.copyfile", _full_after(2))
    with pytest.raises(OSError, match="No space"):
        archive([tmp_path / "runs"], tmp_path / "kept")
    assert sorted(path.name for path in (tmp_path / "kept" / "a").iterdir()) == [
        "config.yaml", "environment.json",
    ]  # fmt: skip


def _full_after(count: int):
    def copy(source, destination):
        nonlocal count
        if count == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        count -= 1
        destination.write_bytes(source.read_bytes())

    return copy
