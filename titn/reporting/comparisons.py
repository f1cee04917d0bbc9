"""What a page says of its rows: levels, differences from the baseline, claims. Numbers only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from titn.paper.departures import departures
from titn.paper.printed import printed_table, table_title
from titn.paper.protocol import PROTOCOL
from titn.records.cell_state import DIVERGED
from titn.records.question import Bound, Claim, Question
from titn.reporting.evidence import Evidence, Row
from titn.reporting.latencies import METRICS, interval_over_rounds, rounds_of
from titn.reporting.statistics.intervals import Interval, mean_interval
from titn.reporting.statistics.power import detectable_difference, detectable_difference_unpaired
from titn.reporting.statistics.predictions import near_chance
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

# Of a network, not of its training; and the keys of a configuration that decide them.
COUNTED = ("parameters_m", "gflops_batch1024")
OF_SIZES = ("dataset", "model.", "choices.")

# Between 0 and 1.
SHARES = ("top1", "top5", "best_top1", "precision", "recall", "f1", "ece")

AGREES, DISAGREES, INCONCLUSIVE, NOT_RUN = "agrees", "disagrees", "inconclusive", "not run"
# All that there is to find of a claim; last, that a row of it has diverged and has no record.
FINDINGS = (AGREES, DISAGREES, INCONCLUSIVE, NOT_RUN, DIVERGED)


@dataclass(frozen=True)
class Level:
    """A row's top-1 over seeds, and over seeds and images; None where there is one seed."""

    row: Row
    seeds: Interval | None
    both: Interval | None

    @property
    def mean(self) -> float | None:
        values = self.row.values("top1")
        return float(values.mean()) if len(values) else None


@dataclass(frozen=True)
class Difference:
    """A row less the baseline in top-1.

    estimate: of the means over each row's own seeds. paired: over the seeds that they share, if
    they are two or more. both: over seeds and images, paired where `paired` is. detectable: what
    so many seeds could have found. partly_paired: whether the pairs leave out seeds of the row or
    of the baseline. corrected: Holm's p over the page's rows, of the paired test, or of Welch's
    where there are no pairs.
    """

    row: Row
    estimate: float
    welch: Comparison | None
    paired: PairedComparison | None
    both: Interval | None
    detectable: float | None
    partly_paired: bool
    corrected: float | None = None

    @property
    def p(self) -> float | None:
        """Of the paired test, or of Welch's; None with one seed."""
        test = self.paired or self.welch
        return test.p if test else None

    @property
    def is_ranked(self) -> bool:
        """Whether its verdict is worth anything: it has seeds to test, and has learned."""
        return self.p is not None and not is_near_chance(self.row)

    @property
    def verdict(self) -> str:
        """above, below, or not told apart: by the wider interval and the corrected p together."""
        if self.both is None or self.corrected is None or self.corrected >= 0.05:
            return "not told apart"
        if self.both.low > 0:
            return "above"
        return "below" if self.both.high < 0 else "not told apart"


def level(row: Row) -> Level:
    both = interval_of(row, "top1")
    return Level(row, _cut("top1", mean_interval(row.values("top1"))), both)


def differences(evidence: Evidence) -> list[Difference]:
    """Of every recorded row but the baseline; empty without one."""
    baseline = evidence.baseline
    if baseline is None:
        return []
    found = [difference(row, baseline) for row in evidence.recorded if row is not baseline]
    corrected = holm_correction([one.p for one in found])
    return [
        Difference(**{**vars(one), "corrected": p}) for one, p in zip(found, corrected, strict=True)
    ]


def difference(row: Row, baseline: Row) -> Difference:
    own, base = row.values("top1"), baseline.values("top1")
    a, b = _pairs(row, baseline, "top1")
    paired = paired_test(a, b)
    if paired is not None:
        detectable = detectable_difference(_sd(a - b), len(a))
    else:
        detectable = detectable_difference_unpaired(_sd(own), len(own), _sd(base), len(base))
    return Difference(
        row=row,
        estimate=float(own.mean() - base.mean()),
        welch=welch_test(own, base),
        paired=paired,
        both=difference_of(row, baseline, "top1"),
        # Seeds that do not differ at all say nothing of how much seeds differ.
        detectable=detectable or None,
        partly_paired=paired is not None and len(a) < max(len(own), len(base)),
    )


