"""Claims of the paper, judged by rows whose numbers are known."""

from dataclasses import replace
from typing import get_args

import pytest

from titn.paper.printed import printed_table
from titn.records.question import Claim, parse_question
from titn.records.question_meaning import METRICS, PRINTED
from titn.records.schemas import Result
from titn.reporting.comparisons.claims import (
    ClaimResult,
    claims_of,
    judge_claim,
    judge_interval,
)
from titn.reporting.comparisons.sizes import SIZE_METRICS
from titn.reporting.evidence.row import DERIVED
from titn.reporting.latencies import TIMING_METRICS
from titn.reporting.statistics.intervals import Interval

A, B = [30, 32, 31], [24, 27, 26]  # of 40 images, by seed


@pytest.fixture
def judge(runs):
    """The result of a claim about rows, which are those of the cells."""

    def run(cells, rows=("a", "b"), between=(0, None), varied=None, **more) -> ClaimResult:
        labels = list(dict.fromkeys(cell.row for cell in cells))
        node = runs.claim(list(rows), list(between), **more)
        question = runs.question(labels, claims=[node])
        question["rows"] |= varied or {}
        evidence = runs.one(*cells, question=question)
        return judge_claim(evidence.question.claims[0], evidence)

    return run


def test_what_a_question_may_name_is_what_reports_know():
    assert {*DERIVED, *TIMING_METRICS, *SIZE_METRICS, "epochs_to_reach"} <= {*METRICS}
    numbers = {
        name
        for name, field in Result.model_fields.items()
        if not {int, float}.isdisjoint({field.annotation, *get_args(field.annotation)})
    }
    assert numbers - {*METRICS} == {"seed", "epochs", "num_train", "num_evaluated"}
    for name in PRINTED:
        table = printed_table(name)
        assert table["row"].is_unique
        assert {*table.columns} & {*METRICS}


@pytest.mark.parametrize(
    ("low", "high", "between", "finding"),
    [
        (0.01, 0.02, (0.0, None), "agrees"),
        (0.00, 0.02, (0.0, None), "undecided"),
        (-0.01, 0.02, (0.0, None), "undecided"),
        (-0.02, -0.01, (0.0, None), "disagrees"),
        (-0.02, 0.0, (0.0, None), "undecided"),
        (-0.02, -0.01, (None, 0.0), "agrees"),
        (0.01, 0.02, (None, 0.0), "disagrees"),
        (0.71, 0.72, (0.70, 0.73), "agrees"),
        (0.70, 0.72, (0.70, 0.73), "undecided"),
        (0.71, 0.73, (0.70, 0.73), "undecided"),
        (0.74, 0.75, (0.70, 0.73), "disagrees"),
        (0.01, 0.02, (None, None), "agrees"),
    ],
)
def test_a_finding_is_where_the_interval_lies(low, high, between, finding):
    found, reason = judge_interval(Interval((low + high) / 2, low, high), between)
    assert (found, bool(reason)) == (finding, finding == "undecided")


@pytest.mark.parametrize(("low", "reason"), [(0.0, "touches"), (-0.01, "crosses")])
def test_an_undecided_interval_touches_or_crosses_a_bound(low, reason):
    found = judge_interval(Interval(0.01, low, 0.02), (0.0, None))
    assert found == ("undecided", f"the interval {reason} a bound")


def test_without_an_interval_nothing_is_found():
    assert judge_interval(None, (0.0, None)) == ("undecided", "no interval")


# MNIST has the ten classes of the cells here.
MNIST = {"dataset": {"_target_": "titn.data.sources.published", "name": "mnist"}}
FULL = MNIST | {"epochs": 350, "batch_size": 1024}
FULL["optimizer"] = {"_target_": "titn.optim.optimizers.sgd", "lr": 0.1}
FULL["augment"] = {"_target_": "titn.data.views.AffineJitter"}
FULL["mix"] = {"_target_": "titn.data.mixing.Unmixed"}
FULL["loss"] = {"_target_": "titn.losses.distillation.HardDistillation", "alpha": 0.5}


