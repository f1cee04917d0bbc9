"""The confidence interval of a median, and the quantities that other intervals and tests share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import quantile_test, t

# Of every interval here; pages say 95%.
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds of its confidence interval."""

    estimate: float
    low: float
    high: float


def median_interval(values: np.ndarray) -> Interval | None:
    """The median of (n,) values between two of them, by the sign test; None if n is below six.

    It holds for any distribution that the values share: one slow round does not move it.
    """
    found = quantile_test(values).confidence_interval(LEVEL)
    if not np.isfinite([found.low, found.high]).all():
        return None
    return Interval(float(np.median(values)), float(found.low), float(found.high))


def sample_variance(values: np.ndarray) -> float:
    """The variance with divisor n - 1 of (n,) values."""
    values = np.asarray(values, dtype=float)
    if values.min() == values.max():
        # numpy's mean of equal values may be off in the last bit (three times 0.1 is above 0.3),
        # and the variance then a tiny number instead of zero, by which a t statistic is divided.
        return 0.0
    return float(values.var(ddof=1))


def t_quantile(level: float, df: float) -> float:
    """q with P(-q < t(df) < q) = level; the normal quantile if df is infinite."""
    return float(t.ppf(0.5 + level / 2, df))


def satterthwaite_df(total: float, parts: Sequence[tuple[float, int]]) -> float:
    """total^2 / sum(v^2 / df): degrees of freedom of a total variance.

    parts: (v, df) of the independent variances whose sum is `total`. Satterthwaite 1946, "An
    approximate distribution of estimates of variance components", Biometrics Bulletin 2(6).
    Infinite if all parts are zero.
    """
    spread = sum(part**2 / df for part, df in parts)
    return total**2 / spread if spread else np.inf


def same_shape(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays; ValueError if the shapes differ, where numpy would broadcast."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(f"shape {a.shape} is compared with {b.shape}")
    return a, b


def same_number_of_images(a: np.ndarray, b: np.ndarray) -> None:
    """ValueError if (n, m) and (l, m) are not of equal m."""
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{a.shape[1]} images are compared with {b.shape[1]}")
