"""Differences from the baseline and their verdicts."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from titn.reporting.comparisons.differences import (
    Difference,
    difference_interval,
    differences_from_baseline,
    differences_of_pairs,
)
from titn.reporting.comparisons.table_model import correct_by_seed, table_model
from titn.reporting.comparisons.verdicts import judge
from titn.reporting.statistics.images import images_variance
from titn.reporting.statistics.intervals import Interval
from titn.reporting.statistics.rule import difference_contrast
from titn.reporting.statistics.seed_model import fit_seeds

A, B, C = [30, 32, 31], [14, 17, 16], [31, 30, 33]  # of 40 images, by seed


@pytest.fixture
def found(runs):
    """The differences of a setting with these cells."""
    return lambda *cells, **asked: differences_from_baseline(runs.one(*cells, **asked))


@pytest.fixture
def abc(runs):
    """Three rows of three seeds; the first is the baseline."""
    rows = (("a", A), ("b", B), ("c", C))
    return runs.one(*(cell for label, rights in rows for cell in runs.row(label, rights)))


def test_the_baseline_is_compared_with_every_other_row(abc):
    assert [one.row.label for one in differences_from_baseline(abc)] == ["b", "c"]


def test_the_interval_is_the_rules(abc):
    a, b, c = (correct_by_seed(abc.row(label)) for label in "abc")
    values = [rows.mean(1) for rows in (a, b, c)]
    # The floors of conftest's predictions, which differ by seed in which images are wrong.
    model = table_model(abc).seeds
    assert model.counts == (3, 3, 3)
    contrast = difference_contrast(model, 1, 0, [1, 2], images_variance(b, a))
    expected = contrast.interval(values[1].mean() - values[0].mean())
    (one, _) = differences_from_baseline(abc)
    assert (one.interval.low, one.interval.high) == pytest.approx((expected.low, expected.high))
    assert one.estimate == pytest.approx(expected.estimate)
    assert one.detectable == pytest.approx(contrast.detectable())


@pytest.mark.parametrize("others", [[], [["a", "b"]], [["a", "lost"]]])
def test_pairs_are_judged_together_with_the_variance_of_all_rows(runs, others):
    """Of one pair by Student's t on the pooled variance, of two by a wider bound; those without a
    record are none."""
    rows = (("a", A), ("b", B), ("c", C))
    cells = [cell for label, rights in rows for cell in runs.row(label, rights)]
    cells.append(runs.cell("lost", 0, state="missing"))
    question = runs.question(["a", "b", "c", "lost"], pairs=[["c", "b"], *others])
    evidence = runs.one(*cells, question=question)
    found = differences_of_pairs(evidence)
    assert len(found) == (2 if ["a", "b"] in others else 1)
    one, model = found[0], table_model(evidence).seeds
    variance, df = model.paired or (model.variances[0], model.dfs[0])
    of_images = images_variance(*(correct_by_seed(evidence.row(label)) for label in "cb"))
    assert (one.row.label, one.other.label, one.verdict) == ("c", "b", "better")
    assert one.estimate == pytest.approx((sum(C) - sum(B)) / 120)
    # Student's bound for seeds and the normal one for images, as the rule has them.
    single = ((stats.t.ppf(0.975, df) ** 2 * variance * 2 / 3) + 1.959964**2 * of_images) ** 0.5
    half = one.interval.high - one.estimate
    assert half == pytest.approx(single, rel=0.2) if len(found) == 1 else half > single


def test_a_row_near_chance_is_in_no_ones_variance(runs):
    evidence = runs.one(*runs.row("a", A), *runs.row("b", B), *runs.row("c", [3, 4, 9]))
    assert [row.label for row in table_model(evidence).rows] == ["a", "b"]


def test_rows_that_differ_plainly_are_told_apart(found, runs):
    (one,) = found(*runs.row("a", A), *runs.row("b", B))
    assert one.verdict == "worse"


@pytest.mark.parametrize(
    ("b", "why"),
    [
        ([14, 17], "2 seeds, 3 needed"),
        ([14], "1 seed, 3 needed"),
        ([7, 7, 7], "near chance"),
    ],
)
def test_without_a_verdict_the_reason_is_said(found, runs, b, why):
    (one,) = found(*runs.row("a", A), *runs.row("b", b))
    assert (one.verdict, one.unjudged) == ("undecided", why)


def test_two_seeds_of_the_baseline_are_too_few_for_all(found, runs):
    (one,) = found(*runs.row("a", A[:2]), *runs.row("b", B))
    assert one.unjudged == "2 seeds, 3 needed"


def test_two_seeds_have_an_interval_all_the_same(found, runs):
    (one,) = found(*runs.row("a", A), *runs.row("b", B[:2]))
    assert one.interval.high < 0


def test_one_seed_has_no_interval(found, runs):
    (one,) = found(*runs.row("a", A), *runs.row("b", B[:1]))
    assert one.interval is None
    assert one.estimate == pytest.approx(14 / 40 - 31 / 40)


def test_what_never_varies_has_no_verdict(found, runs):
    # Every image is classified rightly by each seed of both.
    (one,) = found(*runs.row("a", [40] * 3), *runs.row("b", [40] * 3))
    assert (one.verdict, one.unjudged) == ("undecided", "the same numbers")


def test_a_row_with_the_numbers_of_another_counts_once(runs):
    rows = [("a", A), ("b", B), ("twin", B)]
    evidence = runs.one(*(cell for label, rights in rows for cell in runs.row(label, rights)))
    assert table_model(evidence).seeds.counts == (3, 3)
    b, twin = differences_from_baseline(evidence)
    assert b.interval == twin.interval


def test_images_that_are_not_the_same_are_not_compared(found, runs):
    (one,) = found(*runs.row("a", A), *runs.row("b", B, classes=5))
    assert (one.interval, one.unjudged) == (None, "evaluated on other images")


def test_a_row_that_lost_predictions_has_no_verdict(found, runs):
    other = [runs.cell("b", 0, 14), runs.cell("b", 1, 17), runs.cell("b", 2, 16, kept=False)]
    (one,) = found(*runs.row("a", A), *other)
    assert (one.interval, one.unjudged) == (None, "no predictions by image")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.03, "better"),
        (-0.03, -0.001, "worse"),
        (-0.009, 0.009, "equal"),
        (0.0, 0.03, "undecided"),
        (-0.009, 0.01, "undecided"),
        (0.0, 0.0, "undecided"),
        (0.02, 0.02, "undecided"),
    ],
)
def test_the_interval_decides(low, high, verdict):
    assert judge(Interval((low + high) / 2, low, high), margin=0.01) == verdict


def test_the_question_says_what_is_equal(runs):
    question = runs.question(["a", "b"], margin=0.5)
    (one,) = differences_from_baseline(
        runs.one(*runs.row("a", A), *runs.row("b", C), question=question)
    )
    assert (one.margin, one.verdict) == (0.5, "equal")


def test_what_is_excluded_is_the_farther_end():
    one = Difference(None, None, 0.01, Interval(0.01, -0.02, 0.04), None, 0.01, None)
    assert one.excluded == 0.04
    assert replace(one, interval=Interval(0.01, -0.05, 0.04)).excluded == 0.05


# What a teacher gives


@pytest.mark.parametrize(
    ("untaught", "why"),
    [
        # The teacher of these cells has 90%: 36 of 40.
        ([36, 37, 38], "the teacher (90.00%) is no better than the student without a teacher"),
        ([30, 31, 32], None),
    ],
)
def test_a_teacher_that_is_no_better_gives_nothing_to_judge(found, runs, untaught, why):
    taught = runs.row("a", A, taught=runs.teacher())
    (one,) = found(*taught, *runs.row("b", untaught))
    assert one.unjudged == why


def test_a_convolutional_student_is_a_student(found, runs):
    own = {"model": {"_target_": "titn.models.cnn.resnet18"}}
    taught = runs.row("a", A, taught=runs.teacher(), changes=own)
    (one,) = found(*taught, *runs.row("b", [36, 37, 38], changes=own))
    assert one.unjudged == "the teacher (90.00%) is no better than the student without a teacher"


def test_another_network_is_compared_whatever_the_teacher_is(found, runs):
    taught = runs.row("a", A, taught=runs.teacher())
    changes = {"choices": {"model": "vit", "dataset": "digits"}}
    (one,) = found(*taught, *runs.row("b", [36, 37, 38], changes=changes))
    assert one.unjudged is None


# Other metrics


def test_other_metrics_are_compared_over_seeds_alone(runs):
    values = {"a": (0.5, 0.6, 0.7), "b": (0.44, 0.52, 0.66), "c": (0.5, 0.55, 0.57)}
    cells = [
        runs.cell(label, seed, record={"f1": f1})
        for label, of_row in values.items()
        for seed, f1 in enumerate(of_row)
    ]
    evidence = runs.one(*cells)
    interval = difference_interval(evidence, evidence.row("c"), evidence.row("b"), "f1")
    a, b, c = (np.array(of_row) for of_row in values.values())
    model = fit_seeds([a, b, c], [0, 0, 0], share_seeds=True)
    if model.form == "pooled":
        expected = stats.dunnett(a, c, control=b, rng=0).confidence_interval()
        assert interval.low == pytest.approx(expected.low[1], abs=0.001)
        assert interval.high == pytest.approx(expected.high[1], abs=0.001)
    assert interval.estimate == pytest.approx(c.mean() - b.mean())


def test_a_metric_that_one_seed_lacks_has_no_interval(runs):
    cells = [*runs.row("a", A), *runs.row("b", B[:2])]
    cells.append(runs.cell("b", 2, 16, record={"f1": "drop"}))
    evidence = runs.one(*cells)
    assert difference_interval(evidence, evidence.row("b"), evidence.row("a"), "f1") is None
