"""Differences from the baseline, against scipy."""

import numpy as np
import pytest
from scipy import stats

from titn.reporting.comparisons.differences import (
    Difference,
    difference_interval,
    differences_from_baseline,
)
from titn.reporting.statistics.intervals import Interval
from titn.reporting.statistics.seeds_and_images import seeds_and_images_interval_unpaired

A, B, C = [30, 32, 31], [24, 27, 26], [31, 30, 33]  # of 40 images, by seed


def share(rights):
    return np.array(rights) / 40


@pytest.fixture
def abc(runs):
    """Three rows of three seeds; the first is the baseline."""
    rows = (("a", A), ("b", B), ("c", C))
    return runs.one(*(cell for label, rights in rows for cell in runs.row(label, rights)))


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
