"""Rows that choose the values of tuned keys: candidates on a validation split, then the best one.

A candidate has seed 0 whatever seeds are requested. So more seeds, requested later, find the
choice made.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from titn.config.overrides import override_key
from titn.records.cell_state import DAMAGED, DIVERGED, DONE, FAILED
from titn.records.question import Question
from titn.sweeps.overrides import CellRequest, Scalar, SweepRequest, applicable
from titn.sweeps.plan import SweepCell, SweepPart, plan_cell
from titn.sweeps.search.space import MAX_GRID, Choice, Space, read_domain
from titn.sweeps.sweep import Sweep
from titn.system.errors import ConfigError
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.planning import Planner

CANDIDATE_SEED = "0"
HELD_OUT = "dataset.split=validation"
NONE_TRAINED = "no cells: of the values that it chooses from none could be trained"
PATIENCE = ("patience", "teacher.patience")


def is_for_test(override: str) -> bool:
    """Whether it holds on test images, too: nothing is held out there, and nothing is stopped."""
    return override_key(override) not in (override_key(HELD_OUT), *PATIENCE)


def for_test(sweep: Sweep, request: SweepRequest) -> SweepRequest:
    """The request of the cells whose values candidates choose: on test images without patience."""
    shared = tuple(one for one in request.shared if override_key(one) not in PATIENCE)
    if shared == request.shared:
        return request
    (row, *_) = request.rows.values()
    split = sweep.compose([*applicable(shared, row), *row])["dataset"].get("split")
    return request if split == "validation" else replace(request, shared=shared)


def candidate_requests(sweep: Sweep, request: SweepRequest) -> list[CellRequest]:
    """A cell for each value, or combination of values, among which a row has to choose."""
    return [
        CellRequest(row, CANDIDATE_SEED, (*overrides, HELD_OUT), tuned)
        for row, overrides in request.row_overrides().items()
        if len(grid := _grid(sweep, row)) > 1
        for tuned in grid
    ]


def plan_candidates(sweep: Sweep, planner: "Planner", request: SweepRequest) -> SweepPart:
    candidates = candidate_requests(sweep, request)
    cells = [plan_cell(sweep, planner, one, "candidate") for one in candidates]
    return SweepPart(for_test(sweep, request) if cells else request, cells)


def plan_cells(sweep: Sweep, planner: "Planner", candidates: SweepPart) -> SweepPart:
    """The cells of all rows with chosen values; rows that cannot choose yet have none."""
    tuned = {
        row: _choose(_grid(sweep, row), candidates.cells, row)
        for row in candidates.request.rows
        if can_choose(candidates.cells, row)
    }
    return _plan_tuned(sweep, planner, candidates.request, tuned)


def plan_expected(sweep: Sweep, planner: "Planner", candidates: SweepPart) -> SweepPart:
    """`plan_cells`, as if the rows that cannot choose yet had chosen their first values."""
    waiting = [row for row, why in rows_without_choice(candidates).items() if why != NONE_TRAINED]
    first = {row: _grid(sweep, row)[0] for row in waiting}
    expected = _plan_tuned(sweep, planner, candidates.request, first)
    known = plan_cells(sweep, planner, candidates)
    return SweepPart(candidates.request, [*known.cells, *expected.cells])


def _plan_tuned(
    sweep: Sweep,
    planner: "Planner",
    request: SweepRequest,
    tuned: Mapping[str, Mapping[str, Scalar]],
) -> SweepPart:
    """The cells of the rows that have values in `tuned`."""
    cells = [replace(cell, tuned=tuned[cell.row]) for cell in request.cells() if cell.row in tuned]
    return SweepPart(request, [plan_cell(sweep, planner, cell) for cell in cells])


def rows_without_choice(candidates: SweepPart) -> dict[str, str]:
    """Row -> why it has no cells, of the rows whose values cannot be chosen yet."""
    return {
        row: _why_undecided([one.state for one in candidates.cells if one.row == row])
        for row in candidates.request.rows
        if not can_choose(candidates.cells, row)
    }


def _why_undecided(states: Sequence[str]) -> str:
    """states: of all candidates of a row."""
    if all(state == DIVERGED for state in states):
        return NONE_TRAINED
    ended = [state for state in states if state in (FAILED, DAMAGED)]
    left = [state for state in states if state not in (*DONE, DIVERGED, FAILED, DAMAGED)]
    if left:
        waits_for = f"{counted(len(left), 'candidate')} without a record"
        return f"no cells yet: {waits_for}; the same command goes on"
    failed = f"{len(ended)} of {counted(len(states), 'candidate')} failed"
    return f"no cells yet: {failed}; retry=failed tries again"


def can_choose(candidates: Sequence[SweepCell], row: str) -> bool:
    """Whether all candidates of a row are tried and one is recorded; true for a row without any.

    A candidate that diverged counts as tried.
    """
    own = [candidate for candidate in candidates if candidate.row == row]
    return not own or are_tried(own)


def are_tried(candidates: Sequence[SweepCell]) -> bool:
    """Whether all candidates are tried and one is recorded; one that diverged counts as tried."""
    states = [candidate.state for candidate in candidates]
    is_done = [state in DONE for state in states]
    return any(is_done) and all(
        done or state == DIVERGED for done, state in zip(is_done, states, strict=True)
    )


def best_candidate(candidates: Sequence[SweepCell]) -> SweepCell:
    """The one with the highest top1 on the validation split; the first of equals."""
    scores = [
        (result["top1"], candidate)
        for candidate in candidates
        if (result := candidate.cell.directory.result())
    ]
    return max(scores, key=lambda score: score[0])[1]


def _grid(sweep: Sweep, row: str) -> Sequence[Mapping[str, Scalar]]:
    return tuning_grid(sweep.question, row) if sweep.question else [{}]


def tuning_grid(question: Question, row: str) -> list[dict[str, Scalar]]:
    """The combinations of values that a row chooses from, in the order of the file.

    It is the grid of a search whose space is what the row tunes: a single empty one without.
    ConfigError for an expression that cannot be read, or has no end.
    """
    domains = {
        key: read_domain(values, f"question.tune.{key}")
        if isinstance(values, str)
        else Choice(values)
        for key, values in question.tuned(row).items()
    }
    if endless := [key for key, domain in domains.items() if domain.num_points() is None]:
        raise ConfigError(
            f"question.tune.{endless[0]}: is an interval without steps; write range(a,b,step) or "
            "choice(...), or let a search choose: +search=NAME"
        )
    if math.prod(domain.num_points() or 0 for domain in domains.values()) > MAX_GRID:
        raise ConfigError(
            f"question.tune: {row} has more than {MAX_GRID} combinations; let a search choose: "
            "+search=NAME"
        )
    space = Space(domains, {})
    return [space.values(chosen) for chosen in space.grid()]


def _choose(
    grid: Sequence[Mapping[str, Scalar]], candidates: Sequence[SweepCell], row: str
) -> Mapping[str, Scalar]:
    """The values with the highest top1 on the validation split; the first of equals."""
    if len(grid) == 1:
        return grid[0]
    return best_candidate([one for one in candidates if one.row == row]).request.tuned
