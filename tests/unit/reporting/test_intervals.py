"""The interval of a mean, by hand."""

import numpy as np
import pytest

from titn.reporting.statistics.intervals import Interval, mean_interval

# A warning of numpy is an error here.
pytestmark = pytest.mark.filterwarnings("error")


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
