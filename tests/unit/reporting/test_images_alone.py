"""Intervals of rows with one seed: for other images alone, by hand."""

import pytest
from scipy.stats import norm

from titn.reporting.comparisons.differences import differences_from_baseline
from titn.reporting.comparisons.levels import row_levels

# Of 40 images the first so many are right, of seed 0.
A, B, C = [30], [14], [20]


def normal(mean: float, variance: float, level: float = 0.95) -> tuple[float, float]:
    """The interval of a mean of 40 images, whose variance over images has the divisor 40."""
    return norm.interval(level, mean, (variance * 40 / 39 / 40) ** 0.5)


def test_a_level_is_that_of_a_binomial_share(runs):
    (level,) = row_levels(runs.one(*runs.row("a", A)))
    found = level.images_alone
    assert (found.low, found.high) == pytest.approx(normal(0.75, 0.75 * 0.25))


def test_a_difference_is_paired_by_image_and_has_no_verdict(runs):
    # Sixteen images are right in the first row alone, none in the second alone.
    (one,) = differences_from_baseline(runs.one(*runs.row("a", A), *runs.row("b", B)))
    found = one.images_alone
    assert (found.low, found.high) == pytest.approx(normal(-0.4, 0.4 * 0.6))
    assert (one.interval, one.verdict) == (None, "undecided")


def test_two_rows_hold_together(runs):
    rows = [*runs.row("a", A), *runs.row("b", B), *runs.row("c", C)]
    found = differences_from_baseline(runs.one(*rows))[0].images_alone
    assert (found.low, found.high) == pytest.approx(normal(-0.4, 0.4 * 0.6, 0.95**0.5))


def test_beside_a_baseline_of_several_seeds(runs):
    # Means of images in which the seeds of the baseline differ count as they are.
    (one,) = differences_from_baseline(runs.one(*runs.row("a", [30, 30]), *runs.row("b", B)))
    assert one.images_alone.low < one.estimate < one.images_alone.high
    assert one.images_alone.estimate == pytest.approx(one.estimate)


@pytest.mark.parametrize(
    ("a", "b"),
    [([30, 31], [14, 15]), ([30], [7]), ([30], [30])],
    ids=["two seeds of both", "near chance", "nothing varies"],
)
def test_there_is_none(runs, a, b):
    (one,) = differences_from_baseline(runs.one(*runs.row("a", a), *runs.row("b", b)))
    assert one.images_alone is None


def test_there_is_none_of_images_that_were_not_kept(runs):
    (level,) = row_levels(runs.one(runs.cell("a", 0, 30, kept=False)))
    assert level.images_alone is None
