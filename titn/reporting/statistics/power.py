"""Which true difference a t test of so many seeds would find."""

from scipy.optimize import brentq
from scipy.stats import nct

from titn.reporting.statistics.intervals import satterthwaite_df, t_quantile


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

    The degrees of freedom are those of the true sd, while the test has to estimate them: exact to
    a few percent.
    """
    if min(n_a, n_b) < 2:
        return None
    parts = [(sd_a**2 / n_a, n_a - 1), (sd_b**2 / n_b, n_b - 1)]
    squared_error = sum(part for part, _ in parts)
    df = satterthwaite_df(squared_error, parts)
    return _detectable_effect(df, power, level) * squared_error**0.5


def _detectable_effect(df: float, power: float, level: float) -> float:
    """The effect d, in standard errors, at which P(T > q) = power for T ~ noncentral t(df, d).

    q is the bound of the test. The other tail, a difference found with the wrong sign, is not
    counted: at usual powers it is negligible, and `nct.cdf` is nan there.
    """
    bound = t_quantile(level, df)

    def shortfall(effect: float) -> float:
        return power - float(nct.sf(bound, df, effect))

    # The power grows with the effect: double until it suffices, then search in between.
    enough = bound
    while shortfall(enough) > 0:
        enough *= 2
    return float(brentq(shortfall, 0, enough))