def test_a_full_protocol_may_disagree(runs, judge):
    taught = runs.teacher() | {"epochs": 350, "batch_size": 1024}
    taught |= {key: FULL[key] for key in ("dataset", "optimizer", "augment")}
    full = {"changes": FULL, "taught": taught}
    cells = [*runs.row("a", B, **full), *runs.row("b", A, **full)]
    result = judge(cells, dataset="mnist")
    assert (result.protocol, result.finding) == ([], "disagrees")


def test_a_reduced_protocol_may_agree(runs, judge):
    cells = [*runs.row("a", A, changes=MNIST), *runs.row("b", B, changes=MNIST)]
    result = judge(cells, dataset="mnist")
    assert result.finding == "agrees"
    assert "2 epochs instead of 350" in result.protocol


@pytest.mark.parametrize(
    ("changes", "dataset", "reason"),
    [
        ({}, "cifar100", "digits, not CIFAR-100"),
        ({"dataset": MNIST["dataset"] | {"num_classes": 5}}, "mnist", "5 of 10 classes"),
        ({"dataset": MNIST["dataset"] | {"split": "validation"}}, "mnist",
         "evaluated on a validation split"),
        (MNIST, "my own", "MNIST, not my own"),
    ],
)  # fmt: skip
def test_other_data_or_classes_are_not_comparable(runs, judge, changes, dataset, reason):
    cells = [*runs.row("a", A, changes=changes), *runs.row("b", B, changes=changes)]
    result = judge(cells, dataset=dataset)
    assert (result.finding, result.reason) == ("not comparable", reason)


def test_less_data_of_the_same_is_comparable(runs, judge):
    changes = {"dataset": MNIST["dataset"] | {"fraction": 0.1}}
    cells = [*runs.row("a", A, changes=changes), *runs.row("b", B, changes=changes)]
    result = judge(cells, dataset="mnist")
    assert result.finding == "agrees"
    assert "a tenth of the training data" in result.protocol


def test_both_rows_decide_the_protocol(runs, judge):
    other = runs.row("b", B, changes=MNIST | {"weights": "w.safetensors"})
    result = judge([*runs.row("a", A, changes=MNIST), *other], dataset="mnist")
    assert "fine-tuned from other weights" in result.protocol


def test_what_the_question_varies_is_no_departure(runs, judge):
    cells = runs.row("a", A, changes=MNIST)
    result = judge(cells, ["a"], (0, 1), varied={"a": ["epochs=2"]}, dataset="mnist")
    assert result.protocol
    assert not [phrase for phrase in result.protocol if "epochs" in phrase]


def test_a_claim_about_other_data_has_no_protocol_of_the_papers(runs, judge):
    result = judge(runs.row("a", A), ["a"], (0, 1), dataset="my own")
    assert result.protocol == ["the paper has no protocol for my own"]


@pytest.mark.parametrize("state", ["missing", "unfinished", "failed"])
def test_a_row_without_records_is_not_judged(runs, judge, state):
    result = judge([*runs.row("a", A), runs.cell("b", 0, state=state)])
    assert (result.finding, result.estimate, result.protocol) == ("not run", None, [])


def test_a_claim_about_a_row_that_diverged_says_so_and_under_what_protocol(runs, judge):
    diverged = runs.cell("b", 0, state="diverged", changes=MNIST | {"batch_size": 8})
    result = judge([*runs.row("a", A), diverged], dataset="mnist")
    assert (result.finding, result.estimate) == ("diverged", None)
    assert "batches of 8 instead of 1024" in result.protocol


def test_a_claim_about_a_row_that_stopped_early_is_undecided(runs, judge):
    found = judge([*runs.row("a", A), runs.cell("b", 0, state="stopped early")])
    assert (found.finding, found.reason) == ("undecided", "runs stopped early")


def test_what_failed_before_it_began_does_not_hide_the_protocol_of_what_diverged(runs, judge):
    failed, diverged = (
        runs.cell("b", seed, state=state, changes=MNIST)
        for seed, state in enumerate(["failed", "diverged"])
    )
    for name in ("config.yaml", "environment.json"):
        (runs.written[failed.config_hash] / name).unlink()
    result = judge([*runs.row("a", A), failed, diverged], dataset="mnist")
    assert result.finding == "diverged"
    assert "batches of 8 instead of 1024" in result.protocol


