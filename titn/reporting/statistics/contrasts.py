"""Intervals of any contrast of rows, sum_i w_i mean_i with weights that sum to zero."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from titn.reporting.statistics.dunnett import relative_deviations
from titn.reporting.statistics.intervals import LEVEL, satterthwaite_df, t_quantile
from titn.reporting.statistics.rule import Contrast
from titn.reporting.statistics.seed_model import SeedModel


def rows_contrast(
    model: SeedModel,
    weights: NDArray[np.float64],
    images: float,
    together: int = 1,
) -> Contrast:
    """Of (r,) weights of the model's rows, one of so many contrasts that hold together at LEVEL.

    The rule of differences (titn.reporting.statistics.rule) for more rows than two. With one
    variance for all rows the bound is that of the studentized maximum modulus: exact for contrasts
    that do not correlate, as the effects of a factorial design, and never too small (Sidak, 1967).
    """
    squares = np.asarray(weights) ** 2 / np.array(model.counts)
    if model.form == "separate":
        used = np.flatnonzero(squares)
        parts = [(float(squares[i] * model.variances[i]), model.counts[i] - 1) for i in used]
        seeds = sum(part for part, _ in parts)
        df = satterthwaite_df(seeds, parts)
        bounds = [t_quantile(LEVEL ** (1 / together), d) for d in (df, np.inf)]
    else:
        # In pairs, what a seed does to all rows cancels, as the weights sum to zero.
        variance, df = model.paired or (model.variances[0], model.dfs[0])
        seeds = float(variance * squares.sum())
        bounds = [modulus_quantile(together, d) for d in (df, np.inf)]
    return Contrast(seeds, images, df, *bounds)


@cache
def modulus_quantile(together: int, df: float) -> float:
    """q with P(|T_1| < q and ... and |T_k| < q) = LEVEL, for k independent normals over one s.

    The studentized maximum modulus (Tukey, 1953; tables: Stoline and Ury, 1979, Technometrics 21).
    """
    if together == 1:
        return t_quantile(LEVEL, df)
    spread, weights = relative_deviations(df)

    def excess(bound: float) -> float:
        return float(weights @ (2 * ndtr(bound * spread) - 1) ** together) - LEVEL

    bonferroni = t_quantile(1 - (1 - LEVEL) / together, df)
    return float(brentq(excess, 0.0, 1.001 * bonferroni, xtol=1e-10))
