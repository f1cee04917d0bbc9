"""The detectable difference against the power of the tests."""

import numpy as np
import pytest
from scipy import stats

from titn.reporting.statistics.power import detectable_difference, detectable_difference_unpaired

# A warning of numpy or scipy is an error here.
pytestmark = pytest.mark.filterwarnings("error")


def power(effect: float, df: float, error: float, level: float) -> float:
    """That of a t test: P(effect + error Z > q error chi / sqrt(df)), by the chi's quantiles."""
    shares = (np.arange(200_000) + 0.5) / 200_000
    sd = error * np.sqrt(stats.chi2.ppf(shares, df) / df)
    bound = stats.t.ppf(0.5 + level / 2, df)
    return float(stats.norm.cdf((effect - bound * sd) / error).mean())


@pytest.mark.parametrize(
    ("n", "wanted", "level"), [(2, 0.8, 0.95), (3, 0.8, 0.95), (3, 0.5, 0.9), (20, 0.99, 0.95)]
)
def test_a_detectable_difference_is_found_with_the_power_asked_for(n, wanted, level):
    found = detectable_difference(0.01, n, wanted, level)
    assert power(found, n - 1, 0.01 / n**0.5, level) == pytest.approx(wanted, abs=1e-5)


def test_nothing_is_detectable_with_one_seed():
    assert detectable_difference(0.01, 1) is None


def test_without_spread_everything_is_detectable():
    assert detectable_difference(0.0, 3) == 0.0


def test_an_unpaired_detectable_difference_of_equal_groups_is_students():
    # Equal sd and n: the pooled t test with 2 n - 2 degrees of freedom.
    found = detectable_difference_unpaired(0.01, 3, 0.01, 3)
    assert power(found, 4, 0.01 * (2 / 3) ** 0.5, 0.95) == pytest.approx(0.8, abs=1e-5)


def test_an_unpaired_detectable_difference_is_found_by_welch():
    rng, found = np.random.default_rng(0), detectable_difference_unpaired(1, 5, 2, 8)
    a, b = rng.normal(found, 1, (20_000, 5)), rng.normal(0, 2, (20_000, 8))
    p = stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue
    assert (p < 0.05).mean() == pytest.approx(0.8, abs=0.02)


def test_without_spread_every_unpaired_difference_is_detectable():
    assert detectable_difference_unpaired(0.0, 3, 0.0, 3) == 0.0


@pytest.mark.parametrize("sizes", [(1, 3), (3, 1)])
def test_unpaired_seeds_detect_nothing_alone(sizes):
    assert detectable_difference_unpaired(0.01, sizes[0], 0.01, sizes[1]) is None
