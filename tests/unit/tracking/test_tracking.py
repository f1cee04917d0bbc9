"""What trackers are told of a run, by one that takes notes and one that fails."""

import json
import sys
from types import ModuleType

import pytest

from titn.tracking import tracking as module
from titn.tracking.numbers import numbers_of, settings_of
from titn.tracking.protocol import TrackedRun
from titn.tracking.tracking import tracking

ROWS = [{"epoch": epoch, "train": {"loss": 1 / epoch}} for epoch in (1, 2, 3)]


class Notes:
    """Takes notes of all that it is told."""

    said: list

    def __init__(self, run, first):
        self.id = "new"
        self.said.append(("open", run.continues, first))

    def log(self, epoch, numbers):
        self.said.append(("log", epoch, numbers))

    def summarise(self, numbers, files):
        self.said.append(("record", numbers))

    def close(self, end):
        self.said.append(("close", end))


class Failing(Notes):
    def log(self, epoch, numbers):
        raise ConnectionError("the server is gone\nfor now")


@pytest.fixture
def said(monkeypatch):
    """What was told to `Notes`; the choices `notes` and `failing` are there."""
    adapters = ModuleType("adapters")
    adapters.Notes, adapters.Failing = Notes, Failing
    monkeypatch.setitem(sys.modules, "adapters", adapters)
    monkeypatch.setitem(module.ADAPTERS, "notes", ("adapters", "Notes"))
    monkeypatch.setitem(module.ADAPTERS, "failing", ("adapters", "Failing"))
    monkeypatch.setitem(module.ADAPTERS, "absent", ("no.such.module", "Tracker"))
    monkeypatch.setattr(Notes, "said", [], raising=False)
    return Notes.said


@pytest.fixture
def run(tmp_path):
    return TrackedRun(
        name="deit", group="", kind="student", settings={}, directory=tmp_path, continues=None
    )


def tell(run, rows, new_rows, choices=("notes",)):
    with tracking(choices, run, rows) as told:
        for one in told:
            for row in new_rows:
                one.add(row)
            one.summarise({"top1": 0.5, "cls": {"nll": 2.0}, "class_names": ["a"]}, [])


def test_a_run_is_told_from_its_first_epoch_to_its_record(said, run):
    tell(run, [], ROWS[:2])
    assert said == [
        ("open", None, 1),
        ("log", 1, {"train/loss": 1.0}),
        ("log", 2, {"train/loss": 0.5}),
        ("record", {"top1": 0.5, "cls/nll": 2.0}),
        ("close", "recorded"),
    ]


@pytest.mark.parametrize(
    ("rows", "logged"),
    [
        (ROWS[:2], [3]),  # the checkpoint is where the tracker is
        (ROWS[:1], [3]),  # the second epoch is trained again, and known
    ],
)
def test_a_resumed_run_goes_on_in_its_books(said, run, rows, logged):
    tell(run, [], ROWS[:2])
    said.clear()
    tell(run, rows, ROWS[len(rows) :])
    assert said[0] == ("open", "new", 3)
    assert [entry[1] for entry in said if entry[0] == "log"] == logged


def test_a_tracker_chosen_later_is_told_what_went_before(said, run):
    tell(run, ROWS[:2], ROWS[2:])
    assert [entry[1] for entry in said if entry[0] == "log"] == [1, 2, 3]


def test_a_run_that_left_in_its_first_epoch_goes_on(said, run):
    tell(run, [], [])
    tell(run, [], ROWS[:1])
    assert [entry for entry in said if entry[0] == "open"] == [
        ("open", None, 1),
        ("open", "new", 1),
    ]
    assert json.loads((run.directory / module.NOTE).read_text())["notes"]["epochs"] == 1


@pytest.mark.parametrize(
    ("error", "end"), [(KeyboardInterrupt, "interrupted"), (RuntimeError, "failed")]
)
def test_how_a_run_ends_is_told(said, run, error, end):
    with pytest.raises(error), tracking(["notes"], run, []):
        raise error
    assert said[-1] == ("close", end)


def test_a_tracker_that_fails_is_said_once_and_others_go_on(said, run, capsys):
    tell(run, [], ROWS, choices=("failing", "absent", "notes"))
    assert capsys.readouterr().err.splitlines() == [
        "tracker=absent: ModuleNotFoundError: No module named 'no'; the run goes on without it",
        "tracker=failing: ConnectionError: the server is gone; the run goes on without it",
    ]
    assert said[-1] == ("close", "recorded")
    assert ("log", 3, {"train/loss": 1 / 3}) in said


def test_two_trackers_keep_their_notes_apart(said, run, monkeypatch):
    monkeypatch.setitem(module.ADAPTERS, "second", ("adapters", "Notes"))
    tell(run, [], ROWS[:1], choices=("notes", "second"))
    notes = json.loads((run.directory / module.NOTE).read_text())
    assert notes == {name: {"id": "new", "epochs": 1} for name in ("notes", "second")}


def test_numbers_are_named_by_their_path_and_settings_by_their_key():
    row = {"epoch": 2, "cls": {"top1": 0.5, "top5": None}, "split": "test", "lr": 1e-3}
    assert numbers_of(row) == {"cls/top1": 0.5, "lr": 1e-3}
    node = {"model": {"depth": 2, "cifar": True}, "seed": 0, "teacher": None, "sizes": [1, 2]}
    assert settings_of(node) == {
        "model.depth": 2, "model.cifar": True, "seed": 0, "teacher": None, "sizes": "[1, 2]",
    }  # fmt: skip
