"""Differences of rows from the baseline, and the verdict of each."""

from dataclasses import dataclass

from titn.reporting.comparisons.images_alone import images_alone
from titn.reporting.comparisons.table_model import TableModel, numbers_of, table_model
from titn.reporting.comparisons.teachers import weak_teacher
from titn.reporting.comparisons.verdicts import excluded_by, no_width, too_little, verdict_of
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.statistics.intervals import Interval
from titn.system.text import percent


@dataclass(frozen=True)
class Difference:
    """A row less the baseline, in top-1.

    estimate: of the means over seeds. interval: of all rows together 95%; None with one seed, near
    chance, or without predictions by image. images_alone: where one of the two has one seed, for
    other test images only and the networks as they are; a verdict never rests on it. detectable:
    the true difference that this rule finds with a power of 0.8. margin: within which the two
    count as equal. unjudged: why there is no verdict, whatever the interval; None if there is one.
    """

    row: Row
    estimate: float
    interval: Interval | None
    detectable: float | None
    margin: float
    unjudged: str | None
    images_alone: Interval | None = None

    @property
    def verdict(self) -> str:
        return verdict_of(self.interval, self.margin, self.unjudged)

    @property
    def excluded(self) -> float | None:
        return excluded_by(self.interval)


def differences_from_baseline(evidence: Evidence) -> list[Difference]:
    """Of every recorded row but the baseline; empty without one."""
    baseline = evidence.baseline
    if baseline is None:
        return []
    model = table_model(evidence)
    return [
        _difference(row, baseline, evidence, model)
        for row in evidence.recorded
        if row is not baseline
    ]


def _difference(row: Row, baseline: Row, evidence: Evidence, model: TableModel) -> Difference:
    contrast = model.difference(row, baseline)
    estimate = float(row.values("top1").mean() - baseline.values("top1").mean())
    interval = contrast.interval(estimate) if contrast else None
    return Difference(
        row=row,
        estimate=estimate,
        interval=interval,
        detectable=contrast.detectable() if contrast else None,
        margin=evidence.margin,
        unjudged=_why_unjudged(row, baseline, interval, evidence),
        images_alone=images_alone(
            [(row, 1.0), (baseline, -1.0)], together=len(evidence.recorded) - 1
        ),
    )


def _why_unjudged(
    row: Row, baseline: Row, interval: Interval | None, evidence: Evidence
) -> str | None:
    """In a few words; None if there is nothing against a verdict."""
    if why := too_little([row, baseline]):
        return why
    if numbers_of(row) == numbers_of(baseline):
        return "the same numbers"
    if interval is None:
        is_kept = row.has_all_samples and baseline.has_all_samples
        return "evaluated on other images" if is_kept else "no predictions by image"
    if why := no_width(interval):
        return why
    teacher = weak_teacher(row, baseline, evidence.recorded)
    if teacher is not None:
        return f"the teacher ({percent(teacher)}%) is no better than the student without a teacher"
    return None


def difference_interval(
    evidence: Evidence, first: Row, second: Row, metric: str
) -> Interval | None:
    """95% interval of first less second, by the table's rule with the second as the baseline.

    None with fewer than two seeds of either, near chance, or for top-1 without predictions by
    image.
    """
    contrast = table_model(evidence, metric).difference(first, second)
    if contrast is None:
        return None
    return contrast.interval(float(first.values(metric).mean() - second.values(metric).mean()))
