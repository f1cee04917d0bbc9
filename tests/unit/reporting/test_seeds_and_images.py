"""Intervals over seeds and images, by hand and in simulated experiments of known truth."""

import numpy as np
import pytest
from scipy import stats

from titn.reporting.statistics.intervals import Interval
from titn.reporting.statistics.seeds_and_images import (
    seeds_and_images_interval,
    seeds_and_images_interval_unpaired,
)

# A warning of numpy or scipy is an error here.
pytestmark = pytest.mark.filterwarnings("error")

# Two seeds by four images. By hand: the seeds' means are 3/4 and 1/2, so the seed part is
# (1/32) / 2 = 1/64; the images' means are 1, 1, 1/2, 0, of variance 11/64, so the image part is
# 11/256. t has the quantile 12.706 with one degree of freedom, and 1.960 with none to lose.
CORRECT = np.array([[1, 1, 1, 0], [1, 1, 0, 0]])
HALF_WIDTH = (12.706**2 / 64 + 1.960**2 * 11 / 256) ** 0.5


def half_width(interval: Interval) -> float:
    return (interval.high - interval.low) / 2


def test_over_seeds_and_images_by_hand():
    interval = seeds_and_images_interval(CORRECT)
    assert interval.estimate == 0.625
    assert half_width(interval) == pytest.approx(HALF_WIDTH, rel=0.01)


def test_a_difference_by_hand():
    # CORRECT is the difference of these two.
    a, b = np.array([[1, 1, 1, 1], [1, 1, 0, 1]]), np.array([[0, 0, 0, 1], [0, 0, 0, 1]])
    interval = seeds_and_images_interval(a, b)
    assert interval.estimate == 0.625
    assert half_width(interval) == pytest.approx(HALF_WIDTH, rel=0.01)


def test_an_unpaired_difference_by_hand():
    # The seed part of CORRECT twice, 1/32; less [1, 1, 0, 0] / 2 + [1, 0, 0, 0] / 2 the images'
    # means are 0, 1/2, 1/2, 0: 1/16 / 4.
    b = np.array([[1, 1, 0, 0], [1, 0, 0, 0]])
    interval = seeds_and_images_interval_unpaired(CORRECT, b)
    expected = (12.706**2 / 32 + 1.960**2 / 64) ** 0.5
    assert interval.estimate == 0.25
    assert half_width(interval) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("seeds", [1, 3])
def test_without_differences_between_seeds_it_is_the_binomial_interval(seeds):
    # A share of 0.8 of 500 images has variance p (1 - p) / m, and the normal quantile is 1.96.
    correct = np.tile(np.arange(500) % 5 > 0, (seeds, 1))
    interval = seeds_and_images_interval(correct)
    assert half_width(interval) == pytest.approx(1.96 * (0.8 * 0.2 / 500) ** 0.5, rel=0.01)


def test_single_seeds_differ_over_images_only():
    # Differences 1, 0, 0, 0 repeated: variance 3/16.
    a, b = np.tile([1, 1, 1, 0], (1, 100)), np.tile([0, 1, 1, 0], (1, 100))
    interval = seeds_and_images_interval_unpaired(a, b)
    assert half_width(interval) == pytest.approx(1.96 * (3 / 16 / 400) ** 0.5, rel=0.01)


def test_seeds_that_differ_alike_on_every_image_leave_the_t_interval():
    correct = np.repeat([[1], [1], [0]], 50, axis=1)
    interval = seeds_and_images_interval(correct)
    assert half_width(interval) == pytest.approx(4.3027 * (1 / 3 / 3) ** 0.5, rel=0.01)


def test_a_perfect_model_has_an_interval_without_width():
    assert seeds_and_images_interval(np.ones((3, 9), bool)) == Interval(1.0, 1.0, 1.0)


def test_the_same_input_gives_the_same_interval():
    first, second = (seeds_and_images_interval(CORRECT) for _ in range(2))
    assert first == second


def test_booleans_are_subtracted_as_numbers():
    right, wrong = np.ones((2, 3), bool), np.zeros((2, 3), bool)
    assert seeds_and_images_interval(wrong, right).estimate == -1.0


def test_other_images_are_not_compared():
    with pytest.raises(ValueError, match="4 images are compared with 1"):
        seeds_and_images_interval_unpaired(CORRECT, CORRECT[:, :1])


def test_other_seeds_are_not_paired():
    with pytest.raises(ValueError, match="shape"):
        seeds_and_images_interval(CORRECT, CORRECT[:1])


class Experiments:
    """Outcomes of two models on new seeds and new images, right where a normal sum is positive.

    The sum is an offset, a seed's effect, an image's effect and noise of variance 1; so the true
    accuracy is Phi(offset / sd of the sum).
    """

    COUNT, SEEDS, IMAGES, IMAGE_SD = 400, 3, 300, 1.0

    def __init__(self, seed_sd: float) -> None:
        self.rng, self.seed_sd = np.random.default_rng(0), seed_sd
        sd = (seed_sd**2 + self.IMAGE_SD**2 + 1) ** 0.5
        self.accuracy, self.other = stats.norm.cdf(0.7 / sd), stats.norm.cdf(0.5 / sd)

    def __iter__(self):
        for _ in range(self.COUNT):
            images = self.rng.normal(0, self.IMAGE_SD, (1, self.IMAGES))
            yield self._outcomes(0.7, images), self._outcomes(0.5, images)

    def _outcomes(self, offset: float, images: np.ndarray) -> np.ndarray:
        seeds = self.rng.normal(0, self.seed_sd, (self.SEEDS, 1))
        noise = self.rng.normal(0, 1, (self.SEEDS, self.IMAGES))
        return offset + seeds + images + noise > 0


def interval_of_a(a: np.ndarray, _: np.ndarray) -> Interval:
    return seeds_and_images_interval(a)


def interval_of_pairs(a: np.ndarray, b: np.ndarray) -> Interval:
    return seeds_and_images_interval(a, b)


def interval_of_groups(a: np.ndarray, b: np.ndarray) -> Interval:
    return seeds_and_images_interval_unpaired(a, b)


INTERVALS = pytest.mark.parametrize(
    "interval", [interval_of_a, interval_of_pairs, interval_of_groups]
)


def coverage(interval, experiments: Experiments) -> float:
    """The share of the experiments whose interval holds the truth."""
    truth = experiments.accuracy
    if interval is not interval_of_a:
        truth -= experiments.other
    found = [interval(a, b) for a, b in experiments]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


@INTERVALS
@pytest.mark.parametrize("seed_sd", [0.2, 0.6])
def test_an_interval_covers_the_truth_as_often_as_it_says(interval, seed_sd):
    # 400 experiments: a true coverage of 0.95 is seen as 0.93 or more, but once in twenty times.
    assert coverage(interval, Experiments(seed_sd)) > 0.93


@INTERVALS
def test_an_interval_covers_the_truth_where_seeds_have_no_effect(interval):
    # It errs to the safe side there: the interaction is counted twice.
    assert coverage(interval, Experiments(seed_sd=0)) > 0.95
