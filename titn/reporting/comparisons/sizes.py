"""What a row's network has with the number of classes that the paper counts."""

import math

from titn.paper.heads import cost_with_classes
from titn.paper.printed import printed_num_classes
from titn.reporting.evidence.row import Row

# Metrics of a network and not of its training, in the paper's units.
SIZE_METRICS = ("parameters_m", "gflops_batch1024")


def printed_size(row: Row, metric: str, dataset: str, table: str | None) -> float | None:
    """A size of a row's network, as `table` of the paper counts it on a data set.

    The network is that of the row's records, which may have been trained on fewer classes: its head
    is resized by formula. None without a record, or if it has other classes and its head is not
    known.
    """
    run = next(iter(row.runs.values()), None)
    if run is None:
        return None
    own = row.num_classes
    printed = printed_num_classes(table, row.label, dataset) or own
    if own == printed:
        value = float(row.values(metric)[0])
        return None if math.isnan(value) else value
    cost = cost_with_classes(run, own, printed)
    return None if cost is None else float(getattr(cost, metric))
