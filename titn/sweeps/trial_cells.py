"""The cells of the trials of a search: on a validation split that no teacher saw either."""

import shlex
import sys
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from titn.config.overrides import naming_dirs, override_key, own_dirs_typed
from titn.config.spelling import for_hydra
from titn.records.search import SEARCH, trial_row
from titn.sweeps.overrides import CellRequest, Scalar, applicable
from titn.sweeps.plan import SweepCell, plan_cell
from titn.sweeps.search.read import job_keys
from titn.sweeps.search.study import Trial
from titn.sweeps.sweep import Sweep
from titn.sweeps.tuning import CANDIDATE_SEED, HELD_OUT, is_for_test
from titn.system.errors import ConfigError

if TYPE_CHECKING:
    from titn.cells.planning import Planner

# So many configurations are drawn before a space counts as one in which nothing is possible.
MAX_IMPOSSIBLE = 30


class TrialCells:
    """Plans the cell of a trial, each once."""

    def __init__(self, sweep: Sweep, planner: "Planner"):
        self.sweep, self.planner = sweep, planner
        self.planned: dict[int, SweepCell] = {}

    def of(self, trial: Trial) -> SweepCell:
        """ConfigError if the configuration is impossible."""
        if trial.number not in self.planned:
            assert self.sweep.search is not None
            values = self.sweep.search.space.values(trial.chosen)
            for_job = job_keys(self.sweep.search.name, self.sweep.search.search, trial.number)
            self.planned[trial.number] = replace(
                self._plan(values),
                for_job=for_job,
                trial=trial.number,
                known_as=trial_row(trial.number),
            )
        return self.planned[trial.number]

    def first_possible(self) -> SweepCell:
        """Of some drawn configurations, the same each time; ConfigError if there is none."""
        assert self.sweep.search is not None
        space, rng, reasons = self.sweep.search.space, Random(0), list[str]()
        for _ in range(MAX_IMPOSSIBLE):
            try:
                return self._plan(space.values(space.draw(rng)))
            except ConfigError as error:
                reasons.append(str(error))
        if len(set(reasons)) == 1:
            raise ConfigError(reasons[0])
        raise ConfigError(
            f"search.space: of {MAX_IMPOSSIBLE} drawn configurations none is possible; the last: "
            f"{reasons[-1]}"
        )

    def check_setting(self, cell: SweepCell) -> None:
        """ConfigError if the search's file sets more than the search: its best needs no file."""
        overrides = [one for one in cell.request.job_overrides() if not _names_search(one)]
        run, asked = self.sweep.compose(overrides), cell.cell.run
        other = [key for key in run if asked[key] != run[key] and key != "choices"]
        if other:
            before, chosen = (one["choices"].get(other[0]) for one in (run, asked))
            named = f"sets {other[0]}" if chosen == before else f"chooses {other[0]}={chosen}"
            raise ConfigError(
                f"+{SEARCH}: its file {named}, too; take that out, and give it on the command line"
            )

    def command(self, trial: Trial) -> str:
        """The command line that makes the trial's configuration, and evaluates it on test."""
        named = naming_dirs(own_dirs_typed(sys.argv[1:]))
        overrides = self.overrides_on_test(self.of(trial))
        return shlex.join(["python", "-m", "titn.train", *named, *overrides])

    def overrides_on_test(self, cell: SweepCell) -> list[str]:
        """Those that make a trial's configuration, with its seed, and evaluate it on test."""
        request = cell.request
        own = [one for one in request.overrides if is_for_test(one) and not _names_search(one)]
        return [*own, *(f"{key}={for_hydra(value)}" for key, value in request.tuned.items())]

    def on_test(self, cell: SweepCell) -> SweepCell:
        """A trial's cell as it is confirmed: trained on all training images."""
        request = cell.request
        own = tuple(one for one in request.overrides if is_for_test(one))
        return plan_cell(self.sweep, self.planner, replace(request, overrides=own))

    def _plan(self, values: dict[str, Scalar]) -> SweepCell:
        (request,) = self.sweep.requests
        (beside,) = request.rows.values()
        texts = tuple(f"{key}={value}" for key, value in values.items())
        shared = applicable((*request.shared, *beside), texts)
        seed = request.seeds[0] or CANDIDATE_SEED
        cell = CellRequest("trial", seed, (*shared, HELD_OUT), values)
        return plan_cell(self.sweep, self.planner, cell, "candidate")


def _names_search(override: str) -> bool:
    return override_key(override) == SEARCH
