"""How much seeds vary: one linear model of all rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, f

from titn.reporting.statistics.intervals import sample_variance

Floats = NDArray[np.float64]

# Variances count as unequal below this p of Bartlett's test.
UNEQUAL = 0.05
# Seeds count as having an effect that all rows share below this p of the F test.
SHARED = 0.01


@dataclass(frozen=True)
class SeedModel:
    """The variance of one seed in each of r rows, as a table's model has it.

    form: "pooled" (all rows share one variance), "paired" (they also share what a seed does to
    all of them, which cancels in differences), "separate" (variances differ: each row has its own).
    variances, dfs: (r,), of the level of a row; equal but in the last form. paired: variance and
    degrees of freedom of differences in the second form, else None. counts: (r,) seeds.
    variances_p: of Bartlett's test that variances are equal; seeds_p: of the F test that seeds do
    the same to all rows. None where there was nothing to test. num_raised: the rows whose
    seeds agree more closely than by luck, and whose variance was raised to that.
    """

    form: Literal["pooled", "paired", "separate"]
    variances: tuple[float, ...]
    dfs: tuple[float, ...]
    counts: tuple[int, ...]
    variances_p: float | None = None
    seeds_p: float | None = None
    paired: tuple[float, float] | None = None
    num_raised: int = 0


def fit_seeds(values: Sequence[Floats], floors: Sequence[float], share_seeds: bool) -> SeedModel:
    """The model of r rows of (n,) values, two or more in each.

    share_seeds: whether all rows have the same seeds, in the same order. floors: (r,) least
    variances: what a seed's accuracy varies by on these images if no seed is better than another.
    Seeds that agree by luck do not show that seeds do not vary.
    """
    dfs = np.array([len(row) - 1 for row in values], dtype=float)
    own = np.array([sample_variance(row) for row in values])
    num_raised = int(np.sum(own < floors))
    own = np.maximum(own, floors)
    counts = tuple(len(row) for row in values)
    variances_p = equal_variances_p(own, dfs)
    if variances_p is not None and variances_p < UNEQUAL:
        return SeedModel(
            "separate", tuple(own), tuple(dfs), counts, variances_p, num_raised=num_raised
        )
    r, df = len(values), float(dfs.sum())
    pooled = SeedModel(
        "pooled",
        (float(own @ dfs / df),) * r,
        (df,) * r,
        counts,
        variances_p=variances_p,
        num_raised=num_raised,
    )
    if not share_seeds or r < 2 or len(values[0]) < 3:
        return pooled
    seeds_p, variance, paired_df = _without_seeds(np.stack(values))
    if seeds_p >= SHARED:
        return replace(pooled, seeds_p=seeds_p)
    variance = max(variance, float(np.mean(floors)))
    return replace(pooled, form="paired", seeds_p=seeds_p, paired=(variance, paired_df))


def equal_variances_p(variances: Floats, dfs: Floats) -> float | None:
    """Bartlett's test (1937) of (r,) variances: the p of them being equal; None for fewer than two.

    Also None if one of them is zero: of nothing there is no ratio.
    """
    if len(variances) < 2 or not np.all(variances > 0):
        return None
    total = dfs.sum()
    pooled = variances @ dfs / total
    statistic = total * np.log(pooled) - dfs @ np.log(variances)
    correction = 1 + ((1 / dfs).sum() - 1 / total) / (3 * (len(dfs) - 1))
    return float(chi2.sf(max(statistic, 0.0) / correction, len(dfs) - 1))


def _without_seeds(values: Floats) -> tuple[float, float, float]:
    """Of (r, n) values of the same n seeds: p of no effect of seeds, residual variance, its df."""
    r, n = values.shape
    effects = values.mean(0) - values.mean()  # (n,)
    residuals = values - values.mean(1, keepdims=True) - effects
    df = float((r - 1) * (n - 1))
    residual = float((residuals**2).sum() / df)
    of_seeds = float(r * (effects**2).sum() / (n - 1))
    if residual == 0:
        return (1.0 if of_seeds == 0 else 0.0), residual, df
    return float(f.sf(of_seeds / residual, n - 1, df)), residual, df
