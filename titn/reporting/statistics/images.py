"""What another draw of test images would change, and what seeds differ by on the same images."""

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

    a, b: (n, m), (l, m), on the same m images. The variance of the m means over
    seeds, less what seeds put into it (E / n of each side, which an interval has in its other
    part), divided by m; zero if that is negative. ValueError if the numbers of images differ.
    """
    means = np.asarray(a, dtype=float).mean(0)  # (m,)
    of_seeds = interaction_variance(a) / len(a) if len(a) > 1 else 0.0
    if b is not None:
        same_number_of_images(a, b)
        means = means - np.asarray(b, dtype=float).mean(0)
        of_seeds += interaction_variance(b) / len(b) if len(b) > 1 else 0.0
    m = len(means)
    return max(float(means.var(ddof=1)) - of_seeds, 0.0) / m
