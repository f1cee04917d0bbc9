"""A path from one configuration to another: each step the change that helps most on validation.

The candidates of a step are made on a part of the training images that is held out, from the
teacher too, with seed 0 whatever seeds are requested: so more seeds, requested later, find the path
chosen. A step with one possible change has no candidates.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from titn.records.ablation import Ablation
from titn.records.question import Question
from titn.sweeps.ablation import designs
from titn.sweeps.ablation.generate import question_of
from titn.sweeps.announce import work_left
from titn.sweeps.estimate import TimeEstimator
from titn.sweeps.overrides import CellRequest, SweepRequest
from titn.sweeps.plan import SweepCell, SweepPart, plan_cell
from titn.sweeps.sweep import Sweep
from titn.sweeps.tuning import CANDIDATE_SEED, HELD_OUT, are_tried, best_candidate, for_test
from titn.system.progress import say
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.planning import Planner

T = TypeVar("T")
# Makes the cells of a part, for a sweep with the question as far as it is known; returns those
# without a record.
Make = Callable[[Sweep, SweepPart], list[T]]


def is_path(sweep: Sweep) -> bool:
    ablation = sweep.question.ablation if sweep.question else None
    return ablation is not None and ablation.design == "path"


def expected_requests(
    sweep: Sweep, request: SweepRequest
) -> tuple[list[list[CellRequest]], list[CellRequest]]:
    """The candidates of each round, and the cells of the rows, if the changes come in their order.

    Another order has as many, unless some combinations are impossible.
    """
    taken: list[int] = []
    rounds = []
    while steps := list(_next_steps(sweep, taken)):
        rounds.append(_candidate_requests(sweep, request, taken))
        taken.append(steps[0])
    return [one for one in rounds if one], list(_request(sweep, request, taken).cells())


def announce_path(sweep: Sweep, planner: "Planner", request: SweepRequest) -> None:
    """Say how many rounds and cells there are, and how long they take."""
    rounds, tested = expected_requests(sweep, request)
    candidates = [candidate for candidates in rounds for candidate in candidates]
    num_rows = len({cell.row for cell in tested})
    say(
        f"{sweep.name}: {counted(len(candidates), 'candidate')} on a validation split, in "
        f"{counted(len(rounds), 'round')}; then {counted(num_rows, 'row')} on test, "
        f"{counted(len(tested), 'cell')}"
    )
    cells = [plan_cell(sweep, planner, one, "candidate") for one in candidates]
    cells += [plan_cell(sweep, planner, one) for one in tested]
    say(f"  {work_left(cells, TimeEstimator(sweep.runs_dir))}, if the changes came in this order")


def choose_path(
    sweep: Sweep, planner: "Planner", request: SweepRequest, make: Make[T]
) -> tuple[Sweep, SweepPart | None, list[T]]:
    """The sweep with the rows of the path, their cells, and the candidates without a record.

    No cells if a step could not choose: its candidates are not made, or none could be trained.
    """
    num = len(_ablation(sweep).changes)
    taken: list[int] = []
    missing: list[T] = []
    while len(taken) < num:
        part = _candidates(sweep, planner, request, taken)
        if part.cells:
            missing += make(replace(sweep, question=_question(sweep, taken)), part)
            if missing or not are_tried(part.cells):
                return sweep, None, missing
        taken.append(_best(sweep, taken, part.cells))
    chosen = replace(sweep, question=_question(sweep, taken))
    return chosen, _rows(sweep, planner, request, taken), missing


def _ablation(sweep: Sweep) -> Ablation:
    assert sweep.question is not None
    assert sweep.question.ablation is not None
    return sweep.question.ablation


def _question(sweep: Sweep, taken: Sequence[int]) -> Question:
    """The question with the rows of the steps that are taken."""
    assert sweep.question is not None
    ablation = _ablation(sweep)
    states = designs.path(ablation.names, taken)
    return question_of(ablation.model_copy(update={"states": states}), sweep.question.margin)


def _next_steps(sweep: Sweep, taken: Sequence[int]) -> Iterator[int]:
    """The changes that can be made after those that are taken."""
    ablation = _ablation(sweep)
    for i in range(len(ablation.changes)):
        state = designs.state_of([*taken, i], len(ablation.changes))
        if i not in taken and designs.row_name(ablation.names, state) not in ablation.impossible:
            yield i


def _candidate_requests(
    sweep: Sweep, request: SweepRequest, taken: Sequence[int]
) -> list[CellRequest]:
    """A cell for each change that the next step may be; none if it is the only one."""
    ablation, steps = _ablation(sweep), list(_next_steps(sweep, taken))
    if len(steps) < 2:
        return []
    rows = {
        designs.step_label(ablation.names, [*taken, i]): ablation.overrides(
            designs.state_of([*taken, i], len(ablation.changes))
        )
        for i in steps
    }
    return [
        CellRequest(row, CANDIDATE_SEED, (*overrides, HELD_OUT))
        for row, overrides in replace(request, rows=rows).row_overrides().items()
    ]


def _candidates(
    sweep: Sweep, planner: "Planner", request: SweepRequest, taken: Sequence[int]
) -> SweepPart:
    asked = _candidate_requests(sweep, request, taken)
    cells = [plan_cell(sweep, planner, one, "candidate") for one in asked]
    return SweepPart(_request(sweep, request, taken), cells)


def _request(sweep: Sweep, request: SweepRequest, taken: Sequence[int]) -> SweepRequest:
    """The request, on test, with the rows of the steps that are taken."""
    rows = dict(_question(sweep, taken).rows)
    return for_test(sweep, replace(request, rows=rows))


def _rows(
    sweep: Sweep, planner: "Planner", request: SweepRequest, taken: Sequence[int]
) -> SweepPart:
    """The cells of a whole path."""
    request = _request(sweep, request, taken)
    return SweepPart(request, [plan_cell(sweep, planner, cell) for cell in request.cells()])


def _best(sweep: Sweep, taken: Sequence[int], cells: Sequence[SweepCell]) -> int:
    """The change with the highest top-1 on the validation split; the first of equals."""
    steps = list(_next_steps(sweep, taken))
    if not cells:
        return steps[0]
    best = best_candidate(cells)
    return next(i for i, cell in zip(steps, cells, strict=True) if cell is best)
