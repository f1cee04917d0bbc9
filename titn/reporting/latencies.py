"""Inference times of a question about latency: rounds of networks that took turns."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from titn.reporting.evidence.evidence import Evidence
from titn.reporting.statistics.intervals import Interval, median_interval, same_shape

# metric -> batch size, and the metric as a function of the seconds of a batch.
TIMING_METRICS: dict[str, tuple[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "latency_ms": ("1", lambda secs: 1000 * secs),
    "images_per_sec_inference": ("128", lambda secs: 128 / secs),
}


def timed_rounds(evidence: Evidence, label: str, metric: str) -> NDArray[np.float64] | None:
    """(rounds,) the metric in each round; None if the row was not timed."""
    batch, convert = TIMING_METRICS[metric]
    secs = (evidence.timing or {"rows": {}})["rows"].get(label, {}).get(batch)
    return None if secs is None else convert(np.array(secs, dtype=float))


def rounds_interval(values: list[NDArray[np.float64]]) -> Interval | None:
    """95% interval of the median round: of one row, or of the first less the second, paired.

    None with fewer than six rounds.
    """
    if len(values) == 1:
        return median_interval(values[0])
    first, second = same_shape(*values)
    return median_interval(first - second)
