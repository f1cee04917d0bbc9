"""What a page says of its rows: levels, differences from the baseline, claims. Numbers only."""

from dataclasses import dataclass

import numpy as np

from titn.questions import Bound, Claim, Question
from titn.reporting import statistics as st
from titn.reporting.evidence import Evidence, Row
from titn.reporting.paper import departures, printed
from titn.reporting.timing import METRICS, interval_over_rounds, rounds_of

# Of a network, not of its training; and the keys of a configuration that decide them.
COUNTED = ("parameters_m", "gflops_batch1024")
OF_SIZES = ("dataset", "model.", "choices.")

AGREES, DISAGREES, INCONCLUSIVE, NOT_RUN = "agrees", "disagrees", "inconclusive", "not run"


@dataclass(frozen=True)
class Level:
    """A row's top-1 over seeds, and over seeds and images; None where there is one seed."""

    row: Row
    seeds: st.Interval | None
    both: st.Interval | None

    @property
    def mean(self) -> float | None:
        values = self.row.values("top1")
        return float(values.mean()) if len(values) else None


@dataclass(frozen=True)
class Difference:
    """A row less the baseline in top-1.

    estimate: of the means over each row's own seeds. paired, both: over the seeds that they share;
    detectable: what so many seeds could have found. corrected: Holm's p over the page's rows.
    """

    row: Row
    estimate: float
    welch: st.Comparison | None
    paired: st.Paired | None
    both: st.Interval | None
    detectable: float | None
    corrected: float | None = None

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
    return Level(row, st.mean_interval(row.values("top1")), both)


def differences(evidence: Evidence) -> list[Difference]:
    """Of every recorded row but the baseline; empty without one."""
    baseline = evidence.baseline
    if baseline is None:
        return []
    found = [difference(row, baseline) for row in evidence.recorded if row is not baseline]
    corrected = st.holm([one.paired.p if one.paired else None for one in found])
    return [
        Difference(**{**vars(one), "corrected": p}) for one, p in zip(found, corrected, strict=True)
    ]


def difference(row: Row, baseline: Row) -> Difference:
    own, base = row.values("top1"), baseline.values("top1")
    shared = [seed for seed in row.runs if seed in baseline.runs]
    a, b = (np.array([one.runs[seed]["top1"] for seed in shared]) for one in (row, baseline))
    return Difference(
        row=row,
        estimate=float(own.mean() - base.mean()),
        welch=st.welch(own, base),
        paired=st.paired(a, b),
        both=difference_of(row, baseline, "top1"),
        detectable=st.detectable_difference(float(np.std(a - b, ddof=1)), len(shared))
        if len(shared) > 1
        else None,
    )


def interval_of(row: Row, metric: str) -> st.Interval | None:
    """95% interval of a row's metric; None with fewer than two seeds.

    Of top-1 over seeds and images, of what is not kept by image over seeds alone.
    """
    values = row.values(metric)
    if len(values) < 2 or np.isnan(values).any():
        return None
    if metric == "top1" and len(row.correct) == len(values):
        return st.over_seeds_and_images(np.stack(list(row.correct.values())))
    return st.mean_interval(values)


def difference_of(first: Row, second: Row, metric: str) -> st.Interval | None:
    """95% interval of first less second; None with fewer than two seeds of either.

    Paired by the seeds that both have, if they are two or more; by the images too, for top-1.
    """
    shared = [seed for seed in first.runs if seed in second.runs]
    if metric == "top1" and all(s in first.correct and s in second.correct for s in shared):
        if len(shared) > 1 and _same_images(first, second, shared):
            a, b = (np.stack([one.correct[seed] for seed in shared]) for one in (first, second))
            return st.over_seeds_and_images(a, b)
        if min(len(first.correct), len(second.correct)) > 1:
            a, b = (np.stack(list(one.correct.values())) for one in (first, second))
            if a.shape[1] == b.shape[1]:
                return st.over_seeds_and_images_unpaired(a, b)
        return None
    compared = st.welch(first.values(metric), second.values(metric))
    if compared is None or np.isnan(compared.difference):
        return None
    return st.Interval(compared.difference, compared.low, compared.high)


def _same_images(first: Row, second: Row, seeds: list[int]) -> bool:
    return all(
        np.array_equal(first.samples[seed]["label"], second.samples[seed]["label"])
        for seed in seeds
    )


def is_near_chance(row: Row, num_classes: int) -> bool:
    """Whether a row has hardly learned anything: what it says of its recipe is nothing."""
    return bool(row.runs) and st.near_chance(float(row.values("top1").mean()), num_classes)


@dataclass(frozen=True)
class Judged:
    """A claim with our number. protocol: in what ours is less than the paper's, empty if full."""

    claim: Claim
    estimate: float | None
    interval: st.Interval | None
    protocol: list[str]
    finding: str
    seeds: int
    conditional: bool


def judge(claim: Claim, evidence: Evidence) -> Judged:
    """Agrees if the interval lies wholly between the claim's bounds, disagrees if wholly outside.

    Inconclusive in any case if a row stayed near chance.
    """
    rows = [row for label in claim.rows if (row := evidence.row(label)) and row.runs]
    if len(rows) < len(claim.rows):
        return Judged(claim, None, None, [], NOT_RUN, 0, False)
    if claim.metric in METRICS:
        return _judged_by_time(claim, evidence)
    values = [row.values(claim.metric) for row in rows]
    estimate = values[0].mean() - (values[1].mean() if len(rows) > 1 else 0.0)
    config = config_of(next(iter(rows[0].runs.values())))
    if claim.metric in COUNTED:
        # The same for every seed, and whatever the training.
        interval: st.Interval | None = st.Interval(estimate, estimate, estimate)
        config = {key: config[key] for key in config if key.startswith(OF_SIZES)}
    elif len(rows) > 1:
        interval = difference_of(rows[0], rows[1], claim.metric)
    else:
        interval = interval_of(rows[0], claim.metric)
    ranked = claim.metric in COUNTED or not any(
        is_near_chance(row, evidence.num_classes) for row in rows
    )
    return Judged(
        claim=claim,
        estimate=None if np.isnan(estimate) else float(estimate),
        interval=interval,
        protocol=departures(config, claim.dataset, evidence.varied),
        finding=finding(interval, claim.between) if ranked else INCONCLUSIVE,
        seeds=min(map(len, values)),
        conditional=any(len(row.teachers) == 1 for row in rows),
    )


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


def finding(interval: st.Interval | None, between: tuple[Bound, Bound]) -> str:
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
    table = printed(question.printed)
    levels = [
        Claim(
            says=f"{metric_name(metric)} of {line['row']}",
            source=question.printed.replace("table", "table ").replace("figure", "figure "),
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
