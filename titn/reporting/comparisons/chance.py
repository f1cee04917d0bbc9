"""Rows that have hardly learned anything."""

from titn.reporting.evidence.row import Row
from titn.reporting.statistics.predictions import near_chance


def is_near_chance(row: Row) -> bool:
    """Whether a row has hardly learned anything, so that it tells nothing about its recipe.

    False if no record says how many classes there are.
    """
    if not row.runs or row.num_classes < 2:
        return False
    return near_chance(float(row.values("top1").mean()), row.num_classes)