def test_a_row_of_which_one_seed_diverged_is_judged_by_the_others(runs, judge):
    diverged = runs.cell("b", 9, state="diverged")
    assert judge([*runs.row("a", A), *runs.row("b", B), diverged]).finding == "agrees"


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_find_nothing(runs, judge, seeds):
    result = judge([*runs.row("a", A[:seeds]), *runs.row("b", [8, 9, 8])])
    assert (result.finding, result.reason) == (
        "undecided",
        f"{seeds} seed{'s'[: seeds - 1]}, 3 needed",
    )


# Ten classes: a tenth of the way from 0.1 to 1 is 0.19, 7.6 of 40 images.
@pytest.mark.parametrize(
    ("right", "finding", "reason"), [(7, "undecided", "near chance"), (8, "agrees", "")]
)
def test_a_claim_about_rows_near_chance_is_undecided(runs, judge, right, finding, reason):
    result = judge([*runs.row("a", [39, 40, 39]), *runs.row("b", [right] * 3)])
    assert (result.finding, result.reason) == (finding, reason)


def test_our_number_is_of_all_seeds(runs, judge):
    result = judge([*runs.row("a", [30, 32, 37]), *runs.row("b", [24, 27])])
    # 99 of 120 images, less 51 of 80.
    assert result.estimate == result.interval.estimate == pytest.approx(33 / 40 - 25.5 / 40)


def test_a_teacher_no_better_than_the_student_without_it_proves_nothing(runs, judge):
    # The teacher has 90% of the images, 36 of 40.
    taught = runs.row("a", [39, 40, 39], taught=runs.teacher())
    result = judge([*taught, *runs.row("b", [36, 37, 36])])
    assert result.reason.endswith("is no better than the student without a teacher")


def test_what_is_counted_has_no_width_and_needs_no_training(runs, judge):
    cells = runs.row("a", [4], record={"parameters": 5_850_000}, changes=MNIST)
    result = judge(cells, ["a"], (5.84, 5.86), metric="parameters_m", dataset="mnist")
    assert (result.interval, result.finding) == (Interval(5.85, 5.85, 5.85), "agrees")
    assert not [phrase for phrase in result.protocol if "epochs" in phrase]


def test_a_size_is_that_of_a_network_with_the_printed_classes(runs, judge):
    # TITN with ten classes has 192 * 10 + 10 weights in each of two heads, with a hundred 90 more
    # of 193 each.
    model = {"_target_": "titn.models.titn.TITN", "distillation_token": True, "patch_dim": 192}
    record = {"parameters": 5_817_000}
    cells = runs.row("a", [4], record=record, changes={"model": model})
    result = judge(cells, ["a"], (5.84, 5.86), metric="parameters_m", dataset="cifar100")
    assert result.estimate == pytest.approx(5.817 + 2 * 90 * 193 / 1e6)
    assert result.finding == "agrees"


# Records of ten classes: the network, its parameters and the paper's multiply-accumulates.
TEN_CLASSES = {
    "VGG16-BN": ("cnn.vgg16_bn", {"stem": "imagenet"}, 134_309_962, 433_906_688),
    "ViT": ("vit.ViT", {"distillation_token": False}, 5_374_282, 91_161_216),
    "DeiT": ("vit.ViT", {"distillation_token": True}, 5_376_596, 96_490_752),
    "TNT": ("titn.TITN", {"distillation_token": False}, 5_815_126, 103_424_640),
    "TITN": ("titn.TITN", {"distillation_token": True}, 5_817_440, 108_754_176),
    "TITN (large patch)": ("titn.TITN", {"distillation_token": True}, 5_813_264, 35_210_496),
}


def test_sizes_of_ten_classes_agree_with_table_3(runs):
    margins = {"parameters_m": 0.01, "gflops_batch1024": 0.01}
    cells = []
    for label, (network, sizes, parameters, macs_paper) in TEN_CLASSES.items():
        model = {"_target_": f"titn.models.{network}", "patch_dim": 192} | sizes
        counted = {"parameters": parameters, "macs_paper": macs_paper, "macs": macs_paper}
        cells += runs.row(label, [30], changes={"model": model}, record=counted)
    question = runs.question(list(TEN_CLASSES), printed="table3", margins=margins)
    evidence = runs.one(*cells, question=question)
    results = [judge_claim(claim, evidence) for claim in claims_of(evidence.question)]
    assert len(results) == 2 * len(TEN_CLASSES)
    assert all(abs(one.estimate - one.claim.printed) < 0.01 for one in results)
    # Data, classes and teachers decide no size.
    assert {(one.finding, *one.protocol) for one in results} == {("agrees",)}


