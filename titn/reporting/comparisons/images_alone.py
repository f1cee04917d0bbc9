"""Intervals for other test images alone, where one seed does not tell how seeds vary."""

from collections.abc import Sequence

import numpy as np

from titn.reporting.comparisons.chance import is_near_chance
from titn.reporting.comparisons.table_model import images_share
from titn.reporting.evidence.row import Row
from titn.reporting.statistics.contrasts import modulus_quantile
from titn.reporting.statistics.intervals import Interval


def images_alone(weights: Sequence[tuple[Row, float]], together: int = 1) -> Interval | None:
    """95% interval of a weighted sum of mean top-1, for the networks as they were trained.

    weights: of each row in the sum. together: how many such intervals are to hold at once; the
    bound is Sidak's (1967), which is not too small however they correlate.

    Only where a row has one seed: of others the table's rule says more. None also if predictions by
    image are not kept or not of the same images, if nothing varies, and of differences near chance.
    """
    rows = [row for row, _ in weights]
    if not rows or all(len(row.runs) > 1 for row in rows):
        return None
    if len(rows) > 1 and any(map(is_near_chance, rows)):
        return None
    variance = images_share(weights)
    if not variance:
        return None
    estimate = sum(weight * float(row.values("top1").mean()) for row, weight in weights)
    half = modulus_quantile(together, np.inf) * variance**0.5
    return Interval(estimate, estimate - half, estimate + half)
