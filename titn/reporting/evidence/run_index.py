"""Finds the run of a planned cell: all runs by their identity."""

import json
from collections import Counter
from collections.abc import Collection
from typing import Any

from titn.records.cell_state import RECORDED
from titn.records.collation import Records, has_value
from titn.records.sweep_plan import PlannedCell, Setting
from titn.reporting.evidence.row import STATES, Identity

RunIndex = dict[Identity, dict[str, Any]]


def index_runs(runs: Records) -> RunIndex:
    """(config hash, source digest) -> a run as a flat dict.

    If several directories hold the same cell, a record counts, and of several records the one that
    was begun first; its "num_others" is the number of records with other results, and its "others"
    are those.
    """
    found: dict[Identity, list[dict[str, Any]]] = {}
    for run in runs.to_dict("records"):
        known = {str(name): value for name, value in run.items() if has_value(value)}
        if "config_hash" in known and "source_digest" in known:
            key = (str(known["config_hash"]), str(known["source_digest"]))
            found.setdefault(key, []).append(known)
    return {key: same[0] if len(same) == 1 else _best(same) for key, same in found.items()}


def identity_of(cell: PlannedCell, setting: Setting) -> Identity:
    """The key of a planned cell in the index: its configuration, and the code that it uses."""
    return cell.config_hash, cell.source_digest or setting.source_digest


def _best(same: list[dict[str, Any]]) -> dict[str, Any]:
    chosen, *others = sorted(same, key=_precedence)
    by_outcome = {_outcome(run): run for run in reversed(others) if run["status"] == RECORDED}
    by_outcome.pop(_outcome(chosen), None)
    return chosen | {"num_others": len(by_outcome), "others": list(by_outcome.values())}


def with_common_teacher(index: RunIndex, wanted: Collection[Identity]) -> RunIndex:
    """The index in which a cell of several records has the one whose teacher most others had.

    wanted: the cells that are compared with each other. A teacher that was trained anew elsewhere
    is another network of the same identity: students of both are not told apart by their rows.
    """
    records = {
        identity: [index[identity], *index[identity].get("others", ())]
        for identity in wanted
        if identity in index
    }
    cells = Counter(one for same in records.values() for one in {*map(_teacher, same)})
    begun = {
        one: min(_started(run) for same in records.values() for run in same if _teacher(run) == one)
        for one in cells
    }
    # Of teachers of as many cells, for all cells the one whose student was begun first.
    order = sorted(cells, key=lambda one: (-cells[one], begun[one], str(one)))
    rank = {one: place for place, one in enumerate(order)}
    chosen = {}
    for identity, same in records.items():
        if len(same) > 1:
            best = min(same, key=lambda run: (rank[_teacher(run)], _started(run)))
            rest = [run for run in same if run is not best]
            chosen[identity] = best | {"num_others": len(rest), "others": rest}
    return index | chosen


def _started(run: dict[str, Any]) -> str:
    return str(run.get("environment.started"))


def _teacher(run: dict[str, Any]) -> tuple[Any, Any]:
    return run.get("teacher.config_hash"), run.get("teacher.top1")


def record_with(top1: float | None, run: dict[str, Any]) -> dict[str, Any]:
    """Of the records of a run's identity the one with this top-1; the run itself without one."""
    same = (one for one in (run, *run.get("others", ())) if one.get("top1") == top1)
    return next(same, run)


def _outcome(run: dict[str, Any]) -> tuple[float | None, float | None]:
    return run.get("top1"), run.get("nll")


def _precedence(run: dict[str, Any]) -> tuple[int, str, str]:
    """Best state first, then the earliest start, then the content, but never the place."""
    content = {key: run[key] for key in run if key != "path"}
    return (
        STATES.index(run["status"]),
        _started(run),
        json.dumps(content, sort_keys=True, default=str),
    )
