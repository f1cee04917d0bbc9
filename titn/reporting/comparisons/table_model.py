"""The rows of a setting under one rule: how well each level and each difference is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from titn.reporting.comparisons.chance import is_near_chance
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.statistics.contrasts import rows_contrast
from titn.reporting.statistics.images import contrast_images_variance, interaction_variance
from titn.reporting.statistics.rule import Contrast, difference_contrast, level_contrast
from titn.reporting.statistics.seed_model import SeedModel, fit_seeds

Numbers = tuple[tuple[int | float, ...], ...]


@dataclass(frozen=True)
class TableModel:
    """What the seeds of all rows say together of one metric.

    rows: those that have learned something and have two seeds or more; of rows with the same
    numbers the first alone, for the others tell nothing more of how much seeds vary. seeds: the
    linear model of them; None without such rows.
    """

    metric: str
    rows: tuple[Row, ...]
    seeds: SeedModel | None

    def level(self, row: Row) -> Contrast | None:
        """Of a row's mean; None with fewer than two seeds, or for want of predictions by image.

        A row near chance has its own variance.
        """
        images = self._images([(row, 1.0)])
        if images is None or not _has_seeds(row, self.metric):
            return None
        place = self._place(row)
        if self.seeds is None or place is None:
            return level_contrast(_fit([row], self.metric), 0, images)
        return level_contrast(self.seeds, place, images)

    def difference(self, first: Row, second: Row) -> Contrast | None:
        """Of first less second, one of all rows held against the second; None as in `level`.

        Near chance there is none either: such a row tells nothing of its recipe. Nor is there of
        two with the same numbers.
        """
        place, of_second = self._place(first), self._place(second)
        if self.seeds is None or place is None or of_second is None or place == of_second:
            return None
        images = self._images([(first, 1.0), (second, -1.0)])
        if images is None:
            return None
        others = [i for i in range(len(self.rows)) if i != of_second]
        return difference_contrast(self.seeds, place, of_second, others, images)

    def contrast(self, weights: Sequence[tuple[Row, float]], together: int) -> Contrast | None:
        """Of a weighted sum of means, one of so many that hold together; None as in `difference`.

        weights: of each row that is needed; they sum to zero.
        """
        places = [place for row, _ in weights if (place := self._place(row)) is not None]
        if self.seeds is None or len(places) < len(weights):
            return None
        images = self._images(weights)
        if images is None:
            return None
        of_rows = np.zeros(len(self.rows))
        np.add.at(of_rows, places, [weight for _, weight in weights])
        if not of_rows.any():
            return None
        return rows_contrast(self.seeds, of_rows, images, together)

    @cached_property
    def _numbers(self) -> list[Numbers]:
        return [numbers_of(row, self.metric) for row in self.rows]

    def _place(self, row: Row) -> int | None:
        wanted = numbers_of(row, self.metric)
        return self._numbers.index(wanted) if wanted in self._numbers else None

    def _images(self, weights: Sequence[tuple[Row, float]]) -> float | None:
        """What the choice of images adds to a variance; of other metrics than top-1 it is unknown.

        None if predictions by image are not kept, or are not of the same images.
        """
        return images_share(weights) if self.metric == "top1" else 0.0


def table_model(evidence: Evidence, metric: str = "top1") -> TableModel:
    """Of the rows that have learned something and have two seeds or more."""
    distinct: dict[Numbers, Row] = {}
    for row in evidence.recorded:
        if _has_seeds(row, metric) and not is_near_chance(row):
            distinct.setdefault(numbers_of(row, metric), row)
    rows = [*distinct.values()]
    return TableModel(metric, tuple(rows), _fit(rows, metric) if rows else None)


def numbers_of(row: Row, metric: str = "top1") -> Numbers:
    """Seed, top-1, likelihood and metric of each record.

    Two networks that differ in anything do not agree in the likelihood of every seed: rows with the
    same numbers are one, or differ in a key that their network does not heed.
    """
    values = (row.values(name) for name in ("top1", "nll", metric))
    return tuple((seed, *map(float, found)) for seed, *found in zip(row.runs, *values, strict=True))


def correct_by_seed(row: Row) -> np.ndarray:
    """(n, m): whether each seed classified each image correctly."""
    return np.stack(list(row.correct.values()))


def _has_seeds(row: Row, metric: str) -> bool:
    values = row.values(metric)
    return len(values) > 1 and not np.isnan(values).any()


def _fit(rows: Sequence[Row], metric: str) -> SeedModel:
    share_seeds = len({tuple(row.runs) for row in rows}) == 1
    values = [row.values(metric) for row in rows]
    return fit_seeds(values, [_floor(row, metric) for row in rows], share_seeds)


def _floor(row: Row, metric: str) -> float:
    """The variance that a seed's top-1 has on these images by luck alone; 0 where unknown."""
    if metric != "top1" or not row.has_all_samples:
        return 0.0
    correct = correct_by_seed(row)
    return interaction_variance(correct) / correct.shape[1]


def images_share(weights: Sequence[tuple[Row, float]]) -> float | None:
    """What the choice of images adds to the variance of a weighted sum of the rows' top-1.

    None if predictions by image are not kept, or are not of the same images.
    """
    rows = [row for row, _ in weights]
    if not all(row.has_all_samples for row in rows) or not have_same_images(rows):
        return None
    return contrast_images_variance([(correct_by_seed(row), weight) for row, weight in weights])


def have_same_images(rows: Sequence[Row]) -> bool:
    """Whether rows that have all their predictions were evaluated on the same images, by labels."""
    labels = [next(iter(row.samples.values()))["label"] for row in rows]
    return all(np.array_equal(labels[0], other) for other in labels)
