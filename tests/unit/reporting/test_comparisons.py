"""What is said of rows, against scipy and against bounds by hand."""

import numpy as np
import pytest
from scipy import stats

from titn.records.question import Claim, question_of
from titn.reporting.comparisons.claims import claims_of, judge_claim, judge_interval
from titn.reporting.comparisons.differences import (
    Difference,
    difference_interval,
    differences_from_baseline,
)
from titn.reporting.comparisons.levels import metric_interval, row_level
from titn.reporting.statistics.intervals import Interval
from titn.reporting.statistics.seeds_and_images import seeds_and_images_interval_unpaired

A, B, C = [30, 32, 31], [24, 27, 26], [31, 30, 33]


def share(rights):
    return np.array(rights) / 40


@pytest.fixture
def abc(runs):
    """Three rows of three seeds; the first is the baseline."""
    rows = (("a", A), ("b", B), ("c", C))
    return runs.one(*(cell for label, rights in rows for cell in runs.row(label, rights)))


# Levels


def test_a_level_is_a_mean_with_students_interval(runs):
    level = row_level(runs.one(*runs.row("a", A)).row("a"))
    mean, error = share(A).mean(), stats.sem(share(A))
    low, high = stats.t.interval(0.95, 2, mean, error)
    assert (level.mean, level.over_seeds.low, level.over_seeds.high) == pytest.approx(
        (mean, low, high)
    )


def test_the_interval_over_images_too_is_the_wider(runs):
    level = row_level(runs.one(*runs.row("a", A)).row("a"))
    assert (
        level.over_seeds_and_images.high - level.over_seeds_and_images.low
        > level.over_seeds.high - level.over_seeds.low
    )


def test_one_seed_has_no_interval(runs):
    level = row_level(runs.one(*runs.row("a", [30])).row("a"))
    assert (level.mean, level.over_seeds, level.over_seeds_and_images) == (0.75, None, None)


def test_no_interval_covers_images_that_were_not_kept(runs):
    cells = [runs.cell("a", 0), runs.cell("a", 1, 31), runs.cell("a", 2, 32, kept=False)]
    level = row_level(runs.one(*cells).row("a"))
    assert level.over_seeds_and_images is None
    assert level.over_seeds is not None


def test_a_metric_that_is_not_kept_by_image_has_an_interval_over_seeds(runs):
    cells = [runs.cell("a", s, record={"f1": f1}) for s, f1 in enumerate((0.5, 0.6, 0.7))]
    interval = metric_interval(runs.one(*cells).row("a"), "f1")
    low, high = stats.t.interval(0.95, 2, 0.6, 0.1 / 3**0.5)
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_a_metric_that_one_seed_lacks_has_no_interval(runs):
    cells = [runs.cell("a", 0), runs.cell("a", 1), runs.cell("a", 2, record={"f1": "drop"})]
    assert metric_interval(runs.one(*cells).row("a"), "f1") is None


# Differences


def test_the_baseline_is_compared_with_every_other_row(abc):
    assert [one.row.label for one in differences_from_baseline(abc)] == ["b", "c"]


def test_rows_are_compared_by_welch_and_by_pairs(abc):
    found = differences_from_baseline(abc)[0]
    welch = stats.ttest_ind(share(B), share(A), equal_var=False)
    paired = stats.ttest_rel(share(B), share(A))
    assert found.estimate == pytest.approx(share(B).mean() - share(A).mean())
    assert found.welch.p == pytest.approx(welch.pvalue)
    assert found.paired.p == pytest.approx(paired.pvalue)
    assert found.paired.correlation == pytest.approx(np.corrcoef(A, B)[0, 1])
    low, high = paired.confidence_interval()
    assert (found.paired.low, found.paired.high) == pytest.approx((low, high))


def test_p_is_corrected_for_the_rows_of_the_page(abc):
    found = differences_from_baseline(abc)
    p = [stats.ttest_rel(share(other), share(A)).pvalue for other in (B, C)]
    smaller, larger = sorted(p)
    by_hand = {smaller: 2 * smaller, larger: max(2 * smaller, larger)}
    assert [one.holm_p for one in found] == pytest.approx([by_hand[one] for one in p])


