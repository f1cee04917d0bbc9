"""Trials that their patience ends: they count, and are made again on test without it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from titn.records.search import Search
from titn.records.sweep_dir import SweepDir
from titn.source.loaded import SourceChangedError
from titn.sweeps import trial_cells
from titn.sweeps.overrides import CellRequest
from titn.sweeps.plan import SweepCell
from titn.sweeps.run_search import SearchRun
from titn.sweeps.search.read import AskedSearch
from titn.sweeps.search.space import read_space
from titn.sweeps.search.study import StudyFile
from titn.sweeps.trial_cells import TrialCells
from titn.system.errors import ConfigError

LR = "optimizer.lr"
SHARED = ("+search=rate", "epochs=9", "patience=3", "teacher=vit", "teacher.patience=2")


@pytest.fixture
def searched(tmp_path) -> SimpleNamespace:
    search = Search(title="T", asks="A", space={LR: "interval(0,1)"}, sampler="random", trials=2)
    asked = AskedSearch("rate", search, read_space(search), at_once=1)
    directory = SweepDir(tmp_path / "sweep")
    return SimpleNamespace(
        name="search/rate", search=asked, directory=directory, command="", wait=True
    )


@pytest.fixture
def trial_cell(planned):
    """Makes a trial's cell, of the given rate."""

    def plan(rate: float) -> SweepCell:
        request = CellRequest("trial", "0", (*SHARED, "dataset.split=validation"), {LR: rate})
        return replace(planned("trial", tuned={LR: rate}, role="candidate"), request=request)

    return plan


def test_the_command_of_a_trial_on_test_has_no_patience(searched, trial_cell):
    found = TrialCells(searched, None).overrides_on_test(trial_cell(0.25))
    assert found == ["epochs=9", "teacher=vit", f"{LR}=0.25"]


@pytest.mark.parametrize(
    ("set_by_file", "said"),
    [
        ({"epochs": 3}, "sets epochs"),
        ({"choices": {"model": "deit"}, "model": {"depth": 2}}, "chooses model=deit"),
        ({"model": {"depth": 2}}, "sets model"),
    ],
)
def test_what_a_searchs_file_sets_besides_is_named(searched, trial_cell, set_by_file, said):
    """Its best would not be made by the command that is printed for it."""
    bare = {"epochs": 9, "choices": {"model": "titn"}, "model": {"depth": 1}}
    cell = trial_cell(0.25)
    cell.cell.run = bare | set_by_file
    searched.compose = lambda overrides: bare
    with pytest.raises(ConfigError, match=f"^\\+search: its file {said}, too; take that out"):
        TrialCells(searched, None).check_setting(cell)


def test_a_trial_that_is_confirmed_is_not_stopped(searched, trial_cell, monkeypatch):
    monkeypatch.setattr(trial_cells, "plan_cell", lambda sweep, planner, request: request)
    request = TrialCells(searched, None).on_test(trial_cell(0.25))
    assert request.overrides == ("+search=rate", "epochs=9", "teacher=vit")


def test_edited_code_makes_no_trial_impossible(searched, trial_cell, tmp_path, monkeypatch):
    def plan(self, values):
        raise SourceChangedError("own.py: has changed since this process read it")

    monkeypatch.setattr(TrialCells, "_plan", plan)
    asked, trials = searched.search, TrialCells(searched, None)
    study = StudyFile(Path(tmp_path), "rate", asked.search, asked.space, {"space": 1})
    with pytest.raises(SourceChangedError):
        trials.first_possible()
    with pytest.raises(SourceChangedError):
        SearchRun(searched, study, trials, None, trial_cell(0.25)).run()
    assert study.outcomes() == {}


def test_a_trial_that_stopped_early_is_complete_with_what_it_reached(
    searched, trial_cell, tmp_path, capsys
):
    cells = [trial_cell(0.25), trial_cell(0.75)]
    cells[0].cell.finish(top1=0.5)
    cells[1].cell.finish(top1=0.6, stopped_after=1)
    trials = TrialCells(searched, None)
    trials.planned = dict(enumerate(cells))
    asked = searched.search
    study = StudyFile(Path(tmp_path), "rate", asked.search, asked.space, {"space": 1})
    SearchRun(searched, study, trials, None, cells[0]).run()
    assert [(one.number, one.value) for one in study.ranked()] == [(1, 0.6), (0, 0.5)]
    assert "2 trials: 2 complete" in capsys.readouterr().err
