"""The level of a row: its mean with intervals, and whether it has learned anything."""

from dataclasses import dataclass

import numpy as np

from titn.reporting.evidence.row import Row
from titn.reporting.statistics.intervals import Interval, mean_interval
from titn.reporting.statistics.predictions import near_chance
from titn.reporting.statistics.seeds_and_images import seeds_and_images_interval

# Metrics between 0 and 1.
SHARES = ("top1", "top5", "best_top1", "precision", "recall", "f1", "ece")


@dataclass(frozen=True)
class Level:
    """A row's top-1 with 95% intervals, which are None if there is one seed."""

    row: Row
    over_seeds: Interval | None
    over_seeds_and_images: Interval | None

    @property
    def mean(self) -> float | None:
        values = self.row.values("top1")
        return float(values.mean()) if len(values) else None


def row_level(row: Row) -> Level:
    over_seeds = _clipped("top1", mean_interval(row.values("top1")))
    return Level(row, over_seeds, metric_interval(row, "top1"))


def metric_interval(row: Row, metric: str) -> Interval | None:
    """95% interval of a row's metric; None with fewer than two seeds.

    For top-1 over seeds and images, and None if a record has no predictions by image. Of other
    metrics nothing is kept by image: their interval is over seeds alone.
    """
    values = row.values(metric)
    if len(values) < 2 or np.isnan(values).any():
        return None
    if metric != "top1":
        return _clipped(metric, mean_interval(values))
    if not row.has_all_samples:
        return None
    return _clipped(metric, seeds_and_images_interval(np.stack(list(row.correct.values()))))


def _clipped(metric: str, interval: Interval | None) -> Interval | None:
    """The interval cut to [0, 1] for a metric that cannot leave it: its coverage is the same."""
    if interval is None or metric not in SHARES:
        return interval
    low, high = max(interval.low, 0.0), min(interval.high, 1.0)
    return Interval(interval.estimate, low, high)


def is_near_chance(row: Row) -> bool:
    """Whether a row has hardly learned anything, so that it tells nothing about its recipe.

    False if no record says how many classes there are.
    """
    if not row.runs or row.num_classes < 2:
        return False
    return near_chance(float(row.values("top1").mean()), row.num_classes)