def test_pairs_are_the_seeds_that_both_rows_have(runs):
    other = [runs.cell("b", seed, right) for seed, right in ((1, 26), (2, 24), (5, 20))]
    (found,) = differences_from_baseline(runs.one(*runs.row("a", A), *other))
    paired = stats.ttest_rel(share([26, 24]), share(A[1:]))
    assert found.paired.p == pytest.approx(paired.pvalue)
    assert found.over_seeds_and_images.estimate == pytest.approx(
        share([26, 24]).mean() - share(A[1:]).mean()
    )
    assert found.is_partly_paired


def test_all_seeds_in_pairs_are_not_partly_paired(abc):
    assert not any(one.is_partly_paired for one in differences_from_baseline(abc))


@pytest.fixture
def apart(runs):
    """Two rows that have no seed in common."""
    other = [runs.cell("b", seed, right) for seed, right in ((3, 8), (4, 11), (5, 10))]
    return runs.one(*runs.row("a", A), *other)


def test_rows_without_a_common_seed_are_compared_by_welch(apart):
    (found,) = differences_from_baseline(apart)
    welch = stats.ttest_ind(share([8, 11, 10]), share(A), equal_var=False)
    assert found.paired is None
    assert found.holm_p == pytest.approx(welch.pvalue)


def test_rows_without_a_common_seed_have_the_unpaired_interval(apart):
    (found,) = differences_from_baseline(apart)
    a, b = (np.stack(list(apart.row(label).correct.values())) for label in "ab")
    assert found.over_seeds_and_images == seeds_and_images_interval_unpaired(b, a)


def test_rows_without_a_common_seed_can_be_told_apart(apart):
    assert differences_from_baseline(apart)[0].verdict == "below"


def test_rows_of_one_seed_are_compared_by_nothing(runs):
    (found,) = differences_from_baseline(runs.one(*runs.row("a", [30]), *runs.row("b", [20])))
    assert (found.paired, found.welch, found.over_seeds_and_images, found.holm_p) == (
        None,
        None,
        None,
        None,
    )
    assert found.estimate == -0.25


def test_what_so_many_seeds_could_have_found(abc):
    # The noncentral t of the difference exceeds the bound of the test in 80 of 100 experiments.
    (found, _) = differences_from_baseline(abc)
    error = np.std(share(B) - share(A), ddof=1) / 3**0.5
    power = stats.nct.sf(stats.t.ppf(0.975, 2), 2, found.detectable / error)
    assert power == pytest.approx(0.8)


def test_seeds_that_do_not_vary_do_not_say_what_they_could_have_found(runs):
    found = runs.one(*runs.row("a", [30, 30]), *runs.row("b", [20, 20]))
    assert differences_from_baseline(found)[0].detectable is None


def test_images_that_are_not_the_same_are_not_paired(runs):
    other = runs.row("b", [20, 22], classes=5)
    (found,) = differences_from_baseline(runs.one(*runs.row("a", [30, 32]), *other))
    assert found.over_seeds_and_images is None


def test_a_row_that_lost_predictions_has_no_interval_over_the_others(runs):
    other = [runs.cell("b", 0, 20), runs.cell("b", 1, 21), runs.cell("b", 2, 22, kept=False)]
    (found,) = differences_from_baseline(runs.one(*runs.row("a", A), *other))
    assert found.over_seeds_and_images is None
    assert found.verdict == "not told apart"


@pytest.mark.parametrize(
    ("low", "high", "corrected", "verdict"),
    [
        (0.01, 0.03, 0.01, "above"),
        (-0.03, -0.01, 0.01, "below"),
        (0.01, 0.03, 0.05, "not told apart"),
        (-0.01, 0.03, 0.01, "not told apart"),
        (0.0, 0.03, 0.01, "not told apart"),
        (0.01, 0.03, None, "not told apart"),
    ],
)
def test_interval_and_p_decide_together(low, high, corrected, verdict):
    both = Interval((low + high) / 2, low, high)
    found = Difference(None, 0.0, None, None, both, None, False, corrected)
    assert found.verdict == verdict


