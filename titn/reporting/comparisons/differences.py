"""Differences of rows from the baseline, and the verdict of each."""

from dataclasses import dataclass

from titn.reporting.comparisons.images_alone import images_alone
from titn.reporting.comparisons.table_model import numbers_of, table_model
from titn.reporting.comparisons.teachers import teachers_forbid
from titn.reporting.comparisons.verdicts import (
    EQUAL,
    UNDECIDED,
    excluded_by,
    no_interval,
    too_little,
    verdict_of,
)
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.statistics.intervals import Interval
from titn.reporting.statistics.rule import Contrast
from titn.system.text import percent


@dataclass(frozen=True)
class Difference:
    """A row less another, in top-1: than the baseline, or than the second of a pair.

    estimate: of the means over seeds. interval: of all rows together 95%; None with one seed, near
    chance, or without predictions by image. images_alone: where one of the two has one seed, for
    other test images only and the networks as they are; a verdict never rests on it. detectable:
    the true difference that this rule finds with a power of 0.8. margin: within which the two
    count as equal. unjudged: why there is no verdict, whatever the interval; None if there is one.
    """

    row: Row
    other: Row
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
    def verdict_text(self) -> str:
        """The verdict with what it leaves open, or why there is none."""
        if self.unjudged:
            return self.unjudged
        if self.verdict == EQUAL:
            return f"equal within {100 * self.margin:g}"
        if self.verdict == UNDECIDED:
            return f"undecided, at most {percent(self.excluded, 1)} either way"
        return self.verdict

    @property
    def excluded(self) -> float | None:
        return excluded_by(self.interval)


def differences_from_baseline(evidence: Evidence) -> list[Difference]:
    """Of every recorded row but the baseline; empty without one."""
    baseline = evidence.baseline
    if baseline is None:
        return []
    model = table_model(evidence)
    rows = [row for row in evidence.recorded if row is not baseline]
    return [
        _judged(row, baseline, evidence, model.difference(row, baseline), len(rows)) for row in rows
    ]


def differences_of_pairs(evidence: Evidence) -> list[Difference]:
    """Of the question's pairs of which both rows have a record; their intervals hold together."""
    wanted = evidence.question.pairs if evidence.question else ()
    pairs = [(evidence.row(first), evidence.row(second)) for first, second in wanted]
    known = [(a, b) for a, b in pairs if a is not None and b is not None and a.runs and b.runs]
    model = table_model(evidence)
    return [
        _judged(a, b, evidence, model.contrast([(a, 1.0), (b, -1.0)], len(known)), len(known))
        for a, b in known
    ]


def _judged(
    row: Row, other: Row, evidence: Evidence, contrast: Contrast | None, together: int
) -> Difference:
    """contrast: of row less other; together: how many such hold at once."""
    estimate = float(row.values("top1").mean() - other.values("top1").mean())
    interval = contrast.interval(estimate) if contrast else None
    return Difference(
        row=row,
        other=other,
        estimate=estimate,
        interval=interval,
        detectable=contrast.detectable() if contrast else None,
        margin=evidence.margin,
        unjudged=_why_unjudged(row, other, interval, evidence),
        images_alone=images_alone([(row, 1.0), (other, -1.0)], together),
    )


def _why_unjudged(
    row: Row, other: Row, interval: Interval | None, evidence: Evidence
) -> str | None:
    """In a few words; None if there is nothing against a verdict."""
    if why := too_little([row, other]):
        return why
    if numbers_of(row) == numbers_of(other):
        return "the same numbers"
    if why := teachers_forbid([row, other], evidence.recorded):
        return why
    return no_interval([row, other], interval) or None


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
