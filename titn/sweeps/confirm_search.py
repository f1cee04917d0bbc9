"""The best configurations of a search once more: on test, with seeds that chose nothing.

They are the rows of an ordinary question, whose baseline is the setting with its defaults. The
defaults are made on the validation split, too, with the trials' seed: so what the search gained
there is compared with what it gains on test.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from titn.config.overrides import override_key
from titn.config.spelling import for_hydra
from titn.records.cell_state import DONE, cell_state
from titn.records.question import Question
from titn.records.search import CONFIRMATION, DEFAULTS, trial_row
from titn.records.sweep_dir import SweepDir
from titn.sweeps.overrides import CellRequest, Scalar, SweepRequest
from titn.sweeps.plan import SweepCell, SweepPart, plan_cell
from titn.sweeps.search.study import StudyFile, Trial
from titn.sweeps.sweep import Sweep
from titn.sweeps.trial_cells import TrialCells
from titn.sweeps.tuning import HELD_OUT, is_for_test
from titn.system.errors import ConfigError
from titn.system.progress import say

if TYPE_CHECKING:
    from titn.cells.planning import Planner

# Makes the cells of parts, for a sweep with the question of the confirmation.
MakeParts = Callable[[Sweep, Sequence[SweepPart]], Any]


def best_distinct(found: StudyFile, trials: TrialCells, most: int) -> list[tuple[Trial, SweepCell]]:
    """The best complete trials with different configurations, the best first.

    Of several objectives those of the front, the best in the first objective first.
    """
    chosen: dict[str, tuple[Trial, SweepCell]] = {}
    for one in found.ranked():
        if len(chosen) == most:
            break
        trial = Trial(one.number, one.params)
        cell = trials.of(trial)
        chosen.setdefault(cell.config_hash, (trial, cell))
    return list(chosen.values())


@dataclass(frozen=True)
class Confirmation:
    """The sweep of a search's confirmation. parts: a candidate, the defaults; and the cells."""

    sweep: Sweep
    parts: list[SweepPart]


def plan_confirmation(
    sweep: Sweep,
    planner: "Planner",
    best: Sequence[tuple[int, dict[str, Scalar]]],
    of_trials: int,
) -> Confirmation:
    """best: numbers of trials and the values that they chose. of_trials: the seed of all of them.

    Defaults that cannot be are left out: the first trial is the baseline then.
    """
    assert sweep.search is not None
    (asked,) = sweep.requests
    (beside,) = asked.rows.values()
    rows = {
        trial_row(number): tuple(f"{key}={for_hydra(value)}" for key, value in values.items())
        for number, values in best
    }
    of_all = (*asked.shared, *beside)
    seeds = tuple(map(str, sweep.search.search.fresh_seeds(of_trials)))
    request = SweepRequest(tuple(filter(is_for_test, of_all)), {DEFAULTS: (), **rows}, seeds)
    as_trials = (one for one in of_all if override_key(one) != override_key(HELD_OUT))
    tried = CellRequest(DEFAULTS, str(of_trials), (*as_trials, HELD_OUT))
    try:
        candidates = [plan_cell(sweep, planner, tried, "candidate")]
    except ConfigError as error:
        say(f"{sweep.name}: confirmed without the defaults, which cannot be made: {error}")
        request, candidates = replace(request, rows=rows), []
    known = replace(
        sweep,
        question=_question(sweep, request),
        requests=[request],
        search=None,
        directory=SweepDir(sweep.directory.path / CONFIRMATION),
    )
    cells = [plan_cell(known, planner, cell) for cell in request.cells()]
    return Confirmation(known, [SweepPart(request, candidates), SweepPart(request, cells)])


def is_confirmed(sweep: Sweep, number: int) -> bool:
    """Whether a trial was made again on test already, with any of its seeds."""
    kept = SweepDir(sweep.directory.path / CONFIRMATION)
    return any(
        cell.role == "cell"
        and cell.row == trial_row(number)
        and cell_state(kept.run_dir(cell), cell.config_hash) in DONE
        for cell in kept.cells()
    )


def _question(sweep: Sweep, request: SweepRequest) -> Question:
    assert sweep.search is not None
    search = sweep.search.search
    return Question(title=search.title, asks=search.asks, rows=dict(request.rows))
