"""Rows that choose tuned values on a validation split."""

from dataclasses import replace
from pathlib import Path

import pytest

from titn.records.question import parse_question
from titn.records.sweep_dir import SweepDir
from titn.sweeps.overrides import SweepRequest
from titn.sweeps.plan import SweepPart
from titn.sweeps.sweep import Sweep
from titn.sweeps.tuning import (
    can_choose,
    candidate_requests,
    plan_candidates,
    plan_cells,
    plan_expected,
    rows_without_choice,
    tuning_grid,
)
from titn.system.errors import ConfigError

LR = "optimizer.lr"


@pytest.fixture
def sweep(tmp_path) -> Sweep:
    """SGD chooses among two learning rates, AdamW has one."""
    question = {
        "title": "t", "asks": "a", "paper": "p",
        "rows": {"SGD": ["optimizer=sgd"], "AdamW": ["optimizer=adamw"]},
        "tune": {LR: {"SGD": [0.1, 0.2], "AdamW": [0.001]}},
    }  # fmt: skip
    return Sweep(
        asked="",
        name="ablation/lr", question=parse_question(question), requests=[], dry_run=False,
        postpone=None, wait=True, force=False, fail_fast=False,
        directory=SweepDir(tmp_path / "sweep"), runs_dir=Path("runs"), command="",
        compose=lambda overrides: {"overrides": overrides},
    )  # fmt: skip


@pytest.fixture
def request_(sweep) -> SweepRequest:
    return SweepRequest(("epochs=3",), dict(sweep.question.rows), ("4", "5"))


class Planner:
    """Plans a cell as its run."""

    def plan(self, run: dict) -> dict:
        return run


def test_a_row_with_several_values_has_a_candidate_of_seed_0_for_each(sweep, request_):
    candidates = [one.job_overrides() for one in candidate_requests(sweep, request_)]
    common = ["epochs=3", "optimizer=sgd", "dataset.split=validation"]
    assert candidates == [
        [*common, "optimizer.lr=0.1", "seed=0"],
        [*common, "optimizer.lr=0.2", "seed=0"],
    ]


@pytest.fixture
def candidates(planned):
    return [planned("SGD", tuned={LR: value}, role="candidate") for value in (0.1, 0.2)]


def become(candidates, states) -> None:
    for candidate, state in zip(candidates, states, strict=True):
        if state == "recorded":
            candidate.cell.finish()
        elif state == "stopped early":
            candidate.cell.finish(stopped_after=1)
        elif state != "waiting":
            candidate.cell.fail(state)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["recorded", "recorded"], True),
        (["recorded", "diverged"], True),
        (["diverged", "diverged"], False),
        (["stopped early", "diverged"], True),
        (["recorded", "stopped early"], True),
        (["recorded", "error"], False),
        (["recorded", "waiting"], False),
    ],
)
def test_a_row_can_choose_once_all_values_are_tried_and_one_can_be_trained(
    candidates, states, expected
):
    become(candidates, states)
    assert can_choose(candidates, "SGD") == expected


def test_a_row_without_candidates_has_no_choice_to_wait_for(candidates):
    assert can_choose(candidates, "AdamW")


def tuned_cells(sweep, request_, candidates) -> dict[str, float]:
    part = plan_cells(sweep, Planner(), SweepPart(request_, candidates))
    return {cell.row: cell.request.tuned[LR] for cell in part.cells}


@pytest.mark.parametrize(
    ("top1", "best"), [((0.5, 0.6), 0.2), ((0.6, 0.5), 0.1), ((0.5, 0.5), 0.1)]
)
def test_the_value_with_the_best_top1_is_chosen_and_the_first_of_equals(
    sweep, request_, candidates, top1, best
):
    for candidate, value in zip(candidates, top1, strict=True):
        candidate.cell.finish(top1=value)
    assert tuned_cells(sweep, request_, candidates) == {"SGD": best, "AdamW": 0.001}