def _pairs(first: Row, second: Row, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """A number of both for each seed that both have."""
    a, b = (dict(zip(row.runs, row.values(metric), strict=True)) for row in (first, second))
    shared = [seed for seed in a if seed in b]
    return np.array([a[seed] for seed in shared]), np.array([b[seed] for seed in shared])


def _sd(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def interval_of(row: Row, metric: str) -> Interval | None:
    """95% interval of a row's metric; None with fewer than two seeds.

    Of top-1 over seeds and images, and None if a record has lost its images; of what is not kept
    by image over seeds alone.
    """
    values = row.values(metric)
    if len(values) < 2 or np.isnan(values).any():
        return None
    if metric != "top1":
        return _cut(metric, mean_interval(values))
    if not row.has_all_samples:
        return None
    return _cut(metric, seeds_and_images_interval(np.stack(list(row.correct.values()))))


def _cut(metric: str, interval: Interval | None) -> Interval | None:
    """An interval of a share, as far as it lies between none and all: what it says is the same."""
    if interval is None or metric not in SHARES:
        return interval
    low, high = max(interval.low, 0.0), min(interval.high, 1.0)
    return Interval(interval.estimate, low, high)


def difference_of(first: Row, second: Row, metric: str) -> Interval | None:
    """95% interval of first less second; None with fewer than two seeds of either.

    Paired by the seeds that both have, if they are two or more; by the images too, for top-1.
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
    """None as well if the rows were not evaluated on the same images, or a record lost them."""
    if not _same_images(first, second):
        return None
    shared = [seed for seed in first.runs if seed in second.runs]
    if len(shared) > 1:
        a, b = (np.stack([one.correct[seed] for seed in shared]) for one in (first, second))
        return seeds_and_images_interval(a, b)
    if min(len(first.runs), len(second.runs)) > 1:
        a, b = (np.stack(list(one.correct.values())) for one in (first, second))
        return seeds_and_images_interval_unpaired(a, b)
    return None


def _same_images(first: Row, second: Row) -> bool:
    if not (first.has_all_samples and second.has_all_samples):
        return False
    a, b = (next(iter(row.samples.values()))["label"] for row in (first, second))
    return np.array_equal(a, b)


def is_near_chance(row: Row) -> bool:
    """Whether a row has hardly learned anything: what it says of its recipe is nothing.

    Where no record says how many classes there are, nothing can be said.
    """
    if not row.runs or row.num_classes < 2:
        return False
    return near_chance(float(row.values("top1").mean()), row.num_classes)


def are_teachers_ranked_by_one(rows: Sequence[Row]) -> bool:
    """Whether rows differ in their teachers' networks, and a teacher has one seed only."""
    taught = [row for row in rows if row.teachers]
    networks = {row.one("teacher.model._target_") for row in taught}
    return len(networks) > 1 and any(len(row.teachers) == 1 for row in taught)


@dataclass(frozen=True)
class Judged:
    """A claim with our number. protocol: in what ours is less than the paper's, empty if full."""

    claim: Claim
    estimate: float | None
    interval: Interval | None
    protocol: list[str]
    finding: str
    seeds: int
    conditional: bool


def judge(claim: Claim, evidence: Evidence) -> Judged:
    """Agrees if the interval lies wholly between the claim's bounds, disagrees if wholly outside.

    Inconclusive in any case if a row stayed near chance, or if it ranks teachers by one of each.
    Diverged if a row has, and has no record: that it was not run is not what happened to it.
    """
    rows = [row for label in claim.rows if (row := evidence.row(label))]
    if len(rows) < len(claim.rows) or not all(row.runs for row in rows):
        return _not_judged(claim, rows, evidence)
    if claim.metric in METRICS:
        return _judged_by_time(claim, evidence)
    values = [row.values(claim.metric) for row in rows]
    estimate = values[0].mean() - (values[1].mean() if len(rows) > 1 else 0.0)
    interval: Interval | None
    if claim.metric in COUNTED:
        # The same for every seed.
        interval = None if np.isnan(estimate) else Interval(estimate, estimate, estimate)
    elif len(rows) > 1:
        interval = difference_of(rows[0], rows[1], claim.metric)
    else:
        interval = interval_of(rows[0], claim.metric)
    ranked = claim.metric in COUNTED or not (
        any(map(is_near_chance, rows)) or are_teachers_ranked_by_one(rows)
    )
    if interval is not None:
        # Over the seeds that both rows have, as the interval is.
        estimate = interval.estimate
    return Judged(
        claim=claim,
        estimate=None if np.isnan(estimate) else float(estimate),
        interval=interval,
        protocol=_protocol(claim, [next(iter(row.runs.values())) for row in rows], evidence),
        finding=finding(interval, claim.between) if ranked else INCONCLUSIVE,
        seeds=min(map(len, values)),
        conditional=any(len(row.teachers) == 1 for row in rows),
    )


def _not_judged(claim: Claim, rows: Sequence[Row], evidence: Evidence) -> Judged:
    begun = [run for row in rows if not row.runs for run in row.begun.values()]
    diverged = [run for run in begun if run["status"] == DIVERGED]
    protocol = _protocol(claim, diverged, evidence) if diverged else []
    return Judged(claim, None, None, protocol, DIVERGED if diverged else NOT_RUN, 0, False)


def _protocol(claim: Claim, runs: Sequence[dict], evidence: Evidence) -> list[str]:
    """The departures of runs of all rows; of what is counted the training is none."""
    if claim.dataset not in PROTOCOL:
        return [f"the paper has no protocol for {claim.dataset}"]
    found: dict[str, None] = {}
    for run in runs:
        config = config_of(run)
        if claim.metric in COUNTED:
            config = {key: config[key] for key in config if key.startswith(OF_SIZES)}
        found |= dict.fromkeys(departures(config, claim.dataset, evidence.varied))
    return list(found)


def _judged_by_time(claim: Claim, evidence: Evidence) -> Judged:
    values = [rounds_of(evidence, label, claim.metric) for label in claim.rows]
    timed = [one for one in values if one is not None]
    if len(timed) < len(claim.rows):
        return Judged(claim, None, None, [], NOT_RUN, 0, False)
    interval = interval_over_rounds(timed)
    assert evidence.timing is not None
    return Judged(
        claim=claim,
        estimate=interval.estimate if interval else None,
        interval=interval,
        protocol=[f"timed on other hardware: {evidence.timing['how']}"],
        finding=finding(interval, claim.between),
        seeds=1,
        conditional=False,
    )


def finding(interval: Interval | None, between: tuple[Bound, Bound]) -> str:
    """agrees: the interval lies within the bounds; disagrees: outside; else inconclusive.

    To touch a bound is not to be within: what is exactly equal is not "above".
    """
    if interval is None:
        return INCONCLUSIVE
    low = -np.inf if between[0] is None else between[0]
    high = np.inf if between[1] is None else between[1]
    if low < interval.low and interval.high < high:
        return AGREES
    return DISAGREES if interval.high < low or interval.low > high else INCONCLUSIVE


def config_of(run: dict) -> dict:
    """A record's row, with the names that a configuration has for its choices."""
    choices = {"choices.dataset": run.get("dataset"), "choices.model": run.get("model")}
    return {key: value for key, value in run.items() if key != "class_names"} | choices


def claims_of(question: Question) -> list[Claim]:
    """The claims of a question, after one for each number that the paper's table prints."""
    if question.printed is None:
        return list(question.claims)
    table = printed_table(question.printed)
    levels = [
        Claim(
            says=f"{metric_name(metric)} of {line['row']}",
            source=table_title(question.printed),
            dataset=line.get("dataset", "cifar100"),
            rows=(line["row"],),
            metric=metric,
            printed=line[metric],
            between=(line[metric] - margin, line[metric] + margin),
        )
        for metric, margin in question.margins.items()
        for line in table.to_dict("records")
        if line["row"] in question.rows and metric in line and line[metric] == line[metric]
    ]
    return [*levels, *question.claims]


def metric_name(metric: str) -> str:
    """How a page calls a record's number."""
    names = {
        "top1": "top-1", "top5": "top-5", "f1": "F1", "gflops_batch1024": "GFLOPs",
        "parameters_m": "parameters (M)", "best_top1": "best top-1",
    }  # fmt: skip
    return names.get(metric, metric)
