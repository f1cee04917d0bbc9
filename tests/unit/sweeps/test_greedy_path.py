"""A path chooses each step on a validation split."""

from dataclasses import replace
from pathlib import Path

import pytest

from titn.records.ablation import Ablation
from titn.records.sweep_dir import SweepDir
from titn.sweeps.ablation import designs
from titn.sweeps.ablation.generate import question_of
from titn.sweeps.greedy_path import announce_path, choose_path, expected_requests
from titn.sweeps.overrides import SweepRequest
from titn.sweeps.sweep import Sweep

# By the changes that a candidate has, whatever its step.
TOP1 = {"a": 0.5, "b": 0.6, "c": 0.4, "ab": 0.7, "ac": 0.3, "bc": 0.8}


@pytest.fixture
def sweep(tmp_path) -> Sweep:
    changes = [{"name": name, "after": [f"{name}=1"]} for name in "abc"]
    ablation = Ablation(
        design="path", begin=(), end=("a=1", "b=1", "c=1"), changes=changes, states=designs.ends(3)
    )
    return Sweep(
        asked="",
        name="ablate/path", question=question_of(ablation, 0.01), requests=[], dry_run=False,
        postpone=None, wait=True, fail_fast=False, force=False,
        directory=SweepDir(tmp_path / "sweep"),
        runs_dir=Path("runs"), command="", compose=lambda overrides: {"overrides": overrides},
    )  # fmt: skip


@pytest.fixture
def request_(sweep) -> SweepRequest:
    return SweepRequest(("epochs=3",), dict(sweep.question.rows), ("4", "5"))


@pytest.fixture(autouse=True)
def stubs(monkeypatch, planned):
    """Cells are planned without building anything."""

    def plan_cell(sweep, planner, request, role="cell"):
        cell = planned(request.row, int(request.seed), role=role)
        return replace(cell, request=request)

    monkeypatch.setattr("titn.sweeps.greedy_path.plan_cell", plan_cell)


class Rounds(list):
    """Records each candidate that it is given, but for those that fail; what it was asked for."""

    def __init__(self, failing: str = "", kind: str = "error"):
        self.failing, self.kind = failing, kind

    def __call__(self, sweep, part) -> list:
        self.append([cell.request for cell in part.cells])
        for cell in part.cells:
            key = "".join(sorted(one[0] for one in cell.request.overrides if one[1:] == "=1"))
            if key in self.failing.split():
                cell.cell.fail(self.kind)
            else:
                cell.cell.finish(top1=TOP1[key])
        bad = [cell for cell in part.cells if cell.state == "failed"]
        return [*bad]


def test_each_step_is_the_change_that_helps_most_and_the_last_has_no_choice(sweep, request_):
    rounds = Rounds()
    chosen, rows, missing = choose_path(sweep, None, request_, rounds)
    assert list(chosen.question.rows) == ["from", "step 1: b", "step 2: c", "to"]
    assert [[one.row for one in candidates] for candidates in rounds] == [
        ["step 1: a", "step 1: b", "step 1: c"], ["step 2: a", "step 2: c"],
    ]  # fmt: skip
    assert missing == []
    assert {cell.role for cell in rows.cells} == {"cell"}


def test_candidates_are_of_the_validation_split_and_of_seed_0(sweep, request_):
    rounds = Rounds()
    choose_path(sweep, None, request_, rounds)
    assert rounds[1][0].job_overrides() == [
        "epochs=3", "a=1", "b=1", "dataset.split=validation", "seed=0",
    ]  # fmt: skip


def test_rows_of_a_path_are_not_of_the_validation_split(sweep, request_):
    _, rows, _ = choose_path(sweep, None, request_, Rounds())
    assert not any("validation" in one for cell in rows.cells for one in cell.request.overrides)


def test_a_candidate_that_failed_ends_the_path_there(sweep, request_):
    _, rows, missing = choose_path(sweep, None, request_, Rounds("bc"))
    assert rows is None
    assert [one.row for one in missing] == ["step 2: c"]


def test_a_candidate_that_diverged_is_not_chosen(sweep, request_):
    chosen, _, _ = choose_path(sweep, None, request_, Rounds("b", kind="diverged"))
    assert list(chosen.question.rows)[1] == "step 1: a"


def test_an_impossible_step_is_no_candidate(sweep, request_):
    ablation = sweep.question.ablation.model_copy(update={"impossible": {"b": "why"}})
    sweep = replace(sweep, question=question_of(ablation, 0.01))
    rounds = Rounds()
    choose_path(sweep, None, request_, rounds)
    assert [one.row for one in rounds[0]] == ["step 1: a", "step 1: c"]


def test_it_is_announced_with_all_its_candidates_and_cells(sweep, request_, capsys):
    announce_path(sweep, None, request_)
    said = capsys.readouterr().err
    assert "5 candidates on a validation split, in 2 rounds; then 4 rows on test, 8 cells" in said
    assert "to do: 13 of 13 cells" in said


def test_a_path_is_expected_to_try_each_change_that_is_left(sweep, request_):
    rounds, tested = expected_requests(sweep, request_)
    assert [len(candidates) for candidates in rounds] == [3, 2]
    assert [cell.row for cell in tested[:4]] == ["from", "step 1: a", "step 2: b", "to"]
