"""Statistics against hand calculations, scipy's tests and simulated experiments of known truth."""

import warnings

import numpy as np
import pytest
from scipy import stats

from titn.reporting import statistics
from titn.reporting.statistics import Comparison, Interval, Paired

A = np.array([0.71, 0.74, 0.69, 0.77])
B = np.array([0.66, 0.70, 0.67])
C = np.array([0.70, 0.71, 0.68, 0.72])

# Two seeds by four images. By hand: the seeds' means are 3/4 and 1/2, so the seed part is
# (1/32) / 2 = 1/64; the images' means are 1, 1, 1/2, 0, of variance 11/64, so the image part is
# 11/256. t has the quantile 12.706 with one degree of freedom, and 1.960 with none to lose.
CORRECT = np.array([[1, 1, 1, 0], [1, 1, 0, 0]])
HALF_WIDTH = (12.706**2 / 64 + 1.960**2 * 11 / 256) ** 0.5


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def half_width(interval: Interval) -> float:
    return (interval.high - interval.low) / 2


# One mean


def test_mean_interval_by_hand():
    # sd 0.02; t(2) = 4.3027 in the tables.
    interval = statistics.mean_interval(np.array([0.70, 0.72, 0.74]))
    half = 4.3027 * 0.02 / 3**0.5
    assert (interval.estimate, interval.low, interval.high) == pytest.approx(
        (0.72, 0.72 - half, 0.72 + half), abs=1e-6
    )


def test_a_lower_level_takes_its_own_quantile():
    # t(2) = 2.9200 for 90% in the tables.
    interval = statistics.mean_interval(np.array([0.70, 0.72, 0.74]), level=0.9)
    assert half_width(interval) == pytest.approx(2.92 * 0.02 / 3**0.5, abs=1e-6)


def test_one_value_has_no_interval():
    assert statistics.mean_interval(np.array([0.7])) is None


def test_equal_values_have_an_interval_without_width():
    # The mean that numpy computes of three times 0.1 is not 0.1.
    assert statistics.mean_interval(np.array([0.1] * 3)) == Interval(0.1, 0.1, 0.1)


# Two means


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_welch_is_scipys(level):
    ours, theirs = statistics.welch(A, B, level), stats.ttest_ind(A, B, equal_var=False)
    interval = theirs.confidence_interval(level)
    assert (ours.difference, ours.low, ours.high, ours.p) == pytest.approx(
        (A.mean() - B.mean(), interval.low, interval.high, theirs.pvalue), rel=1e-10
    )


def test_welch_against_a_side_that_does_not_vary_is_the_test_of_one_sample():
    theirs = stats.ttest_1samp(A, 0.5)
    assert statistics.welch(A, np.array([0.5] * 2)).p == pytest.approx(theirs.pvalue, rel=1e-10)


@pytest.mark.parametrize("sizes", [(1, 3), (3, 1)])
def test_welch_needs_two_of_each(sizes):
    assert statistics.welch(A[: sizes[0]], A[: sizes[1]]) is None


def test_welch_of_equal_constants_finds_nothing():
    # 0.1 three times and four times: means that numpy rounds differently.
    found = statistics.welch(np.array([0.1] * 3), np.array([0.1] * 4))
    assert found == Comparison(difference=0.0, low=0.0, high=0.0, p=1.0)


def test_welch_of_different_constants_is_sure():
    found = statistics.welch(np.array([0.75] * 3), np.array([0.5] * 2))
    assert found == Comparison(difference=0.25, low=0.25, high=0.25, p=0.0)


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_paired_is_scipys(level):
    ours, theirs = statistics.paired(A, C, level), stats.ttest_rel(A, C)
    interval = theirs.confidence_interval(level)
    assert (ours.difference, ours.low, ours.high, ours.p) == pytest.approx(
        ((A - C).mean(), interval.low, interval.high, theirs.pvalue), rel=1e-10
    )


def test_the_correlation_of_pairs_is_pearsons():
    assert statistics.paired(A, C).correlation == pytest.approx(stats.pearsonr(A, C).statistic)


def test_pairs_with_a_constant_side_have_no_correlation():
    assert statistics.paired(A, np.array([0.1] * 4)).correlation is None


def test_paired_needs_two_pairs():
    assert statistics.paired(A[:1], C[:1]) is None


def test_pairs_that_are_equal_differ_by_nothing():
    found = statistics.paired(np.array([0.25, 0.5]), np.array([0.25, 0.5]))
    assert found == Paired(0.0, 0.0, 0.0, p=1.0, correlation=pytest.approx(1.0))


def test_pairs_that_all_differ_alike_differ_surely():
    found = statistics.paired(np.array([0.5, 0.75]), np.array([0.25, 0.5]))
    assert found == Paired(0.25, 0.25, 0.25, p=0.0, correlation=pytest.approx(1.0))


