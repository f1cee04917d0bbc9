"""A study is asked and told, shared, continued, and refused to another search."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from optuna.trial import TrialState

from titn.records.search import Search
from titn.sweeps.search import storage, study
from titn.sweeps.search.pruning import TrialReports
from titn.sweeps.search.space import read_space
from titn.sweeps.search.storage import JOURNAL, StudyStorage
from titn.sweeps.search.study import StudyFile, Trial, this_worker
from titn.system.errors import ConfigError

SPACE = {"lr": "tag(log, interval(1e-4, 1e-2))", "model": "choice(a,b)"}


def asked(**more) -> Search:
    return Search(**{"title": "T", "asks": "A", "space": SPACE, "trials": 12} | more)


def open_study(directory: Path, identity=None, **more) -> StudyFile:
    search = asked(**more)
    return StudyFile(directory, "s", search, read_space(search), identity or {"space": 1})


def value(trial) -> float:
    """Highest at lr 1e-3 under model a."""
    return -abs(trial.chosen["lr"] - 1e-3) - (trial.chosen["model"] == "b")


def run(found: StudyFile, most: int = 1000) -> list[dict]:
    chosen = []
    while len(chosen) < most and (trial := found.ask()) is not None:
        found.tell(trial.number, study.COMPLETE, [value(trial)])
        chosen.append(trial.chosen)
    return chosen


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2", "cmaes"])
def test_a_study_that_is_continued_has_the_trials_of_one_that_was_not(tmp_path, sampler):
    whole = run(open_study(tmp_path / "whole", sampler=sampler))
    first = run(open_study(tmp_path / "parts", sampler=sampler), most=5)
    rest = run(open_study(tmp_path / "parts", sampler=sampler))
    assert [*first, *rest] == whole
    assert len(whole) == 12
    assert len({str(one) for one in whole}) == 12


def test_another_seed_draws_other_trials(tmp_path):
    first = run(open_study(tmp_path / "0", sampler="random", seed=0), most=2)
    assert run(open_study(tmp_path / "1", sampler="random", seed=1), most=2) != first


def test_a_grid_is_walked_once_and_ends(tmp_path):
    grid = {"space": {"a": "1,2", "b": "range(0, 3)"}, "sampler": "grid"}
    found = open_study(tmp_path, **grid)
    asked = []
    while (trial := found.ask()) is not None:
        asked.append((trial.chosen["a"], trial.chosen["b"]))
        found.tell(trial.number, study.COMPLETE, [0.0])
    assert asked == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert open_study(tmp_path, **grid).ask() is None


def test_a_grid_is_queued_in_parts_and_once(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "QUEUED_AT_ONCE", 4)
    grid = {"space": {"a": "range(0, 6)", "b": "x,y"}, "sampler": "grid", "trials": 20}
    for _ in range(2):
        found = open_study(tmp_path, **grid).trials()
        assert len(found) == len({str(one.system_attrs["fixed_params"]) for one in found}) == 12


def test_a_study_that_a_database_no_longer_has_is_named(tmp_path):
    place = f"sqlite:///{tmp_path}/studies.db"
    kept = StudyStorage(tmp_path, asked(storage=place))
    with pytest.raises(ConfigError, match=rf"^search.storage={place}: its study is not there or"):
        TrialReports(kept, "absent", asked(storage=place), 0, 5)


def test_two_workers_share_the_total(tmp_path):
    first, second = open_study(tmp_path, trials=5), open_study(tmp_path, trials=5)
    asked = [worker.ask() for worker in (first, second, first, second, first)]
    assert [trial.number for trial in asked] == [0, 1, 2, 3, 4]
    assert (first.ask(), second.ask()) == (None, None)


def test_what_a_dead_worker_had_begun_is_found(tmp_path):
    begun = open_study(tmp_path).ask()
    assert open_study(tmp_path).begun() == [begun]


def test_a_trial_that_died_while_it_was_asked_for_is_closed(tmp_path):
    found = open_study(tmp_path)
    found.study.ask()  # and no parameter suggested
    assert found.begun() == []
    assert found.outcomes() == {study.IMPOSSIBLE: 1}


def test_a_trial_is_told_once_whoever_tells_it(tmp_path):
    first, second = open_study(tmp_path), open_study(tmp_path)
    number = first.ask().number
    first.tell(number, study.COMPLETE, [0.5])
    second.tell(number, study.FAILED)
    assert first.outcomes() == {study.COMPLETE: 1}
    assert first.best()[0].value == 0.5


def test_an_impossible_trial_does_not_count_and_a_failed_one_does(tmp_path):
    found = open_study(tmp_path, trials=2)
    found.tell(found.ask().number, study.IMPOSSIBLE)
    found.tell(found.ask().number, study.FAILED)
    found.tell(found.ask().number, study.DIVERGED)
    assert found.ask() is None
    states = [trial.state for trial in found.trials()]
    assert states == [TrialState.FAIL, TrialState.FAIL, TrialState.PRUNED]


def test_no_trial_begins_after_the_hours(tmp_path):
    found = open_study(tmp_path, hours=1)
    for _ in range(2):
        found.tell(found.ask().number, study.COMPLETE, [0.0], secs=1800)
    assert found.ask() is None


def test_a_larger_total_goes_on(tmp_path):
    run(open_study(tmp_path, trials=3))
    assert len(run(open_study(tmp_path, trials=5))) == 2


@pytest.mark.parametrize("what", ["space", "objective", "setting"])
def test_a_study_of_something_else_is_refused(tmp_path, what):
    identity = {"space": [1, ("a",)], "objective": ("top1",), "setting": "0"}
    open_study(tmp_path, identity)
    open_study(tmp_path, identity)
    other = identity | {what: "x"}
    with pytest.raises(ConfigError, match=f"a study of another {what}.*search.study=s-2"):
        open_study(tmp_path, other)
    with pytest.raises(ConfigError, match=f"a study of another {what}.*search.study=s-2"):
        study.check_journal(tmp_path, "s", asked(), other)
    study.check_journal(tmp_path, "s", asked(), identity)
    study.check_journal(tmp_path, "s-2", asked(), other)


def test_a_journal_is_looked_for_without_writing(tmp_path):
    study.check_journal(tmp_path / "new", "s", asked(), {"space": 1})
    assert not (tmp_path / "new").exists()


def test_the_front_of_two_objectives_has_no_dominated_trial(tmp_path):
    found = open_study(tmp_path, objective=("top1", "macs"), sampler="nsga2")
    for values in ([0.5, 10], [0.6, 20], [0.4, 15]):
        found.tell(found.ask().number, study.COMPLETE, values)
    assert sorted(trial.number for trial in found.best()) == [0, 1]


def test_a_database_keeps_a_study_that_goes_on(tmp_path):
    more = {"storage": f"sqlite:///{tmp_path}/studies.db", "trials": 3}
    assert len(run(open_study(tmp_path, **more), most=2)) == 2
    assert len(run(open_study(tmp_path, **more))) == 1
    assert not (tmp_path / JOURNAL).exists()


def test_a_database_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(
        ConfigError, match=r"search\.storage=sqlite:.*cannot be used.*unable to open"
    ):
        open_study(tmp_path, storage="sqlite:////nowhere/studies.db")


def test_a_driver_that_is_not_installed_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"//me@host/x: .*install the driver") as caught:
        open_study(tmp_path, storage="postgresql+pg8000://me:secret@host/x")
    assert "secret" not in str(caught.value)


def test_a_damaged_journal_is_one_line(tmp_path):
    run(open_study(tmp_path), most=2)
    journal = tmp_path / JOURNAL
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([lines[0], "{nonsense", *lines[1:]]) + "\n")
    with pytest.raises(ConfigError, match=r"journal\.log: is damaged.*put back a copy"):
        open_study(tmp_path)


def test_a_journal_that_another_process_holds_is_one_line(tmp_path, monkeypatch):
    from filelock import FileLock

    open_study(tmp_path)
    monkeypatch.setattr(storage, "LOCK_SECS", 0.1)
    with FileLock(tmp_path / ".study.lock"), pytest.raises(ConfigError, match="another process"):
        open_study(tmp_path)


def test_the_identity_survives_json(tmp_path):
    found = open_study(tmp_path, {"space": [("a", 1)]})
    assert found.study.user_attrs[study.IDENTITY] == json.loads('{"space": [["a", 1]]}')


@pytest.mark.parametrize(
    ("process", "host", "taken"),
    [
        (psutil.Process(), None, False),  # this one asked for it itself
        (psutil.Process().parent(), None, True),
        (psutil.Process().parent(), "elsewhere", False),  # where no such process holds its lock
    ],
)
def test_a_trial_is_taken_while_the_process_that_asked_is_there(process, host, taken, tmp_path):
    worker = (host or this_worker()[0], process.pid, process.create_time())
    assert open_study(tmp_path).is_taken(Trial(0, {}, worker)) is taken


def test_a_trial_is_taken_while_a_worker_on_another_machine_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "this_worker", lambda: ("elsewhere", 7, 1.0))
    other = open_study(tmp_path)
    trial = other.ask()
    monkeypatch.undo()
    mine = open_study(tmp_path)
    assert mine.is_taken(trial)
    other.close()
    assert not mine.is_taken(trial)


def test_a_trial_of_a_process_that_has_ended_is_free(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    began = psutil.Process(ended.pid).create_time()
    ended.wait()
    trial = Trial(0, {}, (this_worker()[0], ended.pid, began))
    assert not open_study(tmp_path).is_taken(trial)
