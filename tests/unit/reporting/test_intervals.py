"""The interval of a median, by hand, and what other intervals share."""

import numpy as np
import pytest

from titn.reporting.statistics.intervals import (
    median_interval,
    sample_variance,
    t_quantile,
)

# A warning of numpy is an error here.
pytestmark = pytest.mark.filterwarnings("error")


def test_median_interval_by_hand():
    # Of eleven fair coins, one head or fewer: 12 / 2^11, two-sided 1.2%; two or fewer: 6.5%.
    interval = median_interval(np.array([5.0, 1.0, 11.0, 3.0, 2.0, 8.0, 4.0, 7.0, 6.0, 10.0, 9.0]))
    assert (interval.estimate, interval.low, interval.high) == (6.0, 2.0, 10.0)


@pytest.mark.parametrize("n", [1, 5])
def test_few_values_have_no_interval_of_their_median(n):
    # Five fair coins all fall alike in one of sixteen throws.
    assert median_interval(np.arange(float(n))) is None


@pytest.mark.parametrize(("level", "tables"), [(0.95, 4.3027), (0.9, 2.92)])
def test_a_quantile_is_that_of_the_tables(level, tables):
    assert t_quantile(level, 2) == pytest.approx(tables, abs=1e-4)


def test_a_variance_has_the_divisor_of_a_sample():
    assert sample_variance(np.array([0.70, 0.72, 0.74])) == pytest.approx(0.02**2)


def test_equal_values_do_not_vary():
    # The mean that numpy computes of three times 0.1 is not 0.1.
    assert sample_variance(np.array([0.1] * 3)) == 0.0
