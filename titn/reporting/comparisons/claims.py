"""The paper's claims, judged by what our rows say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from titn.paper.departures import departures, other_task
from titn.paper.printed import printed_table, table_title
from titn.paper.protocol import PROTOCOL
from titn.records.cell_state import DIVERGED, STOPPED
from titn.records.question import Bound, Claim, Question
from titn.reporting.comparisons.differences import difference_interval
from titn.reporting.comparisons.levels import metric_interval
from titn.reporting.comparisons.sizes import SIZE_METRICS, printed_size
from titn.reporting.comparisons.teachers import teachers_forbid
from titn.reporting.comparisons.verdicts import no_width, too_little
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.latencies import TIMING_METRICS, rounds_interval, timed_rounds
from titn.reporting.statistics.intervals import Interval

# The keys of a configuration that decide a network's size besides its number of classes.
SIZE_KEYS = ("dataset.image_size", "model.", "choices.model")

AGREES, DISAGREES, UNDECIDED, NOT_RUN = "agrees", "disagrees", "undecided", "not run"
NOT_COMPARABLE = "not comparable"
# The last: a row of the claim has diverged and has no record.
FINDINGS = (AGREES, DISAGREES, UNDECIDED, NOT_COMPARABLE, NOT_RUN, DIVERGED)


@dataclass(frozen=True)
class ClaimResult:
    """A claim beside our number.

    protocol: where our runs depart from the paper's protocol, empty if they follow it in full; None
    of a question that is none of the paper's.
    is_conditional: whether all seeds of a row had the same trained teacher. reason: why it neither
    agrees nor disagrees, in a few words.
    """

    claim: Claim
    estimate: float | None
    interval: Interval | None
    protocol: list[str] | None
    finding: str
    num_seeds: int
    is_conditional: bool
    reason: str = ""


def judge_claim(claim: Claim, evidence: Evidence) -> ClaimResult:
    """Agrees if the interval lies wholly between the claim's bounds, disagrees if wholly outside.

    Not comparable if a row was trained on other data or other classes than the claim is about, even
    if it diverged. Not run if a row has no record; if cells of it diverged, that is told instead.
    Else undecided, as where all runs of a row stopped early.
    """
    rows = [row for label in claim.rows if (row := evidence.row(label))]
    if len(rows) < len(claim.rows) or not all(row.runs for row in rows):
        return _not_judged(claim, rows, evidence)
    if claim.metric in TIMING_METRICS:
        return _judge_timing(claim, evidence)
    if claim.metric in SIZE_METRICS:
        return _judge_size(claim, rows, evidence)
    values = [row.values(claim.metric) for row in rows]
    estimate = values[0].mean() - (values[1].mean() if len(rows) > 1 else 0.0)
    if len(rows) > 1:
        interval = difference_interval(evidence, rows[0], rows[1], claim.metric)
    else:
        interval = metric_interval(evidence, rows[0], claim.metric)
    finding, reason = judge_interval(interval, claim.between)
    if other := _other_task(claim, rows):
        finding, reason = NOT_COMPARABLE, other
    elif why := _why_undecided(rows, evidence, interval):
        finding, reason = UNDECIDED, why
    return ClaimResult(
        claim=claim,
        estimate=None if np.isnan(estimate) else float(estimate),
        interval=interval,
        protocol=_protocol(claim, [_first_run(row) for row in rows], evidence),
        finding=finding,
        num_seeds=min(map(len, values)),
        is_conditional=any(row.has_one_teacher for row in rows),
        reason=reason,
    )


def _other_task(claim: Claim, rows: Sequence[Row]) -> str:
    """What other data or classes the rows have than the claim; empty if they have its own."""
    found: dict[str, None] = {}
    for row in rows:
        found |= dict.fromkeys(other_task(flat_config(_first_run(row)), claim.dataset))
    return "; ".join(found)


def _why_undecided(rows: Sequence[Row], evidence: Evidence, interval: Interval | None) -> str:
    """What forbids a finding; empty if nothing does."""
    why = too_little(rows) or teachers_forbid(rows, evidence.recorded)
    return why or no_width(interval)


def _judge_size(claim: Claim, rows: Sequence[Row], evidence: Evidence) -> ClaimResult:
    """Of networks built for the printed number of classes, whatever was trained.

    Every seed has the same number: the interval has no width, and needs none.
    """
    table = evidence.question.printed if evidence.question else None
    sizes = [printed_size(row, claim.metric, claim.dataset, table) for row in rows]
    known = [size for size in sizes if size is not None]
    runs = [_first_run(row) for row in rows]
    is_known = len(known) == len(rows)
    estimate = known[0] - (known[1] if len(known) > 1 else 0.0) if is_known else None
    interval = None if estimate is None else Interval(estimate, estimate, estimate)
    finding, reason = NOT_COMPARABLE, "its size with so many classes is not known"
    if interval is not None:
        finding, reason = judge_interval(interval, claim.between)
    return ClaimResult(
        claim=claim,
        estimate=estimate,
        interval=interval,
        protocol=_protocol(claim, runs, evidence),
        finding=finding,
        num_seeds=min(len(row.runs) for row in rows),
        is_conditional=False,
        reason=reason,
    )


def _first_run(row: Row) -> dict:
    return next(iter(row.runs.values()))


def _not_judged(claim: Claim, rows: Sequence[Row], evidence: Evidence) -> ClaimResult:
    begun = [run for row in rows if not row.runs for run in row.unrecorded.values()]
    for state, finding, reason in (
        (DIVERGED, DIVERGED, ""),
        (STOPPED, UNDECIDED, "runs stopped early"),
    ):
        if ended := [run for run in begun if run["status"] == state]:
            protocol = _protocol(claim, ended, evidence)
            if other := other_task(flat_config(ended[0]), claim.dataset):
                finding, reason = NOT_COMPARABLE, "; ".join(other)
            return ClaimResult(claim, None, None, protocol, finding, 0, False, reason)
    return not_run(claim)


def not_run(claim: Claim) -> ClaimResult:
    """Of a claim about rows that have no record."""
    return ClaimResult(claim, None, None, [], NOT_RUN, 0, False)


def _protocol(claim: Claim, runs: Sequence[dict], evidence: Evidence) -> list[str] | None:
    """Where runs depart from the paper's protocol; of sizes, only what decides a size."""
    if not evidence.is_of_paper:
        return None
    if claim.dataset not in PROTOCOL:
        return [f"the paper has no protocol for {claim.dataset}"]
    found: dict[str, None] = {}
    varied = evidence.varied_keys
    if claim.metric in SIZE_METRICS:
        varied = [*varied, "teacher"]
    for run in runs:
        config = flat_config(run)
        if claim.metric in SIZE_METRICS:
            config = {key: config[key] for key in config if key.startswith(SIZE_KEYS)}
        found |= dict.fromkeys(departures(config, claim.dataset, varied))
    return list(found)


