"""Numbers of predictions, by hand."""

import numpy as np
import pytest

from titn.reporting.statistics.predictions import (
    above_chance,
    agreement,
    confusion_counts,
    epochs_to_reach,
    mcnemar,
    mean_by_class,
    near_chance,
    recall_by_class,
)

# A warning of numpy or scipy is an error here.
pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(("top1", "expected"), [(0.1, 0.0), (0.55, 0.5), (1.0, 1.0)])
def test_above_chance_by_hand(top1, expected):
    assert above_chance(top1, 10) == pytest.approx(expected)


@pytest.mark.parametrize(("top1", "near"), [(0.05, True), (0.18, True), (0.2, False)])
def test_near_chance_is_a_tenth_of_the_way(top1, near):
    # Of ten classes: 0.1 + 0.09.
    assert near_chance(top1, 10) is near


def test_epochs_to_reach_is_the_first_at_the_threshold():
    curve = np.array([0.1, 0.5, 0.4, 0.6])
    assert epochs_to_reach(np.array([2, 4, 6, 8]), curve, 0.5) == 4


def test_an_epoch_that_was_not_evaluated_reaches_nothing():
    curve = np.array([np.nan, 0.2, np.nan, 0.6])
    assert epochs_to_reach(np.array([1, 2, 3, 4]), curve, 0.5) == 4


def test_a_curve_that_stays_below_reaches_nothing():
    assert epochs_to_reach(np.array([1, 2]), np.array([0.1, 0.2]), 0.5) is None


def test_agreement_by_hand():
    assert agreement(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 0])) == 0.75


def test_agreement_is_of_equally_many():
    with pytest.raises(ValueError, match="shape"):
        agreement(np.array([1, 2]), np.array([1]))


def test_confusion_has_true_classes_as_rows():
    counts = confusion_counts(np.array([0, 0, 0, 2]), np.array([0, 1, 1, 0]), 3)
    np.testing.assert_array_equal(counts, [[1, 2, 0], [0, 0, 0], [1, 0, 0]])


def test_a_class_beyond_the_last_is_not_counted_elsewhere():
    with pytest.raises(IndexError):
        confusion_counts(np.array([0]), np.array([3]), 3)


def test_recall_by_class_by_hand():
    recall = recall_by_class(np.array([0, 0, 0, 0, 2]), np.array([0, 1, 1, 1, 2]), 3)
    np.testing.assert_array_equal(recall, [0.25, np.nan, 1.0])


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    [(0, 0, 1.0), (3, 0, 0.25), (0, 3, 0.25), (5, 5, 1.0), (1, 5, 14 / 64)],
)
def test_mcnemar_counts_the_tails_of_a_fair_coin(only_first, only_second, expected):
    """Of six throws none, one, five or six heads have 1 + 6 + 6 + 1 of 64 outcomes."""
    assert mcnemar(only_first, only_second) == pytest.approx(expected)


def test_means_by_class_have_students_intervals():
    labels, values = np.array([0, 0, 0, 2]), np.array([1.0, 0.0, -1.0, 1.0])
    mean, low, high = mean_by_class(labels, values, 3)
    np.testing.assert_array_equal(mean, [0, np.nan, 1])
    # t of 2 degrees of freedom is 4.3027; the standard deviation is 1.
    np.testing.assert_allclose(high, [4.3027 / 3**0.5, np.nan, np.nan], rtol=1e-4)
    np.testing.assert_allclose(low, -high)
