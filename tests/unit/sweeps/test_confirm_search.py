"""The best trials of a search are planned on test, with fresh seeds, beside the defaults."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from titn.records.search import Search
from titn.records.sweep_dir import SweepDir
from titn.sweeps.confirm_search import best_distinct, plan_confirmation
from titn.sweeps.overrides import SweepRequest
from titn.sweeps.search.read import AskedSearch
from titn.sweeps.search.space import read_space
from titn.sweeps.sweep import Sweep
from titn.system.errors import ConfigError

BEST = [(7, {"optimizer.lr": 0.003}), (2, {"optimizer.lr": 0.002})]


@pytest.fixture
def sweep(tmp_path) -> Sweep:
    search = Search(
        title="T", asks="A", space={"optimizer.lr": "interval(0,1)"}, confirm_seeds=(1, 2)
    )
    asked = AskedSearch("rate", search, read_space(search), at_once=1)
    shared = ("+search=rate", "model=deit", "dataset.split=validation")
    return Sweep(
        asked="",
        name="search/rate", question=None, requests=[SweepRequest(shared, {"": ()}, (None,))],
        dry_run=False, postpone=None, wait=True, fail_fast=False, force=False,
        directory=SweepDir(tmp_path / "sweep"), runs_dir=Path("runs"), command="",
        compose=lambda overrides: {}, search=asked,
    )  # fmt: skip


@pytest.fixture
def planning(monkeypatch, planned):
    """Cells are planned without building anything; rows named here are impossible."""
    impossible: set[str] = set()

    def plan_cell(sweep, planner, request, role="cell"):
        if request.row in impossible:
            raise ConfigError("impossible")
        return replace(planned(request.row, int(request.seed), role=role), request=request)

    monkeypatch.setattr("titn.sweeps.confirm_search.plan_cell", plan_cell)
    return impossible


def asked_for(part) -> list[tuple]:
    return [(one.row, one.request.seed, one.role, one.request.overrides) for one in part.cells]


@pytest.mark.usefixtures("planning")
def test_each_row_has_the_fresh_seeds_on_test(sweep):
    _, cells = plan_confirmation(sweep, None, BEST, 0).parts
    own = ("+search=rate", "model=deit")
    rows = {"defaults": own, "trial 7": (*own, "optimizer.lr=0.003"),
            "trial 2": (*own, "optimizer.lr=0.002")}  # fmt: skip
    assert asked_for(cells) == [
        (row, seed, "cell", overrides) for seed in "12" for row, overrides in rows.items()
    ]


@pytest.mark.usefixtures("planning")
def test_the_defaults_are_tried_as_the_trials_were(sweep):
    candidates, _ = plan_confirmation(sweep, None, BEST, 4).parts
    own = ("+search=rate", "model=deit", "dataset.split=validation")
    assert asked_for(candidates) == [("defaults", "4", "candidate", own)]


@pytest.mark.usefixtures("planning")
def test_trials_may_stop_early_and_nothing_that_confirms_them(sweep):
    (request,) = sweep.requests
    patient = replace(request, shared=(*request.shared, "patience=3", "teacher.patience=3"))
    tried, cells = plan_confirmation(replace(sweep, requests=[patient]), None, BEST, 0).parts
    assert all("patience=3" not in one.request.overrides for one in cells.cells)
    assert "patience=3" in tried.cells[0].request.overrides
    assert cells.request.shared == tried.request.shared == ("+search=rate", "model=deit")


def test_defaults_that_cannot_be_are_left_out(sweep, planning):
    planning.add("defaults")
    confirmed = plan_confirmation(sweep, None, BEST, 0)
    assert confirmed.parts[0].cells == []
    assert confirmed.sweep.question.baseline == "trial 7"


def test_equal_configurations_count_once(planned):
    ranked = [SimpleNamespace(number=number, params={}) for number in (3, 1, 2)]
    cells = {3: planned("a"), 1: planned("a"), 2: planned("b")}
    trials = SimpleNamespace(of=lambda trial: cells[trial.number])
    best = best_distinct(SimpleNamespace(ranked=lambda: ranked), trials, 2)
    assert [trial.number for trial, _ in best] == [3, 2]
