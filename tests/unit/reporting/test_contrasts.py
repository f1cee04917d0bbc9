"""Intervals of sums of rows, against special cases and an integral."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi, norm, t

from titn.reporting.statistics.contrasts import modulus_quantile, rows_contrast
from titn.reporting.statistics.images import contrast_images_variance, images_variance
from titn.reporting.statistics.rule import difference_contrast
from titn.reporting.statistics.seed_model import SeedModel

POOLED = SeedModel("pooled", (4.0,) * 3, (6.0,) * 3, (3, 3, 3))


def test_a_single_contrast_has_students_bound():
    assert modulus_quantile(1, 7.0) == pytest.approx(t.ppf(0.975, 7))


def test_with_a_known_variance_the_bound_is_sidaks():
    assert modulus_quantile(4, np.inf) == pytest.approx(norm.ppf(0.5 + 0.95**0.25 / 2))


@pytest.mark.parametrize(("together", "df"), [(2, 4.0), (10, 32.0)])
def test_the_bound_holds_all_contrasts_with_the_level(together, df):
    bound = modulus_quantile(together, df)

    def density(s: float) -> float:
        return (2 * norm.cdf(bound * s) - 1) ** together * chi.pdf(s * df**0.5, df) * df**0.5

    assert quad(density, 0, 6)[0] == pytest.approx(0.95, abs=1e-5)


def test_of_two_rows_it_is_the_rule_of_differences():
    contrast = rows_contrast(POOLED, np.array([1.0, -1.0, 0.0]), images=0.5)
    assert contrast == difference_contrast(POOLED, 0, 1, [0], images=0.5)


def test_the_variance_of_a_sum_by_hand():
    # Weights 1/2, 1/2, -1: 4 (1/4 + 1/4 + 1) / 3.
    contrast = rows_contrast(POOLED, np.array([0.5, 0.5, -1.0]), images=0.0)
    assert contrast.seeds == pytest.approx(2.0)


def test_rows_with_variances_of_their_own_have_welchs_degrees_of_freedom():
    model = SeedModel("separate", (1.0, 4.0, 9.0), (2.0, 2.0, 2.0), (3, 3, 3))
    contrast = rows_contrast(model, np.array([1.0, -1.0, 0.0]), images=0.0)
    assert contrast.df == pytest.approx((5 / 3) ** 2 / ((1 / 3) ** 2 / 2 + (4 / 3) ** 2 / 2))


def test_what_a_seed_does_to_all_rows_cancels():
    model = SeedModel("paired", (4.0,) * 2, (4.0,) * 2, (3, 3), paired=(1.5, 2.0))
    assert rows_contrast(model, np.array([1.0, -1.0]), images=0.0).seeds == pytest.approx(1.0)


def test_the_images_share_of_a_sum_by_hand():
    # One seed each: 1/2 (1 0 1) + 1/2 (1 1 0) - (0 0 1) = (1, 1/2, -1/2), of variance 7/12.
    rows = [np.array([[1, 0, 1]]), np.array([[1, 1, 0]]), np.array([[0, 0, 1]])]
    weighted = list(zip(rows, (0.5, 0.5, -1.0), strict=True))
    assert contrast_images_variance(weighted) == pytest.approx(7 / 12 / 3)


def test_the_images_share_of_a_difference_is_that_of_its_two_rows():
    a, b = np.random.default_rng(0).random((2, 3, 50)) < 0.6
    assert contrast_images_variance([(b, -1.0), (a, 1.0)]) == pytest.approx(images_variance(a, b))
