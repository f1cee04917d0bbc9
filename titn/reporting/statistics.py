"""The statistics that reports rest on: intervals, comparisons and counts, as pure functions.

Accuracies and differences are fractions. Nothing is drawn at random: the same input gives the same
bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct, t

NEAR_CHANCE = 0.1


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds of its confidence interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """mean(a) - mean(b), its confidence interval, and the two-sided p of no difference."""

    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Paired(Comparison):
    """A comparison by pairs. correlation: Pearson's, over the pairs; None if a side is constant.

    Pairing narrows the interval where the correlation is positive.
    """

    correlation: float | None


def mean_interval(values: np.ndarray, level: float = 0.95) -> Interval | None:
    """mean +- t(n - 1) sd / sqrt(n) of (n,) values; None below two."""
    n = len(values)
    if n < 2:
        return None
    mean, variance = _mean_and_variance(values)
    half = _t_quantile(level, n - 1) * (variance / n) ** 0.5
    return Interval(mean, mean - half, mean + half)


def welch(a: np.ndarray, b: np.ndarray, level: float = 0.95) -> Comparison | None:
    """Welch's t test of independent (n,) and (m,); None if either has fewer than two values.

    The degrees of freedom are Welch and Satterthwaite's. Where neither side varies the interval
    has no width, and p is 1 if the two are equal and 0 otherwise.
    """
    if min(len(a), len(b)) < 2:
        return None
    (mean_a, variance_a), (mean_b, variance_b) = _mean_and_variance(a), _mean_and_variance(b)
    parts = [(variance_a / len(a), len(a) - 1), (variance_b / len(b), len(b) - 1)]
    squared_error = sum(part for part, _ in parts)
    df = _satterthwaite(squared_error, parts)
    return Comparison(*_t_test(mean_a - mean_b, squared_error**0.5, df, level))


def paired(a: np.ndarray, b: np.ndarray, level: float = 0.95) -> Paired | None:
    """The t test of a - b, both (n,), entry by entry the same seed; None below two pairs.

    Where the difference is the same in all pairs the interval has no width, and p is 1 if it is
    zero and 0 otherwise. ValueError if the shapes differ.
    """
    a, b = _same_shape(a, b)
    n = len(a)
    if n < 2:
        return None
    mean, variance = _mean_and_variance(a - b)
    test = _t_test(mean, (variance / n) ** 0.5, n - 1, level)
    return Paired(*test, correlation=_correlation(a, b))


def over_seeds_and_images(
    a: np.ndarray, b: np.ndarray | None = None, level: float = 0.95
) -> Interval:
    """Mean of `a`, or of a - b, with an interval for other seeds and other test images.

    a, b: (n seeds, m images), 1 where the prediction is right; the same images and, by row, the
    same seeds. ValueError if the shapes differ.

    A bootstrap that resamples seeds and images independently (Owen 2007, "The pigeonhole
    bootstrap", Annals of Applied Statistics 1(2)). The variance of a mean over all resamples has a
    closed form, so none has to be drawn, and the numbers of a page do not jitter. Let seeds,
    images and their interaction have variances S, I and E; the mean then has S/n + I/m + E/(nm).
    The variance over resampled seeds, times n/(n - 1) because a bootstrap of n sees (n - 1)/n of
    it, is S/n + E/(nm); that over resampled images is I/m + E/(nm). Their sum, taken here, errs by
    one E/(nm) to the safe side. Departure: Owen's variance over resamples of both at once has a
    third, (n - 1)/n E/(nm), left out here.

    Each part has a quantile of its own: the half width is the root of t(n - 1)^2 times the seed
    part plus 1.96^2 times the image part. Satterthwaite's degrees of freedom for the sum would be
    narrower, but cover 0.91 with three seeds that differ far more than images: a seed part that is
    small by luck takes its own degrees of freedom away. A single seed has no seed part: the
    interval is then for other images only, and says nothing of other seeds.
    """
    if b is None:
        correct = np.asarray(a, dtype=np.int8)
    else:
        a, b = _same_shape(a, b)
        correct = a.astype(np.int8) - b.astype(np.int8)
    return _two_way(correct.mean(), [correct.mean(1)], correct.mean(0), level)


def over_seeds_and_images_unpaired(a: np.ndarray, b: np.ndarray, level: float = 0.95) -> Interval:
    """mean(a) - mean(b) as in `over_seeds_and_images`, where the two have different seeds.

    a: (n, m), b: (l, m), of the same m images, which are resampled for both at once; the seeds of
    each side are resampled on their own. A side with a single seed has no seed part. ValueError if
    the numbers of images differ.
    """
    a, b = np.asarray(a, dtype=np.int8), np.asarray(b, dtype=np.int8)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{a.shape[1]} images are compared with {b.shape[1]}")
    by_image = a.mean(0) - b.mean(0)
    return _two_way(a.mean() - b.mean(), [a.mean(1), b.mean(1)], by_image, level)


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p values, in the given order.

    The i-th smallest of m, from zero, becomes the largest of min(1, (m - j) p_j) over j <= i.
    None stands for a test that was not made: it stays None and is not counted.
    """
    ascending = sorted((value, i) for i, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, i) in enumerate(ascending):
        largest = max(largest, min(1.0, (len(ascending) - rank) * float(value)))
        adjusted[i] = largest
    return adjusted


def detectable_difference(
    sd: float, n: int, power: float = 0.8, level: float = 0.95
) -> float | None:
    """The true difference that a paired t test of n seeds finds with this power; None below two.

    To find is to have an interval that lies wholly on the true side of zero. sd: of the
    differences by seed. power: between (1 - level) / 2, which no difference at all has, and 1.
    """
    if n < 2:
        return None
    return _detectable_effect(n - 1, power, level) * sd / n**0.5


def detectable_difference_unpaired(
    sd_a: float, n_a: int, sd_b: float, n_b: int, power: float = 0.8, level: float = 0.95
) -> float | None:
    """As `detectable_difference`, for Welch's test; None if a side has fewer than two seeds.

    The degrees of freedom are those of the true sd, where the test has to estimate them: exact
    to a few percent.
    """
    if min(n_a, n_b) < 2:
        return None
    parts = [(sd_a**2 / n_a, n_a - 1), (sd_b**2 / n_b, n_b - 1)]
    squared_error = sum(part for part, _ in parts)
    df = _satterthwaite(squared_error, parts)
    return _detectable_effect(df, power, level) * squared_error**0.5


def above_chance(top1: float, num_classes: int) -> float:
    """(top1 - 1/k) / (1 - 1/k): 0 at chance, 1 at perfect."""
    return (top1 - 1 / num_classes) / (1 - 1 / num_classes)


def near_chance(top1: float, num_classes: int) -> bool:
    """Less than a tenth of the way from chance to perfect."""
    return bool(above_chance(top1, num_classes) < NEAR_CHANCE)


def epochs_to_reach(epochs: np.ndarray, curve: np.ndarray, threshold: float) -> int | None:
    """The first of (e,) epochs whose value is at least the threshold; None if none is.

    curve: (e,), nan for an epoch that was not evaluated.
    """
    reached = np.asarray(epochs)[np.asarray(curve) >= threshold]
    return int(reached.min()) if len(reached) else None


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """The share of equal entries. ValueError if the shapes differ."""
    a, b = _same_shape(a, b)
    return float((a == b).mean())


def confusion(labels: np.ndarray, predicted: np.ndarray, k: int) -> np.ndarray:
    """Counts (k, k): rows are true classes, columns predicted ones; classes from 0 to k - 1."""
    counts = np.zeros((k, k), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def recall_by_class(labels: np.ndarray, predicted: np.ndarray, k: int) -> np.ndarray:
    """The share (k,) of each class's images that are predicted as it; nan for an absent class."""
    counts = confusion(labels, predicted, k)
    images = counts.sum(1)
    return np.divide(counts.diagonal(), images, out=np.full(k, np.nan), where=images > 0)


def band(curves: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and bounds of the t interval over seeds, each (e,), of curves (seeds, e).

    nan at an epoch that a seed lacks; the bounds of a single seed are nan.
    """
    curves = np.asarray(curves, dtype=float)
    n, mean = len(curves), curves.mean(0)
    if n < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    half = _t_quantile(level, n - 1) * curves.std(0, ddof=1) / n**0.5
    return mean, mean - half, mean + half


def _mean_and_variance(values: np.ndarray) -> tuple[float, float]:
    """With n - 1; exact for equal values, whose mean would round: three times 0.1 is above 0.3."""
    values = np.asarray(values, dtype=float)
    if values.min() == values.max():
        return float(values[0]), 0.0
    return float(values.mean()), float(values.var(ddof=1))


def _same_shape(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays; ValueError where numpy would broadcast."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(f"shape {a.shape} is compared with {b.shape}")
    return a, b


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    if a.min() == a.max() or b.min() == b.max():
        return None
    return float(np.corrcoef(a, b)[0, 1])


def _t_quantile(level: float, df: float) -> float:
    """The normal quantile if df is infinite."""
    return float(t.ppf(0.5 + level / 2, df))


def _t_test(
    difference: float, standard_error: float, df: float, level: float
) -> tuple[float, float, float, float]:
    """difference, low, high, two-sided p."""
    if standard_error == 0:
        return difference, difference, difference, float(difference == 0)
    half = _t_quantile(level, df) * standard_error
    p = 2 * float(t.sf(abs(difference) / standard_error, df))
    return difference, difference - half, difference + half, p


def _satterthwaite(total: float, parts: Sequence[tuple[float, int]]) -> float:
    """total^2 / sum(v^2 / df) over the parts (v, df) of a total variance."""
    spread = sum(part**2 / df for part, df in parts)
    return total**2 / spread if spread else np.inf


def _two_way(
    estimate: float,
    by_seed: Sequence[np.ndarray],
    by_image: np.ndarray,
    level: float,
) -> Interval:
    """The interval of a mean, from the means of each independent group's seeds and of images."""
    half_squared = _t_quantile(level, np.inf) ** 2 * _resampled_variance(by_image)
    for means in by_seed:
        n = len(means)
        if n > 1:
            part = _resampled_variance(means) * n / (n - 1)
            half_squared += _t_quantile(level, n - 1) ** 2 * part
    half = half_squared**0.5
    return Interval(float(estimate), float(estimate) - half, float(estimate) + half)


def _resampled_variance(values: np.ndarray) -> float:
    """The variance of the mean of (n,) values over all resamples of them."""
    return float(values.var() / len(values))


def _detectable_effect(df: float, power: float, level: float) -> float:
    """The difference in standard errors at which the noncentral t exceeds its bound so often.

    The other tail, a difference found with the wrong sign, is not counted: at usual powers it is
    nothing, and `nct.cdf` has no number for it.
    """
    bound = _t_quantile(level, df)

    def missing(effect: float) -> float:
        return power - float(nct.sf(bound, df, effect))

    enough = bound
    while missing(enough) > 0:
        enough *= 2
    return float(brentq(missing, 0, enough))