def _judge_timing(claim: Claim, evidence: Evidence) -> ClaimResult:
    values = [timed_rounds(evidence, label, claim.metric) for label in claim.rows]
    timed = [secs for secs in values if secs is not None]
    if len(timed) < len(claim.rows):
        return not_run(claim)
    interval = rounds_interval(timed)
    assert evidence.timing is not None
    finding, reason = judge_interval(interval, claim.between)
    if why := no_width(interval) or ("" if interval else "fewer than six rounds"):
        finding, reason = UNDECIDED, why
    return ClaimResult(
        claim=claim,
        estimate=interval.estimate if interval else None,
        interval=interval,
        protocol=(
            [f"timed on other hardware: {evidence.timing['how']}"] if evidence.is_of_paper else None
        ),
        finding=finding,
        num_seeds=1,
        is_conditional=False,
        reason=reason,
    )


def judge_interval(interval: Interval | None, between: tuple[Bound, Bound]) -> tuple[str, str]:
    """Finding and reason. agrees: the interval lies within the bounds; disagrees: outside.

    A bound that is touched is not kept: what is exactly equal is not "above".
    """
    if interval is None:
        return UNDECIDED, "no interval"
    low = -np.inf if between[0] is None else between[0]
    high = np.inf if between[1] is None else between[1]
    if low < interval.low and interval.high < high:
        return AGREES, ""
    if interval.high < low or interval.low > high:
        return DISAGREES, ""
    is_touched = {low, high} & {interval.low, interval.high}
    return UNDECIDED, f"the interval {'touches' if is_touched else 'crosses'} a bound"


def flat_config(run: dict) -> dict:
    """A record as a flat configuration, its choices under the keys that a configuration has."""
    choices = {"choices.dataset": run.get("dataset"), "choices.model": run.get("model")}
    return {key: value for key, value in run.items() if key != "class_names"} | choices


def claims_of(question: Question) -> list[Claim]:
    """A claim for each number that the paper's table prints, then the question's own claims."""
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
    """What pages call a metric."""
    names = {
        "top1": "top-1", "top5": "top-5", "f1": "F1", "gflops_batch1024": "GFLOPs",
        "parameters_m": "parameters (M)", "best_top1": "best top-1",
    }  # fmt: skip
    return names.get(metric, metric)
