"""The interval of a mean, by hand."""

import numpy as np
import pytest

from titn.reporting.statistics.intervals import Interval, mean_interval, median_interval

# A warning of numpy is an error here.
pytestmark = pytest.mark.filterwarnings("error")


def test_mean_interval_by_hand():
    # sd 0.02; t(2) = 4.3027 in the tables.
    interval = mean_interval(np.array([0.70, 0.72, 0.74]))
    half = 4.3027 * 0.02 / 3**0.5
    assert (interval.estimate, interval.low, interval.high) == pytest.approx(
        (0.72, 0.72 - half, 0.72 + half), abs=1e-6
    )


def test_median_interval_by_hand():
    # Of eleven fair coins, one head or fewer: 12 / 2^11, two-sided 1.2%; two or fewer: 6.5%.
    interval = median_interval(np.array([5.0, 1.0, 11.0, 3.0, 2.0, 8.0, 4.0, 7.0, 6.0, 10.0, 9.0]))
    assert (interval.estimate, interval.low, interval.high) == (6.0, 2.0, 10.0)


@pytest.mark.parametrize("n", [1, 5])
def test_few_values_have_no_interval_of_their_median(n):
    # Five fair coins all fall alike in one of sixteen throws.
    assert median_interval(np.arange(float(n))) is None


def test_a_lower_level_takes_its_own_quantile():
    # t(2) = 2.9200 for 90% in the tables.
    interval = mean_interval(np.array([0.70, 0.72, 0.74]), level=0.9)
    assert (interval.high - interval.low) / 2 == pytest.approx(2.92 * 0.02 / 3**0.5, abs=1e-6)


def test_one_value_has_no_interval():
    assert mean_interval(np.array([0.7])) is None


def test_equal_values_have_an_interval_without_width():
    # The mean that numpy computes of three times 0.1 is not 0.1.
    assert mean_interval(np.array([0.1] * 3)) == Interval(0.1, 0.1, 0.1)
