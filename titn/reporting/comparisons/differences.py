"""Differences of rows from the baseline."""

from dataclasses import dataclass, replace

import numpy as np

from titn.reporting.comparisons.levels import is_near_chance
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.statistics.intervals import Interval
from titn.reporting.statistics.power import detectable_difference, detectable_difference_unpaired
from titn.reporting.statistics.seeds_and_images import (
    seeds_and_images_interval,
    seeds_and_images_interval_unpaired,
)
from titn.reporting.statistics.t_tests import (
    Comparison,
    PairedComparison,
    holm_correction,
    paired_test,
    welch_test,
)

NOT_TOLD_APART = "not told apart"


@dataclass(frozen=True)
class Difference:
    """A row less the baseline, in top-1.

    estimate: of the means, each over all seeds of its row. paired: over the seeds that both rows
    have, None if these are fewer than two. over_seeds_and_images: 95%, paired if `paired` is.
    detectable: the true difference that so many seeds would find with a power of 0.8.
    is_partly_paired: whether the pairs leave out seeds of the row or of the baseline. holm_p: the
    p of `p`, corrected for the number of the page's rows.
    """

    row: Row
    estimate: float
    welch: Comparison | None
    paired: PairedComparison | None
    over_seeds_and_images: Interval | None
    detectable: float | None
    is_partly_paired: bool
    holm_p: float | None = None

    @property
    def p(self) -> float | None:
        """Of the paired test, or of Welch's if there are no pairs; None with one seed."""
        test = self.paired or self.welch
        return test.p if test else None

    @property
    def is_ranked(self) -> bool:
        """Whether the row has a verdict: it has seeds to test, and has learned something."""
        return self.p is not None and not is_near_chance(self.row)

    @property
    def verdict(self) -> str:
        """above, below, or not told apart: by the wider interval and the corrected p together.

        The p is of seeds alone and corrected for many rows, the interval covers test images and is
        not: a row has to pass both.
        """
        interval = self.over_seeds_and_images
        if interval is None or self.holm_p is None or self.holm_p >= 0.05:
            return NOT_TOLD_APART
        if interval.low > 0:
            return "above"
        return "below" if interval.high < 0 else NOT_TOLD_APART


def differences_from_baseline(evidence: Evidence) -> list[Difference]:
    """Of every recorded row but the baseline; empty without one."""
    baseline = evidence.baseline
    if baseline is None:
        return []
    found = [row_difference(row, baseline) for row in evidence.recorded if row is not baseline]
    corrected = holm_correction([difference.p for difference in found])
    return [replace(difference, holm_p=p) for difference, p in zip(found, corrected, strict=True)]


def row_difference(row: Row, baseline: Row) -> Difference:
    values, base = row.values("top1"), baseline.values("top1")
    a, b = _pairs(row, baseline, "top1")
    paired = paired_test(a, b)
    if paired is not None:
        detectable = detectable_difference(_sd(a - b), len(a))
    else:
        detectable = detectable_difference_unpaired(_sd(values), len(values), _sd(base), len(base))
    return Difference(
        row=row,
        estimate=float(values.mean() - base.mean()),
        welch=welch_test(values, base),
        paired=paired,
        over_seeds_and_images=difference_interval(row, baseline, "top1"),
        # Zero if the seeds do not differ at all, which says nothing of how much seeds differ.
        detectable=detectable or None,
        is_partly_paired=paired is not None and len(a) < max(len(values), len(base)),
    )


def difference_interval(first: Row, second: Row, metric: str) -> Interval | None:
    """95% interval of first less second; None with fewer than two seeds of either.

    Paired by the seeds that both have, if these are two or more; for top-1 also over images.
    """
    if metric == "top1":
        return _over_seeds_and_images(first, second)
    a, b = first.values(metric), second.values(metric)
    if np.isnan(a).any() or np.isnan(b).any():
        return None
    compared = paired_test(*_pairs(first, second, metric)) or welch_test(a, b)
    if compared is None:
        return None
    return Interval(compared.difference, compared.low, compared.high)


def _over_seeds_and_images(first: Row, second: Row) -> Interval | None:
    """None also if the rows were not evaluated on the same images, or a record has lost them."""
    if not _have_same_images(first, second):
        return None
    shared = [seed for seed in first.runs if seed in second.runs]
    if len(shared) > 1:
        # (shared seeds, images) of each row, in the same order of seeds
        a, b = (np.stack([row.correct[seed] for seed in shared]) for row in (first, second))
        return seeds_and_images_interval(a, b)
    if min(len(first.runs), len(second.runs)) > 1:
        # (seeds, images) of each row, which may have different numbers of seeds
        a, b = (np.stack(list(row.correct.values())) for row in (first, second))
        return seeds_and_images_interval_unpaired(a, b)
    return None


def _have_same_images(first: Row, second: Row) -> bool:
    if not (first.has_all_samples and second.has_all_samples):
        return False
    a, b = (next(iter(row.samples.values()))["label"] for row in (first, second))
    return np.array_equal(a, b)


def _pairs(first: Row, second: Row, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The metric of both rows, (shared seeds,) each, in the same order of seeds."""
    a, b = (dict(zip(row.runs, row.values(metric), strict=True)) for row in (first, second))
    shared = [seed for seed in a if seed in b]
    return np.array([a[seed] for seed in shared]), np.array([b[seed] for seed in shared])


def _sd(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
