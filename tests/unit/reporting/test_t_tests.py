"""Means and t tests against hand calculations and scipy."""

import numpy as np
import pytest
from scipy import stats

from titn.reporting.statistics.intervals import Interval, mean_interval
from titn.reporting.statistics.t_tests import (
    Comparison,
    PairedComparison,
    holm_correction,
    paired_test,
    welch_test,
)

# A warning of numpy or scipy is an error here.
pytestmark = pytest.mark.filterwarnings("error")

A = np.array([0.71, 0.74, 0.69, 0.77])
B = np.array([0.66, 0.70, 0.67])
C = np.array([0.70, 0.71, 0.68, 0.72])


# One mean


def test_mean_interval_by_hand():
    # sd 0.02; t(2) = 4.3027 in the tables.
    interval = mean_interval(np.array([0.70, 0.72, 0.74]))
    half = 4.3027 * 0.02 / 3**0.5
    assert (interval.estimate, interval.low, interval.high) == pytest.approx(
        (0.72, 0.72 - half, 0.72 + half), abs=1e-6
    )


def test_a_lower_level_takes_its_own_quantile():
    # t(2) = 2.9200 for 90% in the tables.
    interval = mean_interval(np.array([0.70, 0.72, 0.74]), level=0.9)
    assert (interval.high - interval.low) / 2 == pytest.approx(2.92 * 0.02 / 3**0.5, abs=1e-6)


def test_one_value_has_no_interval():
    assert mean_interval(np.array([0.7])) is None


def test_equal_values_have_an_interval_without_width():
    # The mean that numpy computes of three times 0.1 is not 0.1.
    assert mean_interval(np.array([0.1] * 3)) == Interval(0.1, 0.1, 0.1)


# Two means


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_welch_is_scipys(level):
    ours, theirs = welch_test(A, B, level), stats.ttest_ind(A, B, equal_var=False)
    interval = theirs.confidence_interval(level)
    assert (ours.difference, ours.low, ours.high, ours.p) == pytest.approx(
        (A.mean() - B.mean(), interval.low, interval.high, theirs.pvalue), rel=1e-10
    )


def test_welch_against_a_side_that_does_not_vary_is_the_test_of_one_sample():
    theirs = stats.ttest_1samp(A, 0.5)
    assert welch_test(A, np.array([0.5] * 2)).p == pytest.approx(theirs.pvalue, rel=1e-10)


@pytest.mark.parametrize("sizes", [(1, 3), (3, 1)])
def test_welch_needs_two_of_each(sizes):
    assert welch_test(A[: sizes[0]], A[: sizes[1]]) is None


def test_welch_of_equal_constants_finds_nothing():
    # 0.1 three times and four times: means that numpy rounds differently.
    found = welch_test(np.array([0.1] * 3), np.array([0.1] * 4))
    assert found == Comparison(difference=0.0, low=0.0, high=0.0, p=1.0)


def test_welch_of_different_constants_is_sure():
    found = welch_test(np.array([0.75] * 3), np.array([0.5] * 2))
    assert found == Comparison(difference=0.25, low=0.25, high=0.25, p=0.0)


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_paired_is_scipys(level):
    ours, theirs = paired_test(A, C, level), stats.ttest_rel(A, C)
    interval = theirs.confidence_interval(level)
    assert (ours.difference, ours.low, ours.high, ours.p) == pytest.approx(
        ((A - C).mean(), interval.low, interval.high, theirs.pvalue), rel=1e-10
    )


def test_the_correlation_of_pairs_is_pearsons():
    assert paired_test(A, C).correlation == pytest.approx(stats.pearsonr(A, C).statistic)


def test_pairs_with_a_constant_side_have_no_correlation():
    assert paired_test(A, np.array([0.1] * 4)).correlation is None


def test_paired_needs_two_pairs():
    assert paired_test(A[:1], C[:1]) is None


def test_pairs_that_are_equal_differ_by_nothing():
    found = paired_test(np.array([0.25, 0.5]), np.array([0.25, 0.5]))
    assert found == PairedComparison(0.0, 0.0, 0.0, p=1.0, correlation=pytest.approx(1.0))


def test_pairs_that_all_differ_alike_differ_surely():
    found = paired_test(np.array([0.5, 0.75]), np.array([0.25, 0.5]))
    assert found == PairedComparison(0.25, 0.25, 0.25, p=0.0, correlation=pytest.approx(1.0))


def test_one_value_is_not_paired_with_many():
    with pytest.raises(ValueError, match="shape"):
        paired_test(A, C[:1])


# Many tests


def test_holm_by_hand():
    # Ascending 0.01, 0.02, 0.03, 0.4 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.4.
    assert holm_correction([0.03, 0.01, 0.4, 0.02]) == pytest.approx([0.06, 0.04, 0.4, 0.06])


def test_holm_never_falls_behind_a_smaller_p():
    # 0.04 by 1 would be below 0.03 by 2.
    assert holm_correction([0.04, 0.03]) == pytest.approx([0.06, 0.06])


def test_holm_stops_at_one():
    assert holm_correction([0.6, 0.7]) == [1.0, 1.0]


def test_holm_does_not_count_tests_that_were_not_made():
    assert holm_correction([None, 0.01, None, 0.02]) == [None, 0.02, None, 0.02]
