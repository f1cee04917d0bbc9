"""Intervals of accuracies for other seeds and other test images at once."""

from collections.abc import Sequence

import numpy as np

from titn.reporting.statistics.intervals import Interval, same_shape, t_quantile


def seeds_and_images_interval(
    a: np.ndarray, b: np.ndarray | None = None, level: float = 0.95
) -> Interval:
    """Mean of `a`, or of a - b, with an interval for other seeds and other test images.

    a, b: (n seeds, m images), 1 where the prediction is right; the same images and, by row, the
    same seeds. ValueError if the shapes differ.

    Seeds that agree to the last digit still say nothing of other test images: an interval over
    seeds alone would have no width. So both are resampled.

    A bootstrap that resamples seeds and images independently (Owen 2007, "The pigeonhole
    bootstrap", Annals of Applied Statistics 1(2)). The variance of a mean over all resamples has a
    closed form, so none has to be drawn, and the numbers of a page do not jitter. Let seeds,
    images and their interaction have variances S, I and E; the mean then has the variance

        S/n + I/m + E/(nm).

    The variance over resampled seeds, times n/(n - 1) because a bootstrap of n sees (n - 1)/n of
    it, is S/n + E/(nm); that over resampled images is I/m + E/(nm). Their sum, taken here, errs by
    one E/(nm) to the safe side. Departure: Owen's variance over resamples of both at once has a
    third term, (n - 1)/n E/(nm), left out here.

    Each part has a quantile of its own: the half width is the root of t(n - 1)^2 times the seed
    part plus 1.96^2 times the image part. Satterthwaite's degrees of freedom for the sum would be
    narrower, but cover 0.91 with three seeds that differ far more than images: a seed part that is
    small by luck takes its own degrees of freedom away. A single seed has no seed part: the
    interval is then for other images only, and says nothing of other seeds.
    """
    if b is None:
        correct = np.asarray(a, dtype=np.int8)
    else:
        a, b = same_shape(a, b)
        # Booleans cannot be subtracted.
        correct = a.astype(np.int8) - b.astype(np.int8)
    # (n, m) -> (n,) means of seeds, (m,) means of images
    return _two_way_interval(correct.mean(), [correct.mean(1)], correct.mean(0), level)


def seeds_and_images_interval_unpaired(
    a: np.ndarray, b: np.ndarray, level: float = 0.95
) -> Interval:
    """mean(a) - mean(b) as in `seeds_and_images_interval`, where the two have different seeds.

    a: (n, m), b: (l, m), of the same m images, which are resampled for both at once; the seeds of
    each side are resampled on their own. A side with a single seed has no seed part. ValueError if
    the numbers of images differ.
    """
    a, b = np.asarray(a, dtype=np.int8), np.asarray(b, dtype=np.int8)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{a.shape[1]} images are compared with {b.shape[1]}")
    by_image = a.mean(0) - b.mean(0)  # (m,)
    return _two_way_interval(a.mean() - b.mean(), [a.mean(1), b.mean(1)], by_image, level)


def _two_way_interval(
    estimate: float, by_seed: Sequence[np.ndarray], by_image: np.ndarray, level: float
) -> Interval:
    """sqrt(z^2 var(images) + sum over groups of t(n - 1)^2 var(seeds)) on both sides.

    by_seed: for each independent group of seeds their means, (n,). by_image: (m,) means, or
    differences of means, of images.
    """
    half_squared = t_quantile(level, np.inf) ** 2 * _resampled_variance(by_image)
    for means in by_seed:
        n = len(means)
        if n > 1:
            # n / (n - 1): see above.
            part = _resampled_variance(means) * n / (n - 1)
            half_squared += t_quantile(level, n - 1) ** 2 * part
    half = half_squared**0.5
    return Interval(float(estimate), float(estimate) - half, float(estimate) + half)


def _resampled_variance(values: np.ndarray) -> float:
    """The variance of the mean of (n,) values over all resamples of them: with divisor n."""
    return float(values.var() / len(values))
