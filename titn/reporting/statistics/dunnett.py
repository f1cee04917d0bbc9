"""Dunnett's bound: many rows against one baseline, with one chance of error for all together."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import chi2

from titn.reporting.statistics.intervals import LEVEL, t_quantile

# Nodes of the two integrals: the bound then agrees with the printed tables in all their digits.
NODES = 64


def dunnett_quantile(counts: Sequence[int], baseline_count: int, df: float) -> float:
    """q with P(|T_1| < q and ... and |T_k| < q) = LEVEL.

    T_i is the t statistic of row i against the baseline, when nothing differs: the rows share the
    baseline's mean and one estimate of the variance, with df degrees of freedom (infinite: a
    variance that is known). counts: seeds of the k rows. Dunnett 1955, "A multiple comparison
    procedure for comparing several treatments with a control", JASA 50.
    """
    return _quantile(tuple(sorted(counts)), baseline_count, float(df))


@cache
def _quantile(counts: tuple[int, ...], baseline_count: int, df: float) -> float:
    if len(counts) == 1:
        return t_quantile(LEVEL, df)
    spread, weights = relative_deviations(df)

    def excess(bound: float) -> float:
        inside = _probability_within(bound * spread, counts, baseline_count)
        return float(weights @ inside) - LEVEL

    # Bonferroni's bound is never too small.
    bonferroni = t_quantile(1 - (1 - LEVEL) / len(counts), df)
    return float(brentq(excess, 0.0, 1.001 * bonferroni, xtol=1e-10))


def _probability_within(
    bounds: NDArray[np.float64], counts: tuple[int, ...], baseline_count: int
) -> NDArray[np.float64]:
    """P(|Z_1| < b and ... and |Z_k| < b) for each of (s,) bounds b, Z normal of variance one.

    What row i and the baseline share, Z_i = l_i Z + sqrt(1 - l_i^2) X_i with independent X_i and
    l_i^2 = n_i / (n_i + n_0), makes one integral over Z of what would be k of them.
    """
    shared, weights = hermegauss(NODES)
    weights = weights / weights.sum()
    inside = np.ones((len(bounds), NODES))
    for count in counts:
        loading = (count / (count + baseline_count)) ** 0.5
        own = (1 - loading**2) ** 0.5
        upper = (loading * shared + bounds[:, None]) / own  # (s, nodes)
        lower = (loading * shared - bounds[:, None]) / own
        inside *= ndtr(upper) - ndtr(lower)
    return inside @ weights


def relative_deviations(df: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values (s,) of s / sigma and their weights, which sum to 1; s^2 estimates sigma^2."""
    if np.isinf(df):
        return np.ones(1), np.ones(1)
    nodes, weights = leggauss(NODES)  # on (-1, 1): probabilities of the chi-square distribution
    return np.sqrt(chi2.ppf((nodes + 1) / 2, df) / df), weights / 2
