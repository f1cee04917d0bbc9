"""Measures the latency of the rows' networks, for a question that asks for it."""

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from titn.records.provenance import cpu_name
from titn.sweeps.plan import SweepPart, plan_cell, plan_setting
from titn.sweeps.sweep import Sweep
from titn.system.progress import say

if TYPE_CHECKING:
    from titn.cells.cell import Cell
    from titn.cells.planning import Planner

# One image, and as many as keep the hardware busy.
BATCH_SIZES = (1, 128)
NUM_ROUNDS, ROUND_SECS = 11, 0.1


def record_latencies(sweep: Sweep, planner: "Planner", part: SweepPart) -> None:
    """Time one network of each row and record it, unless all are recorded already.

    With a new row, or another network in one, those that are recorded are timed again: only times
    that took turns are compared.
    """
    setting = plan_setting(sweep, planner, part)
    cells = {planned.row: planned.cell for planned in reversed(part.cells)}
    recorded = sweep.directory.latency(setting)
    known = set(recorded["rows"]) if recorded else set()
    # Of times of before networks were recorded nobody knows better.
    timed = recorded.get("networks", {}) if recorded else {}
    is_same = all(
        timed.get(row, network_key(cell)) == network_key(cell) for row, cell in cells.items()
    )
    if set(cells) <= known and is_same and not sweep.force:
        return
    assert sweep.question is not None
    others = {row: own for row, own in sweep.question.rows.items() if row in known - set(cells)}
    request = replace(part.request, rows=others, seeds=part.request.seeds[:1])
    cells |= {cell.row: plan_cell(sweep, planner, cell).cell for cell in request.cells()}
    sweep.directory.add_latency(setting, time_networks(cells))


def network_key(cell: "Cell") -> str:
    """The same for all cells whose networks take the same time: other seeds, other recipes."""
    spec = cell.dataset.spec
    network = [cell.run["model"], spec.size, spec.channels, spec.num_classes]
    content = [network, cell.run["precision"], cell.identity["source_digest"]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def time_networks(cells: dict[str, "Cell"]) -> dict:
    """The rows' latencies as titn.records.sweep_schemas.LatencySchema; cells: row -> cell."""
    from titn.profiling import latencies

    say(f"timing {len(cells)} networks; the machine should have nothing else to do")
    timed = [
        network
        for row, cell in cells.items()
        for network in latencies.timed_networks(
            row, cell.run, cell.dataset.spec, BATCH_SIZES, ROUND_SECS
        )
    ]
    latencies.take_turns(timed, NUM_ROUNDS)
    rows: dict[str, dict[str, list[float]]] = {row: {} for row in cells}
    for network in timed:
        rows[network.name][str(network.batch)] = network.times
    return {
        "how": latencies.describe_setup(next(iter(cells.values())).run, cpu_name()),
        "rows": rows,
        "networks": {row: network_key(cell) for row, cell in cells.items()},
    }