def test_other_metrics_are_compared_by_pairs(runs):
    a, b = (0.5, 0.6, 0.7), (0.44, 0.52, 0.66)
    cells = [
        runs.cell(label, seed, record={"f1": f1})
        for label, values in (("a", a), ("b", b))
        for seed, f1 in enumerate(values)
    ]
    found = runs.one(*cells)
    interval = difference_interval(found.row("b"), found.row("a"), "f1")
    low, high = stats.ttest_rel(b, a).confidence_interval()
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_other_metrics_without_common_seeds_are_compared_by_welch(runs):
    a, b = {0: 0.5, 1: 0.6}, {2: 0.44, 3: 0.52, 4: 0.66}
    cells = [
        runs.cell(label, seed, record={"f1": f1})
        for label, values in (("a", a), ("b", b))
        for seed, f1 in values.items()
    ]
    found = runs.one(*cells)
    interval = difference_interval(found.row("b"), found.row("a"), "f1")
    welch = stats.ttest_ind(list(b.values()), list(a.values()), equal_var=False)
    low, high = welch.confidence_interval()
    assert (interval.low, interval.high) == pytest.approx((low, high))


# Claims


@pytest.mark.parametrize(
    ("low", "high", "between", "finding"),
    [
        (0.01, 0.02, (0.0, None), "agrees"),
        (0.00, 0.02, (0.0, None), "inconclusive"),
        (-0.01, 0.02, (0.0, None), "inconclusive"),
        (-0.02, -0.01, (0.0, None), "disagrees"),
        (-0.02, 0.0, (0.0, None), "inconclusive"),
        (-0.02, -0.01, (None, 0.0), "agrees"),
        (0.01, 0.02, (None, 0.0), "disagrees"),
        (0.71, 0.72, (0.70, 0.73), "agrees"),
        (0.70, 0.72, (0.70, 0.73), "inconclusive"),
        (0.71, 0.73, (0.70, 0.73), "inconclusive"),
        (0.74, 0.75, (0.70, 0.73), "disagrees"),
        (0.01, 0.02, (None, None), "agrees"),
    ],
)
def test_a_finding_is_where_the_interval_lies(low, high, between, finding):
    assert judge_interval(Interval((low + high) / 2, low, high), between) == finding


def test_without_an_interval_nothing_is_found():
    assert judge_interval(None, (0.0, None)) == "inconclusive"


FULL = {"dataset": {"_target_": "titn.data.sources.published", "name": "cifar100"}}
FULL["epochs"], FULL["batch_size"] = 600, 1024
FULL["optimizer"] = {"_target_": "titn.optim.optimizers.sgd", "lr": 0.1}
FULL["augment"] = {"_target_": "titn.data.views.CropFlip"}
FULL["mix"] = {"_target_": "titn.data.mixing.CutMix"}
FULL["loss"] = {"_target_": "titn.losses.distillation.HardDistillation", "alpha": 0.5}


def judged(runs, rows, between, labels=("a", "b"), metric="top1", **more):
    """The claim about rows whose cells are given by `rows`: label -> images right by seed."""
    cells = [cell for label, rights in rows.items() for cell in runs.row(label, rights, **more)]
    node = runs.claim(list(labels), list(between), metric=metric)
    found = runs.one(*cells, question=runs.question(list(rows), claims=[node]))
    return judge_claim(found.question.claims[0], found)


def test_a_full_protocol_may_disagree(runs):
    taught = runs.teacher() | {"epochs": 600, "batch_size": 1024}
    taught |= {key: FULL[key] for key in ("dataset", "optimizer", "augment")}
    one = judged(runs, {"a": B, "b": A}, (0, None), changes=FULL, taught=taught)
    assert (one.protocol, one.finding) == ([], "disagrees")


def test_a_reduced_protocol_may_agree(runs):
    one = judged(runs, {"a": A, "b": B}, (0, None))
    assert one.finding == "agrees"
    assert "2 epochs instead of 600" in one.protocol


