"""t tests of a difference between two rows of seeds, and the correction for many of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from titn.reporting.statistics.intervals import (
    mean_and_variance,
    same_shape,
    satterthwaite_df,
    t_quantile,
)


@dataclass(frozen=True)
class Comparison:
    """mean(a) - mean(b), its confidence interval, and the two-sided p of no difference."""

    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class PairedComparison(Comparison):
    """A comparison by pairs. correlation: Pearson's, over the pairs; None if a side is constant.

    Pairing narrows the interval where the correlation is positive.
    """

    correlation: float | None


def welch_test(a: np.ndarray, b: np.ndarray, level: float = 0.95) -> Comparison | None:
    """Welch's t test of independent (n,) and (m,); None if either has fewer than two values.

        (mean(a) - mean(b)) / sqrt(var(a) / n + var(b) / m)

    with Satterthwaite's degrees of freedom (Welch 1947, Biometrika 34). Each side keeps its own
    variance: rows of an ablation often differ in how much their seeds vary, a row that learns
    badly most of all, and a pooled variance would then be wrong for both.

    If neither side varies, the interval has no width, and p is 1 if the two are equal and 0
    otherwise.
    """
    if min(len(a), len(b)) < 2:
        return None
    (mean_a, variance_a), (mean_b, variance_b) = mean_and_variance(a), mean_and_variance(b)
    # Squared standard errors of the two means; their sum is that of the difference.
    parts = [(variance_a / len(a), len(a) - 1), (variance_b / len(b), len(b) - 1)]
    squared_error = sum(part for part, _ in parts)
    df = satterthwaite_df(squared_error, parts)
    return Comparison(*_t_test(mean_a - mean_b, squared_error**0.5, df, level))


def paired_test(a: np.ndarray, b: np.ndarray, level: float = 0.95) -> PairedComparison | None:
    """The t test of a - b, both (n,), entry by entry the same seed; None below two pairs.

    Two cells of one seed see the same views in the same order, so that part of what a seed changes
    cancels in their difference.

    If the difference is the same in all pairs, the interval has no width, and p is 1 if it is zero
    and 0 otherwise. ValueError if the shapes differ.
    """
    a, b = same_shape(a, b)
    n = len(a)
    if n < 2:
        return None
    mean, variance = mean_and_variance(a - b)
    test = _t_test(mean, (variance / n) ** 0.5, n - 1, level)
    return PairedComparison(*test, correlation=_correlation(a, b))


def holm_correction(p: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p values, in the given order.

    The i-th smallest of m, counted from zero, becomes the largest of min(1, (m - j) p_j) over
    j <= i. The chance of any false finding among the m tests is then at most the level that the
    adjusted p is compared with (Holm 1979, Scandinavian Journal of Statistics 6).

    None stands for a test that was not made: it stays None and is not counted.
    """
    ascending = sorted((value, i) for i, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, i) in enumerate(ascending):
        # A larger p never gets a smaller adjusted one than the test before it.
        largest = max(largest, min(1.0, (len(ascending) - rank) * float(value)))
        adjusted[i] = largest
    return adjusted


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    if a.min() == a.max() or b.min() == b.max():
        return None
    return float(np.corrcoef(a, b)[0, 1])


def _t_test(
    difference: float, standard_error: float, df: float, level: float
) -> tuple[float, float, float, float]:
    """difference, low, high, two-sided p."""
    if standard_error == 0:
        return difference, difference, difference, float(difference == 0)
    half = t_quantile(level, df) * standard_error
    p = 2 * float(t.sf(abs(difference) / standard_error, df))
    return difference, difference - half, difference + half, p