def test_one_value_is_not_paired_with_many():
    with pytest.raises(ValueError, match="shape"):
        statistics.paired(A, C[:1])


# Seeds and images


def test_over_seeds_and_images_by_hand():
    interval = statistics.over_seeds_and_images(CORRECT)
    assert interval.estimate == 0.625
    assert half_width(interval) == pytest.approx(HALF_WIDTH, rel=0.01)


def test_a_difference_by_hand():
    # CORRECT is the difference of these two.
    a, b = np.array([[1, 1, 1, 1], [1, 1, 0, 1]]), np.array([[0, 0, 0, 1], [0, 0, 0, 1]])
    interval = statistics.over_seeds_and_images(a, b)
    assert interval.estimate == 0.625
    assert half_width(interval) == pytest.approx(HALF_WIDTH, rel=0.01)


def test_an_unpaired_difference_by_hand():
    # The seed part of CORRECT twice, 1/32; less [1, 1, 0, 0] / 2 + [1, 0, 0, 0] / 2 the images'
    # means are 0, 1/2, 1/2, 0: 1/16 / 4.
    b = np.array([[1, 1, 0, 0], [1, 0, 0, 0]])
    interval = statistics.over_seeds_and_images_unpaired(CORRECT, b)
    expected = (12.706**2 / 32 + 1.960**2 / 64) ** 0.5
    assert interval.estimate == 0.25
    assert half_width(interval) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("seeds", [1, 3])
def test_without_differences_between_seeds_it_is_the_binomial_interval(seeds):
    # A share of 0.8 of 500 images has variance p (1 - p) / m, and the normal quantile is 1.96.
    correct = np.tile(np.arange(500) % 5 > 0, (seeds, 1))
    interval = statistics.over_seeds_and_images(correct)
    assert half_width(interval) == pytest.approx(1.96 * (0.8 * 0.2 / 500) ** 0.5, rel=0.01)


def test_single_seeds_differ_over_images_only():
    # Differences 1, 0, 0, 0 repeated: variance 3/16.
    a, b = np.tile([1, 1, 1, 0], (1, 100)), np.tile([0, 1, 1, 0], (1, 100))
    interval = statistics.over_seeds_and_images_unpaired(a, b)
    assert half_width(interval) == pytest.approx(1.96 * (3 / 16 / 400) ** 0.5, rel=0.01)


def test_seeds_that_differ_alike_on_every_image_leave_the_t_interval():
    correct = np.repeat([[1], [1], [0]], 50, axis=1)
    interval = statistics.over_seeds_and_images(correct)
    assert half_width(interval) == pytest.approx(4.3027 * (1 / 3 / 3) ** 0.5, rel=0.01)


def test_a_perfect_model_has_an_interval_without_width():
    assert statistics.over_seeds_and_images(np.ones((3, 9), bool)) == Interval(1.0, 1.0, 1.0)


def test_the_same_input_gives_the_same_interval():
    first, second = (statistics.over_seeds_and_images(CORRECT) for _ in range(2))
    assert first == second


def test_booleans_are_subtracted_as_numbers():
    right, wrong = np.ones((2, 3), bool), np.zeros((2, 3), bool)
    assert statistics.over_seeds_and_images(wrong, right).estimate == -1.0


def test_other_images_are_not_compared():
    with pytest.raises(ValueError, match="4 images are compared with 1"):
        statistics.over_seeds_and_images_unpaired(CORRECT, CORRECT[:, :1])


def test_other_seeds_are_not_paired():
    with pytest.raises(ValueError, match="shape"):
        statistics.over_seeds_and_images(CORRECT, CORRECT[:1])


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
    return statistics.over_seeds_and_images(a)


def interval_of_pairs(a: np.ndarray, b: np.ndarray) -> Interval:
    return statistics.over_seeds_and_images(a, b)


def interval_of_groups(a: np.ndarray, b: np.ndarray) -> Interval:
    return statistics.over_seeds_and_images_unpaired(a, b)


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


# Many tests, and few seeds


def test_holm_by_hand():
    # Ascending 0.01, 0.02, 0.03, 0.4 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.4.
    assert statistics.holm([0.03, 0.01, 0.4, 0.02]) == pytest.approx([0.06, 0.04, 0.4, 0.06])


def test_holm_never_falls_behind_a_smaller_p():
    # 0.04 by 1 would be below 0.03 by 2.
    assert statistics.holm([0.04, 0.03]) == pytest.approx([0.06, 0.06])


def test_holm_stops_at_one():
    assert statistics.holm([0.6, 0.7]) == [1.0, 1.0]


def test_holm_does_not_count_tests_that_were_not_made():
    assert statistics.holm([None, 0.01, None, 0.02]) == [None, 0.02, None, 0.02]


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
    found = statistics.detectable_difference(0.01, n, wanted, level)
    assert power(found, n - 1, 0.01 / n**0.5, level) == pytest.approx(wanted, abs=1e-5)


