"""Ends trials that promise too little: after each epoch a job tells its study, and asks.

Sources: successive halving (Jamieson and Talwalkar, 2016), without waiting for a whole rung (Li et
al., 2020); hyperband (Li et al., 2018); the median as Vizier has it (Golovin et al., 2017).
"""

from collections.abc import Iterable
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)

from titn.cells.pruning import Prunes
from titn.records.search import Search
from titn.sweeps.search.storage import StudyStorage
from titn.system.errors import ConfigError
from titn.system.progress import say

# The median of fewer trials would be one of the first configurations that were drawn.
MEDIAN_TRIALS = 5
# Of a rung the best third goes on, in halving and in each bracket of hyperband.
REDUCTION = 3


def pruner_of(search: Search, epochs: int) -> BasePruner:
    """The pruner of a search whose trials have so many epochs; an epoch is its unit of budget."""
    if search.pruned_by == "median":
        least = search.min_epochs or max(1, epochs // 4)
        return MedianPruner(n_startup_trials=MEDIAN_TRIALS, n_warmup_steps=least)
    least = search.min_epochs or 1
    if search.pruned_by == "halving":
        return SuccessiveHalvingPruner(min_resource=least, reduction_factor=REDUCTION)
    if search.pruned_by == "hyperband":
        return HyperbandPruner(
            min_resource=least, max_resource=max(epochs, least), reduction_factor=REDUCTION
        )
    return NopPruner()


class TrialReports:
    """Tells a study of a trial's epochs; called with the row of each, returns whether to end it.

    epochs: that the trial has. Raises ConfigError where the study cannot be reached at the
    beginning. One that cannot be reached later ends nothing: the trial goes on to its last epoch.
    """

    def __init__(self, storage: StudyStorage, study: str, search: Search, number: int, epochs: int):
        self.storage, self.number = storage, number
        (self.objective,) = search.objective
        with storage.alone():
            self.study = optuna.load_study(
                study_name=study, storage=storage.storage, pruner=pruner_of(search, epochs)
            )
            self.trial = storage.trial_id(study, number)

    def __call__(self, row: dict) -> bool:
        if self.objective not in row:  # this epoch was not evaluated
            return False
        try:
            with self.storage.alone():
                return self._is_behind(row["epoch"], row[self.objective])
        except UpdateFinishedTrialError:
            return False  # another worker has told it
        except ConfigError as error:
            say(f"trial {self.number}: {error}; the trial goes on")
            return False

    def tell_all(self, rows: Iterable[dict]) -> None:
        """The epochs that no job has told: other trials are compared with a recorded one, too."""
        with self.storage.alone():
            told = self.storage.storage.get_trial(self.trial).intermediate_values
        for row in rows:
            if row["epoch"] not in told:
                self(row)

    def _is_behind(self, epoch: int, reached: float) -> bool:
        storage = self.storage.storage
        storage.set_trial_intermediate_value(self.trial, epoch, reached)
        return self.study.pruner.prune(self.study, storage.get_trial(self.trial))


def reports_of(
    directory: Path, study: str, search: Search, number: int, epochs: int
) -> Prunes | None:
    """What the job of a trial asks after each epoch; None if nothing can end it.

    directory: of the sweep. A study that cannot be reached is said, and ends no trial.
    """
    if search.pruned_by == "none":
        return None
    try:
        return TrialReports(StudyStorage(directory, search), study, search, number, epochs)
    except ConfigError as error:
        say(f"trial {number}: {error}; it cannot be pruned, and goes on")
        return None