def test_a_value_whose_candidate_stopped_early_may_be_the_best(sweep, request_, candidates):
    candidates[0].cell.finish(top1=0.5)
    candidates[1].cell.finish(top1=0.6, stopped_after=1)
    assert tuned_cells(sweep, request_, candidates) == {"SGD": 0.2, "AdamW": 0.001}


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        (["diverged", "diverged"], "no cells: of the values that it chooses from none could be tr"),
        (["recorded", "error"], "no cells yet: 1 of 2 candidates failed; retry=failed tries again"),
        (["error", "waiting"], "no cells yet: 1 candidate without a record; the same command goes"),
    ],
)
def test_a_row_that_cannot_choose_has_no_cells_and_a_reason(
    sweep, request_, candidates, states, reason
):
    become(candidates, states)
    assert tuned_cells(sweep, request_, candidates) == {"AdamW": 0.001}
    (row, said), *others = rows_without_choice(SweepPart(request_, candidates)).items()
    assert (row, others) == ("SGD", [])
    assert said.startswith(reason)
    expected = plan_expected(sweep, Planner(), SweepPart(request_, candidates)).cells
    first = [] if reason.startswith("no cells: ") else [("SGD", 0.1)] * 2
    assert [(one.row, one.request.tuned[LR]) for one in expected] == [("AdamW", 0.001)] * 2 + first


@pytest.mark.parametrize(
    ("split", "shared"), [("test", ("epochs=3",)), ("validation", ("epochs=3", "patience=2"))]
)
def test_patience_is_of_candidates_and_of_no_cell_on_test(
    sweep, request_, monkeypatch, split, shared
):
    """It is refused on test images (titn.config.constraints.check_patience)."""
    sweep = replace(sweep, compose=lambda overrides: {"dataset": {"split": split}})
    monkeypatch.setattr("titn.sweeps.tuning.plan_cell", lambda sweep, planner, one, role: one)
    patient = replace(request_, shared=("epochs=3", "patience=2"))
    part = plan_candidates(sweep, Planner(), patient)
    assert all("patience=2" in one.overrides for one in part.cells)
    assert part.request.shared == shared


LR_01, LR_02 = {"lr": 0.1}, {"lr": 0.2}


@pytest.mark.parametrize(
    ("tune", "of_a", "of_b"),
    [
        ({}, [{}], [{}]),
        # A row of its own, or none; with what all tune.
        ({"lr": {"A": [0.1, 0.2]}}, [LR_01, LR_02], [{}]),
        (
            {"lr": {"A": [0.1, 0.2]}, "wd": [1]},
            [{"lr": 0.1, "wd": 1}, {"lr": 0.2, "wd": 1}],
            [{"wd": 1}],
        ),
        # The last key changes first.
        (
            {"lr": {"A": [0.1], "B": [0.1, 0.2]}, "wd": {"B": [1, 2]}},
            [LR_01],
            [LR_01 | {"wd": 1}, LR_01 | {"wd": 2}, LR_02 | {"wd": 1}, LR_02 | {"wd": 2}],
        ),
        # As they are written: a depth of 2.0 would be refused.
        (
            {"model.depth": [2, 4], "mix": {"A": ["none"]}, "fold_teacher": {"B": [True, None]}},
            [{"model.depth": 2, "mix": "none"}, {"model.depth": 4, "mix": "none"}],
            [
                {"model.depth": depth, "fold_teacher": value}
                for depth in (2, 4) for value in (True, None)
            ],
        ),
        # As a search's space has it.
        (
            {"mix": "choice(none,mixup)", "lr": {"A": "range(0.1,0.3,0.1)"}},
            [
                {"mix": "none", "lr": 0.1}, {"mix": "none", "lr": 0.2},
                {"mix": "mixup", "lr": 0.1}, {"mix": "mixup", "lr": 0.2},
            ],
            [{"mix": "none"}, {"mix": "mixup"}],
        ),
    ],
)  # fmt: skip
def test_a_row_chooses_from_every_combination_in_the_order_of_the_file(tune, of_a, of_b):
    asks = parse_question({"title": "t", "asks": "a", "rows": {"A": [], "B": []}, "tune": tune})
    found = tuning_grid(asks, "A"), tuning_grid(asks, "B")
    assert repr(found) == repr((of_a, of_b))  # 2 is not 2.0, nor True 1


@pytest.mark.parametrize(
    ("tune", "line"),
    [
        ("interval(0, 1)", r"question\.tune\.lr: is an interval.*\+search=NAME"),
        ("fast", r"question\.tune\.lr=fast: cannot be read; write interval"),
        ("range(0, 20000)", r"question\.tune: A has more than 10000 combinations"),
    ],
)
def test_what_cannot_be_tried_is_one_line(tune, line):
    asks = parse_question({"title": "t", "asks": "a", "rows": {"A": []}, "tune": {"lr": tune}})
    with pytest.raises(ConfigError, match=line):
        tuning_grid(asks, "A")
