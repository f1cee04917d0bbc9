"""The images' share of a variance."""

import numpy as np
import pytest

from titn.reporting.statistics.images import images_variance, interaction_variance

# Two seeds of four images: means of seeds 3/4 and 1/2, of images 1, 1/2, 1/2, 1/2.
X = np.array([[1, 1, 0, 1], [1, 0, 1, 0]], dtype=bool)


def test_the_interaction_is_what_seed_and_image_leave():
    # Residuals of the first row: -1/8, 3/8, -5/8, 3/8; of the second their opposites.
    squares = 2 * (1 + 9 + 25 + 9) / 64
    assert interaction_variance(X) == pytest.approx(squares / 3)


def test_what_seeds_put_into_the_means_of_images_is_taken_out():
    means = np.array([1, 0.5, 0.5, 0.5])
    by_hand = means.var(ddof=1) - squares_by_hand() / 2
    assert images_variance(X) == pytest.approx(max(by_hand, 0) / 4)


def squares_by_hand():
    return 2 * (1 + 9 + 25 + 9) / 64 / 3


def test_it_is_the_variance_that_other_images_give():
    # Images of which a network knows one in two, seeds that all agree: binomial, with no seeds.
    known = np.random.default_rng(0).random(4000) < 0.5
    assert images_variance(np.stack([known] * 3)) == pytest.approx(0.25 / 4000, rel=0.01)


def test_what_two_rows_have_in_common_cancels():
    rng = np.random.default_rng(0)
    known = rng.random(2000) < 0.5
    assert images_variance(np.stack([known] * 3), np.stack([known] * 2)) == 0


def test_seeds_that_guess_leave_nothing_to_images():
    # Independent guesses: all variance of an image's mean is due to its seeds.
    rng = np.random.default_rng(1)
    a, b = rng.random((3, 20_000)) < 0.5, rng.random((3, 20_000)) < 0.5
    assert images_variance(a, b) < 0.02 * (2 * 0.25 / 3 / 20_000)


def test_different_images_are_an_error():
    with pytest.raises(ValueError, match="4 images are compared with 3"):
        images_variance(X, X[:, :3])
