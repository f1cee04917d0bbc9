"""The linear model of rows and seeds, by hand and against scipy."""

import numpy as np
import pytest
from scipy import stats

from titn.reporting.statistics.seed_model import equal_variances_p, fit_seeds

ROWS = [np.array([1.0, 2, 3]), np.array([4.0, 4, 7]), np.array([2.0, 4])]


def test_variances_are_pooled_by_their_degrees_of_freedom():
    # Sums of squares 2, 6 and 2, with 2, 2 and 1 degrees of freedom.
    model = fit_seeds(ROWS, [0, 0, 0], share_seeds=False)
    assert (model.form, model.variances, model.dfs) == ("pooled", (2.0,) * 3, (5.0,) * 3)
    assert model.counts == (3, 3, 2)


def test_bartletts_test_is_scipys():
    values = [np.array([1.0, 2, 4]), np.array([0.0, 7, 3, 9]), np.array([1.0, 1.5])]
    variances = np.array([row.var(ddof=1) for row in values])
    dfs = np.array([len(row) - 1.0 for row in values])
    assert equal_variances_p(variances, dfs) == pytest.approx(stats.bartlett(*values).pvalue)


@pytest.mark.parametrize("variances", [[1.0], [1.0, 0.0]])
def test_there_is_nothing_to_test_in_one_variance_or_beside_zero(variances):
    assert equal_variances_p(np.array(variances), np.full(len(variances), 2.0)) is None


def test_unequal_variances_stay_separate():
    values = [np.array([0.0, 1, 2]), np.array([0.0, 1, 2]), np.array([0.0, 40, 90])]
    model = fit_seeds(values, [0, 0, 0], share_seeds=True)
    assert model.form == "separate"
    assert model.variances == pytest.approx((1, 1, np.var([0, 40, 90], ddof=1)))
    assert model.dfs == (2, 2, 2)


# Row effects 0 and 10, seed effects -3, 0 and 3, and what is left: 0.1, -0.2, 0.1 and its opposite.
SHARED = [np.array([-2.9, -0.2, 3.1]), np.array([6.9, 10.2, 12.9])]


def test_what_a_seed_does_to_all_rows_cancels_in_differences():
    model = fit_seeds(SHARED, [0, 0], share_seeds=True)
    # Two rows of residuals with squares 0.06 each, and (2 - 1)(3 - 1) degrees of freedom.
    assert model.form == "paired"
    assert model.paired == pytest.approx((0.06, 2))
    # Of seeds: 2 * (9 + 0 + 9) / 2.
    assert model.seeds_p == pytest.approx(stats.f.sf(18 / 0.06, 2, 2))
    # A level still varies with the seed.
    assert model.variances == pytest.approx((np.mean([row.var(ddof=1) for row in SHARED]),) * 2)


def test_rows_of_other_seeds_are_not_paired():
    assert fit_seeds(SHARED, [0, 0], share_seeds=False).form == "pooled"


def test_seeds_without_an_effect_are_not_paired():
    model = fit_seeds([np.array([0.0, 2, 1]), np.array([5.0, 4, 6])], [0, 0], share_seeds=True)
    assert model.form == "pooled"
    assert model.seeds_p > 0.01


def test_seeds_that_agree_by_luck_have_the_least_variance():
    model = fit_seeds([np.full(3, 0.5), np.full(3, 0.7)], [1e-4, 3e-4], share_seeds=False)
    assert model.num_raised == 2
    assert model.variances == pytest.approx((2e-4, 2e-4))


def test_equal_values_do_not_vary_at_all():
    # The mean that numpy computes of three times 0.1 is not 0.1.
    assert fit_seeds([np.full(3, 0.1)] * 2, [0, 0], share_seeds=False).variances == (0.0, 0.0)
