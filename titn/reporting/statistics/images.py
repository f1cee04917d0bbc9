"""What another draw of test images would change, and what seeds differ by on the same images."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from titn.reporting.statistics.intervals import same_number_of_images

Floats = NDArray[np.float64]
Correct = NDArray[np.bool_] | Floats


def interaction_variance(correct: Correct) -> float:
    """E of x[s, j] = mean + seed s + image j + e[s, j]: the variance of e.

    correct: (n seeds, m images), n above one: right or wrong, or a difference of two such. Divided
    by m it is what a seed's accuracy varies by on these m images if no seed is better than another.
    """
    x = np.asarray(correct, dtype=float)
    residuals = x - x.mean(1, keepdims=True) - x.mean(0) + x.mean()
    n, m = x.shape
    return float((residuals**2).sum() / ((n - 1) * (m - 1)))


def images_variance(a: Correct, b: Correct | None = None) -> float:
    """The part of the variance of mean(a), or of mean(a) - mean(b), that is due to the images.

    a, b: (n, m), (l, m), on the same m images. ValueError if the numbers of images differ.
    """
    return contrast_images_variance([(a, 1.0), *([] if b is None else [(b, -1.0)])])


def contrast_images_variance(rows: Sequence[tuple[Correct, float]]) -> float:
    """The part of the variance of sum_i w_i mean(row_i) that is due to the images.

    rows: (n_i, m), on the same m images, with the weight w_i of each. The variance of the m
    weighted means over seeds, less what seeds put into it (w^2 E / n of each row, which an interval
    has in its other part), divided by m; zero if that is negative. ValueError if the numbers of
    images differ.
    """
    first = rows[0][0]
    means, of_seeds = np.zeros(np.shape(first)[1]), 0.0  # (m,)
    for row, weight in rows:
        same_number_of_images(first, row)
        means = means + weight * np.asarray(row, dtype=float).mean(0)
        of_seeds += weight**2 * interaction_variance(row) / len(row) if len(row) > 1 else 0.0
    return max(float(means.var(ddof=1)) - of_seeds, 0.0) / len(means)
