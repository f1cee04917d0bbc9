"""The answer of a question about networks that were not trained: what they cost."""

import numpy as np

from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.latencies import timed_rounds
from titn.reporting.markdown import escape
from titn.system.text import in_millions


def cost_answer(evidence: Evidence) -> str:
    """The baseline's size; and where it was timed, which rows are quicker."""
    baseline = evidence.baseline
    if baseline is None:
        return "The networks were not trained, and the baseline has no record."
    parts = ["The networks were not trained.", _size(baseline)]
    latency, throughput = (
        _medians(evidence, metric) for metric in ("latency_ms", "images_per_sec_inference")
    )
    label = baseline.label
    if label in latency:
        quicker = [other for other in latency if latency[other] < latency[label]]
        parts.append(
            f"At batch 1 it takes {latency[label]:.1f} ms; faster: {_named(quicker, latency)}."
        )
    if label in throughput:
        quicker = [other for other in throughput if throughput[other] > throughput[label]]
        parts.append(
            f"At batch 128 it classifies {throughput[label]:.0f} images/s; "
            f"faster: {_named(quicker, throughput)}."
        )
    return " ".join(parts)


def _size(row: Row) -> str:
    parameters, macs = row.values("parameters_m"), row.values("macs")
    if np.isnan([*parameters, *macs]).any():
        return f"{escape(row.label)} is the baseline."
    return (
        f"{escape(row.label)} has {in_millions(1e6 * parameters[0], 2)} parameters and does "
        f"{in_millions(macs[0], 1)} multiply-accumulates for an image."
    )


def _medians(evidence: Evidence, metric: str) -> dict[str, float]:
    """label -> median over rounds, of the rows that were timed."""
    rounds = {row.label: timed_rounds(evidence, row.label, metric) for row in evidence.recorded}
    return {
        label: float(np.median(values)) for label, values in rounds.items() if values is not None
    }


def _named(labels: list[str], values: dict[str, float]) -> str:
    ordered = sorted(labels, key=lambda label: values[label])
    return "; ".join(f"{escape(label)} ({_short(values[label])})" for label in ordered) or "none"


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