def test_both_rows_decide_the_protocol(runs):
    cells = [*runs.row("a", A), *runs.row("b", B, changes={"weights": "w.safetensors"})]
    node = runs.claim(["a", "b"], [0, None])
    found = runs.one(*cells, question=runs.question(["a", "b"], claims=[node]))
    protocol = judge_claim(found.question.claims[0], found).protocol
    assert "fine-tuned from other weights" in protocol


def test_what_the_question_varies_is_no_departure(runs):
    question = runs.question(["a"], claims=[runs.claim(["a"], [0, 1])])
    question["rows"] = {"a": ["epochs=2"]}
    found = runs.one(*runs.row("a", A), question=question)
    protocol = judge_claim(found.question.claims[0], found).protocol
    assert not [one for one in protocol if "epochs" in one]


def test_a_claim_about_other_data_has_no_protocol_of_the_papers(runs):
    node = runs.claim(["a"], [0, 1], dataset="my own")
    found = runs.one(*runs.row("a", A), question=runs.question(["a"], claims=[node]))
    one = judge_claim(found.question.claims[0], found)
    assert one.protocol == ["the paper has no protocol for my own"]


@pytest.mark.parametrize("state", ["missing", "unfinished", "failed"])
def test_a_row_without_records_is_not_judged(runs, state):
    node = runs.claim(["a", "b"], [0, None])
    cells = [*runs.row("a", A), runs.cell("b", 0, state=state)]
    found = runs.one(*cells, question=runs.question(["a", "b"], claims=[node]))
    one = judge_claim(found.question.claims[0], found)
    assert (one.finding, one.estimate, one.protocol) == ("not run", None, [])


def test_a_claim_about_a_row_that_diverged_says_so_and_under_what_protocol(runs):
    node = runs.claim(["a", "b"], [0, None])
    diverged = runs.cell("b", 0, state="diverged", changes={"batch_size": 8})
    found = runs.one(*runs.row("a", A), diverged, question=runs.question("ab", claims=[node]))
    one = judge_claim(found.question.claims[0], found)
    assert (one.finding, one.estimate) == ("diverged", None)
    assert "batches of 8 instead of 1024" in one.protocol


def test_what_failed_before_it_began_does_not_hide_the_protocol_of_what_diverged(runs):
    node = runs.claim(["a", "b"], [0, None])
    failed, diverged = (
        runs.cell("b", seed, state=state) for seed, state in enumerate(["failed", "diverged"])
    )
    for name in ("config.yaml", "environment.json"):
        (runs.written[failed.config_hash] / name).unlink()
    cells = [*runs.row("a", A), failed, diverged]
    found = runs.one(*cells, question=runs.question("ab", claims=[node]))
    one = judge_claim(found.question.claims[0], found)
    assert one.finding == "diverged"
    assert "batches of 8 instead of 1024" in one.protocol


def test_a_row_of_which_one_seed_diverged_is_judged_by_the_others(runs):
    node = runs.claim(["a", "b"], [0, None])
    cells = [*runs.row("a", A), *runs.row("b", B), runs.cell("b", 9, state="diverged")]
    found = runs.one(*cells, question=runs.question("ab", claims=[node]))
    assert judge_claim(found.question.claims[0], found).finding == "agrees"


def test_a_claim_with_one_seed_is_inconclusive(runs):
    one = judged(runs, {"a": [40], "b": [20]}, (0, None))
    assert (one.estimate, one.interval, one.finding) == (0.5, None, "inconclusive")


def test_a_claim_about_rows_near_chance_is_inconclusive(runs):
    # Ten classes: a tenth of the way from 0.1 to 1 is 0.19, 7.6 of 40 images.
    assert judged(runs, {"a": [40, 40], "b": [7, 7]}, (0, None)).finding == "inconclusive"


def test_a_claim_about_rows_just_off_chance_is_judged(runs):
    assert judged(runs, {"a": [40, 40], "b": [8, 8]}, (0, None)).finding == "agrees"


