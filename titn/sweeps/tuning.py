"""Rows that choose the values of tuned keys: candidates on a validation split, then the best one.

A candidate has seed 0 whatever seeds are requested. So more seeds, requested later, find the
choice made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from titn.records.cell_state import DIVERGED, RECORDED
from titn.sweeps.overrides import CellRequest, Scalar, SweepRequest
from titn.sweeps.plan import SweepCell, SweepPart, plan_cell
from titn.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from titn.cells.planning import Planner

CANDIDATE_SEED = "0"
HELD_OUT = "dataset.split=validation"


def candidate_requests(sweep: Sweep, request: SweepRequest) -> list[CellRequest]:
    """A cell for each value, or combination of values, among which a row has to choose."""
    return [
        CellRequest(row, CANDIDATE_SEED, (*overrides, HELD_OUT), tuned)
        for row, overrides in request.row_overrides().items()
        if len(_grid(sweep, row)) > 1
        for tuned in _grid(sweep, row)
    ]


def plan_candidates(sweep: Sweep, planner: "Planner", request: SweepRequest) -> SweepPart:
    candidates = candidate_requests(sweep, request)
    return SweepPart(request, [plan_cell(sweep, planner, one, "candidate") for one in candidates])


def plan_cells(sweep: Sweep, planner: "Planner", candidates: SweepPart) -> SweepPart:
    """The cells of all rows with chosen values; rows that cannot choose yet have none."""
    request = candidates.request
    tuned = {
        row: _choose(_grid(sweep, row), candidates.cells, row)
        for row in request.rows
        if can_choose(candidates.cells, row)
    }
    cells = [replace(cell, tuned=tuned[cell.row]) for cell in request.cells() if cell.row in tuned]
    return SweepPart(request, [plan_cell(sweep, planner, cell) for cell in cells])


def rows_without_choice(candidates: SweepPart) -> list[str]:
    return [row for row in candidates.request.rows if not can_choose(candidates.cells, row)]


def can_choose(candidates: Sequence[SweepCell], row: str) -> bool:
    """Whether all candidates of a row are tried and one is recorded; true for a row without any.

    A candidate that diverged counts as tried.
    """
    own = [candidate for candidate in candidates if candidate.row == row]
    return not own or are_tried(own)


def are_tried(candidates: Sequence[SweepCell]) -> bool:
    """Whether all candidates are tried and one is recorded; one that diverged counts as tried."""
    states = [candidate.state for candidate in candidates]
    return all(state in (RECORDED, DIVERGED) for state in states) and RECORDED in states


def best_candidate(candidates: Sequence[SweepCell]) -> SweepCell:
    """The one with the highest top1 on the validation split; the first of equals."""
    scores = [
        (result["top1"], candidate)
        for candidate in candidates
        if (result := candidate.cell.directory.result())
    ]
    return max(scores, key=lambda score: score[0])[1]


def _grid(sweep: Sweep, row: str) -> Sequence[Mapping[str, Scalar]]:
    """Combinations of tuned values of a row; a single empty one if it has nothing to choose."""
    return sweep.question.tuning_grid(row) if sweep.question else [{}]


def _choose(
    grid: Sequence[Mapping[str, Scalar]], candidates: Sequence[SweepCell], row: str
) -> Mapping[str, Scalar]:
    """The values with the highest top1 on the validation split; the first of equals."""
    if len(grid) == 1:
        return grid[0]
    return best_candidate([one for one in candidates if one.row == row]).request.tuned