def test_equal_sizes_are_not_above_each_other(runs, judge):
    result = judge([*runs.row("a", [4]), *runs.row("b", [4])], metric="parameters_m")
    assert (result.finding, result.reason) == ("undecided", "the interval touches a bound")


def test_what_does_not_vary_at_all_finds_nothing(runs, judge):
    cells = runs.row("a", A, record={"nll": 0.5})
    result = judge(cells, ["a"], (0.4, 0.6), metric="nll")
    assert (result.finding, result.reason) == ("undecided", "nothing varies")


def test_a_network_whose_last_layer_is_not_known_has_no_size_with_other_classes(runs, judge):
    cells = runs.row("a", [4], changes={"model": {"_target_": "my.Network"}})
    result = judge(cells, ["a"], (5.84, 5.86), metric="parameters_m", dataset="cifar100")
    assert (result.finding, result.estimate) == ("not comparable", None)


@pytest.mark.parametrize(
    ("rounds", "finding", "reason"),
    [
        ([0.004, 0.005, 0.004, 0.005, 0.004, 0.005], "agrees", ""),
        ([0.004, 0.005, 0.004, 0.005, 0.004], "undecided", "fewer than six rounds"),
        ([0.005] * 6, "undecided", "nothing varies"),
    ],
)
def test_a_timing_needs_six_rounds_that_differ(runs, rounds, finding, reason):
    claim = runs.claim(["a"], [0, 10], metric="latency_ms", dataset="cifar100")
    cells = runs.row("a", [4], changes={"epochs": 0})
    evidence = runs.one(*cells, question=runs.question(["a"], claims=[claim]))
    timing = {"how": "on a CPU", "rows": {"a": {"1": rounds}}}
    result = judge_claim(evidence.question.claims[0], replace(evidence, timing=timing))
    assert (result.finding, result.reason) == (finding, reason)


def test_a_row_that_never_learned_so_much_is_not_judged_by_its_speed(runs, judge):
    cells = [*runs.row("a", A, curve=(0.9, 0.9)), *runs.row("b", B, curve=(0.2, 0.3))]
    result = judge(cells, between=(None, 0), metric="epochs_to_reach")
    assert (result.estimate, result.interval, result.finding) == (None, None, "undecided")


def taught_row(runs, label, right, has_own_teachers):
    """Three seeds, of one teacher or of a teacher each."""
    return [
        runs.cell(label, seed, right + seed,
                  taught=runs.teacher(seed if has_own_teachers else 0, f"cnn.{label}"))
        for seed in range(3)
    ]  # fmt: skip


@pytest.mark.parametrize(("has_own_teachers", "finding"), [(False, "undecided"), (True, "agrees")])
def test_teachers_are_ranked_by_several_of_each(runs, judge, has_own_teachers, finding):
    cells = [
        *taught_row(runs, "vgg", 36, has_own_teachers),
        *taught_row(runs, "resnet", 10, has_own_teachers),
    ]
    result = judge(cells, ["vgg", "resnet"])
    assert (result.finding, result.is_conditional) == (finding, not has_own_teachers)


def test_with_and_without_one_teacher_is_judged_and_conditional(runs, judge):
    cells = [*taught_row(runs, "vgg", 36, False), *runs.row("none", [20, 21, 22])]
    result = judge(cells, ["vgg", "none"])
    assert (result.finding, result.is_conditional) == ("agrees", True)


def test_every_printed_number_of_a_row_is_a_claim(runs):
    node = runs.question(["TITN"], printed="table3", margins={"top1": 0.01})
    (claim,) = claims_of(parse_question(node))
    assert isinstance(claim, Claim)
    assert (claim.rows, claim.printed, claim.source) == (("TITN",), 0.7471, "table 3")
    assert claim.between == pytest.approx((0.7371, 0.7571))
