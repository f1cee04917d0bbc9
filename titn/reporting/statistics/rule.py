"""The rule of all tables: an interval for other seeds and other test images, and its power.

    (a - b) +- sqrt(q^2 seeds + z^2 images)

seeds: the variance of a - b that seeds give it, estimated with df degrees of freedom; q: Dunnett's
bound for that df, or Student's where a row stands alone. images: the variance that the choice of
test images gives it; z: the same bound for a variance that is known, which with a hundred images
or more it is nearly. Each part has a bound of its own: with the few degrees of freedom of the
first, one bound for the sum would be too narrow where seeds differ most.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import chi2

from titn.reporting.statistics.dunnett import dunnett_quantile
from titn.reporting.statistics.intervals import LEVEL, Interval, satterthwaite_df, t_quantile
from titn.reporting.statistics.seed_model import SeedModel


@dataclass(frozen=True)
class Contrast:
    """How well a difference, or a level, is known: the two variances with their bounds."""

    seeds: float
    images: float
    df: float
    seeds_bound: float
    images_bound: float

    @property
    def half_width(self) -> float:
        return self._half_width(1.0)

    def _half_width(self, ratio: float) -> float:
        """ratio: of the estimate of the variance of seeds to its true value."""
        squared = self.seeds_bound**2 * ratio * self.seeds + self.images_bound**2 * self.images
        return float(squared**0.5)

    def interval(self, estimate: float) -> Interval:
        return Interval(estimate, estimate - self.half_width, estimate + self.half_width)

    def detectable(self, power: float = 0.8) -> float | None:
        """The true difference that the rule finds with this power; None if nothing varies.

        To find is to have an interval on the true side of zero. The variances are taken for the
        true ones; the rule has to estimate the first anew.
        """
        deviation = (self.seeds + self.images) ** 0.5
        if deviation == 0:
            return None
        nodes, weights = leggauss(64)
        ratios = chi2.ppf((nodes + 1) / 2, self.df) / self.df
        halves = np.array([self._half_width(ratio) for ratio in ratios])

        def shortfall(difference: float) -> float:
            return power - float(weights / 2 @ ndtr((difference - halves) / deviation))

        return float(brentq(shortfall, 0.0, 10 * self.half_width + 10 * deviation))


def level_contrast(model: SeedModel, row: int, images: float) -> Contrast:
    """Of the mean of one row; no correction for the number of rows."""
    df = model.dfs[row]
    bounds = (t_quantile(LEVEL, d) for d in (df, np.inf))
    return Contrast(model.variances[row] / model.counts[row], images, df, *bounds)


def difference_contrast(
    model: SeedModel,
    row: int,
    baseline: int,
    compared: Sequence[int],
    images: float,
) -> Contrast:
    """Of row less baseline, one of `compared` rows that are held against it, all at LEVEL together.

    With one variance for all rows the bound is Dunnett's. With separate ones it is Welch's test
    at the level of Sidak's correction, 1 - (1 - level)^(1/k).
    """
    pair = (row, baseline)
    if model.form == "separate":
        parts = [model.variances[i] / model.counts[i] for i in pair]
        seeds = sum(parts)
        own = [(part, model.counts[i] - 1) for part, i in zip(parts, pair, strict=True)]
        df = satterthwaite_df(seeds, own)
        each = LEVEL ** (1 / len(compared))
        bounds = [t_quantile(each, d) for d in (df, np.inf)]
    else:
        variance, df = model.paired or (model.variances[row], model.dfs[row])
        seeds = sum(variance / model.counts[i] for i in pair)
        counts = [model.counts[i] for i in compared]
        n = model.counts[baseline]
        bounds = [dunnett_quantile(counts, n, d) for d in (df, np.inf)]
    return Contrast(seeds, images, df, *bounds)
