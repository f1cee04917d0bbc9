"""Dunnett's bound, against the printed tables and scipy."""

import numpy as np
import pytest
from scipy.stats import multivariate_t, t

from titn.reporting.statistics.dunnett import dunnett_quantile


@pytest.mark.parametrize(
    ("rows", "df", "printed"),
    [(2, 5, 3.03), (3, 10, 2.76), (5, 12, 2.90), (9, 20, 2.95), (4, 60, 2.51), (5, np.inf, 2.51)],
)
def test_it_is_the_printed_bound(rows, df, printed):
    # Dunnett 1964, "New tables for multiple comparisons with a control", Biometrics 20: two-sided,
    # 95% for all rows together, equal numbers.
    assert round(dunnett_quantile([3] * rows, 3, df), 2) == printed


def test_of_one_row_it_is_students():
    assert dunnett_quantile([4], 3, 7) == pytest.approx(t.ppf(0.975, 7))


def test_with_unequal_counts_all_rows_are_inside_with_the_level():
    counts, baseline, df = [2, 3, 6], 4, 9
    bound = dunnett_quantile(counts, baseline, df)
    loadings = np.sqrt([n / (n + baseline) for n in counts])
    shape = np.outer(loadings, loadings)
    np.fill_diagonal(shape, 1)
    inside = multivariate_t.cdf(
        [bound] * 3, shape=shape, df=df, lower_limit=[-bound] * 3, random_state=0
    )
    assert inside == pytest.approx(0.95, abs=5e-4)


def test_the_order_of_rows_does_not_matter():
    assert dunnett_quantile([2, 5], 3, 7) == dunnett_quantile([5, 2], 3, 7)