def test_nothing_is_detectable_with_one_seed():
    assert statistics.detectable_difference(0.01, 1) is None


def test_without_spread_everything_is_detectable():
    assert statistics.detectable_difference(0.0, 3) == 0.0


def test_an_unpaired_detectable_difference_of_equal_groups_is_students():
    # Equal sd and n: the pooled t test with 2 n - 2 degrees of freedom.
    found = statistics.detectable_difference_unpaired(0.01, 3, 0.01, 3)
    assert power(found, 4, 0.01 * (2 / 3) ** 0.5, 0.95) == pytest.approx(0.8, abs=1e-5)


def test_an_unpaired_detectable_difference_is_found_by_welch():
    rng, found = np.random.default_rng(0), statistics.detectable_difference_unpaired(1, 5, 2, 8)
    a, b = rng.normal(found, 1, (20_000, 5)), rng.normal(0, 2, (20_000, 8))
    p = stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue
    assert (p < 0.05).mean() == pytest.approx(0.8, abs=0.02)


def test_without_spread_every_unpaired_difference_is_detectable():
    assert statistics.detectable_difference_unpaired(0.0, 3, 0.0, 3) == 0.0


@pytest.mark.parametrize("sizes", [(1, 3), (3, 1)])
def test_unpaired_seeds_detect_nothing_alone(sizes):
    assert statistics.detectable_difference_unpaired(0.01, sizes[0], 0.01, sizes[1]) is None


# Accuracies and classes


@pytest.mark.parametrize(("top1", "expected"), [(0.1, 0.0), (0.55, 0.5), (1.0, 1.0)])
def test_above_chance_by_hand(top1, expected):
    assert statistics.above_chance(top1, 10) == pytest.approx(expected)


@pytest.mark.parametrize(("top1", "near"), [(0.05, True), (0.18, True), (0.2, False)])
def test_near_chance_is_a_tenth_of_the_way(top1, near):
    # Of ten classes: 0.1 + 0.09.
    assert statistics.near_chance(top1, 10) is near


def test_epochs_to_reach_is_the_first_at_the_threshold():
    curve = np.array([0.1, 0.5, 0.4, 0.6])
    assert statistics.epochs_to_reach(np.array([2, 4, 6, 8]), curve, 0.5) == 4


def test_an_epoch_that_was_not_evaluated_reaches_nothing():
    curve = np.array([np.nan, 0.2, np.nan, 0.6])
    assert statistics.epochs_to_reach(np.array([1, 2, 3, 4]), curve, 0.5) == 4


def test_a_curve_that_stays_below_reaches_nothing():
    assert statistics.epochs_to_reach(np.array([1, 2]), np.array([0.1, 0.2]), 0.5) is None


def test_agreement_by_hand():
    assert statistics.agreement(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 0])) == 0.75


def test_agreement_is_of_equally_many():
    with pytest.raises(ValueError, match="shape"):
        statistics.agreement(np.array([1, 2]), np.array([1]))


def test_confusion_has_true_classes_as_rows():
    counts = statistics.confusion(np.array([0, 0, 0, 2]), np.array([0, 1, 1, 0]), 3)
    np.testing.assert_array_equal(counts, [[1, 2, 0], [0, 0, 0], [1, 0, 0]])


def test_a_class_beyond_the_last_is_not_counted_elsewhere():
    with pytest.raises(IndexError):
        statistics.confusion(np.array([0]), np.array([3]), 3)


def test_recall_by_class_by_hand():
    recall = statistics.recall_by_class(np.array([0, 0, 0, 0, 2]), np.array([0, 1, 1, 1, 2]), 3)
    np.testing.assert_array_equal(recall, [0.25, np.nan, 1.0])


# Curves


def test_band_is_the_t_interval_of_each_epoch():
    # Epochs of sd 0.02 and 0.1; t(2) = 4.3027 in the tables.
    curves = np.array([[0.70, 0.4], [0.72, 0.5], [0.74, 0.6]])
    half = 4.3027 * np.array([0.02, 0.1]) / 3**0.5
    mean = np.array([0.72, 0.5])
    for found, expected in zip(
        statistics.band(curves), (mean, mean - half, mean + half), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_band_of_one_seed_has_a_mean_only():
    mean, low, high = statistics.band(np.array([[0.1, 0.2]]))
    np.testing.assert_array_equal([mean, low, high], [[0.1, 0.2], [np.nan] * 2, [np.nan] * 2])


def test_a_band_is_nan_where_a_seed_was_not_evaluated():
    _, low, _ = statistics.band(np.array([[np.nan, 0.2], [0.1, 0.2]]))
    np.testing.assert_array_equal(np.isnan(low), [True, False])
