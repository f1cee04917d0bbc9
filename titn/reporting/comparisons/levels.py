"""The level of a row: its mean with an interval."""

from dataclasses import dataclass

from titn.reporting.comparisons.images_alone import images_alone
from titn.reporting.comparisons.table_model import TableModel, table_model
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.statistics.intervals import Interval

# Metrics between 0 and 1.
SHARES = ("top1", "top5", "best_top1", "precision", "recall", "f1", "ece")


@dataclass(frozen=True)
class Level:
    """A row's top-1.

    interval: 95%, for other seeds and other test images; None with one seed, or if a record has no
    predictions by image. images_alone: with one seed, for other test images only; else None.
    """

    row: Row
    interval: Interval | None
    images_alone: Interval | None = None

    @property
    def mean(self) -> float | None:
        values = self.row.values("top1")
        return float(values.mean()) if len(values) else None


def row_levels(evidence: Evidence) -> list[Level]:
    """Of every recorded row."""
    model = table_model(evidence)
    return [
        Level(row, _interval(model, row), _within_shares(images_alone([(row, 1.0)])))
        for row in evidence.recorded
    ]


def metric_interval(evidence: Evidence, row: Row, metric: str) -> Interval | None:
    """95% interval of a row's metric, by the table's rule; None as in `Level`.

    Only top-1 is kept by image: the interval of other metrics is for other seeds alone.
    """
    return _interval(table_model(evidence, metric), row)


def _interval(model: TableModel, row: Row) -> Interval | None:
    contrast = model.level(row)
    if contrast is None:
        return None
    interval = contrast.interval(float(row.values(model.metric).mean()))
    return _within_shares(interval) if model.metric in SHARES else interval


def _within_shares(interval: Interval | None) -> Interval | None:
    """Cut to [0, 1], which a share cannot leave: the coverage is the same."""
    if interval is None:
        return None
    return Interval(interval.estimate, max(interval.low, 0.0), min(interval.high, 1.0))