def test_our_number_is_of_the_seeds_of_its_interval(runs):
    node = runs.claim(["a", "b"], [0, None])
    cells = [*runs.row("a", [30, 32, 37]), *runs.row("b", [24, 27])]
    found = runs.one(*cells, question=runs.question(["a", "b"], claims=[node]))
    one = judge_claim(found.question.claims[0], found)
    # (30 + 32 - 24 - 27) / 2 of 40 images.
    assert one.estimate == pytest.approx(5.5 / 40)


def test_what_is_counted_has_no_width_and_needs_no_training(runs):
    cells = runs.row("a", [4], record={"parameters": 5_850_000})
    node = runs.claim(["a"], [5.84, 5.86], metric="parameters_m")
    found = runs.one(*cells, question=runs.question(["a"], claims=[node]))
    one = judge_claim(found.question.claims[0], found)
    assert (one.interval, one.finding) == (Interval(5.85, 5.85, 5.85), "agrees")
    assert not [said for said in one.protocol if "epochs" in said]


def test_a_row_that_never_learned_so_much_is_not_judged_by_its_speed(runs):
    cells = [*runs.row("a", A, curve=(0.9, 0.9)), *runs.row("b", B, curve=(0.2, 0.3))]
    node = runs.claim(["a", "b"], [None, 0], metric="epochs_to_reach")
    found = runs.one(*cells, question=runs.question(["a", "b"], claims=[node]))
    one = judge_claim(found.question.claims[0], found)
    assert (one.estimate, one.interval, one.finding) == (None, None, "inconclusive")


def taught_rows(runs, teachers, seeds=3):
    """A row for each teacher's network, which is as good as its number says."""
    return [
        runs.cell(label, seed, right + seed, taught=runs.teacher(own(seed), f"cnn.{label}"))
        for label, (right, own) in teachers.items()
        for seed in range(seeds)
    ]


def test_one_teacher_each_is_no_ranking_of_teachers(runs):
    cells = taught_rows(runs, {"vgg": (36, lambda _: 0), "resnet": (10, lambda _: 0)})
    node = runs.claim(["vgg", "resnet"], [0, None])
    found = runs.one(*cells, question=runs.question(["vgg", "resnet"], claims=[node]))
    one = judge_claim(found.question.claims[0], found)
    assert (one.finding, one.is_conditional) == ("inconclusive", True)


def test_a_teacher_for_each_seed_is_a_ranking_of_teachers(runs):
    cells = taught_rows(runs, {"vgg": (36, lambda s: s), "resnet": (10, lambda s: s)})
    node = runs.claim(["vgg", "resnet"], [0, None])
    found = runs.one(*cells, question=runs.question(["vgg", "resnet"], claims=[node]))
    one = judge_claim(found.question.claims[0], found)
    assert (one.finding, one.is_conditional) == ("agrees", False)


def test_with_and_without_one_teacher_is_judged_and_conditional(runs):
    cells = [*taught_rows(runs, {"vgg": (36, lambda _: 0)}), *runs.row("none", [20, 21, 22])]
    node = runs.claim(["vgg", "none"], [0, None])
    found = runs.one(*cells, question=runs.question(["vgg", "none"], claims=[node]))
    one = judge_claim(found.question.claims[0], found)
    assert (one.finding, one.is_conditional) == ("agrees", True)


def test_every_printed_number_of_a_row_is_a_claim(runs):
    node = runs.question(["TITN"], printed="table3", margins={"top1": 0.01})
    (one,) = claims_of(question_of(node))
    assert isinstance(one, Claim)
    assert (one.rows, one.printed, one.source) == (("TITN",), 0.7471, "table 3")
    assert one.between == pytest.approx((0.7371, 0.7571))


def test_an_interval_of_an_accuracy_ends_at_all_images(runs):
    found = runs.one(*runs.row("TITN", [38, 40, 40]))
    level = row_level(found.rows[0])
    assert level.over_seeds.high == level.over_seeds_and_images.high == 1.0
    assert level.over_seeds_and_images.low < level.over_seeds.low < 1.0
