"""The samplers of a study, each seeded by the number of the trial that it samples for.

So the draws of a trial depend on the seed and the trials before it, and not on when its process
began: a study that is continued draws as one that was never interrupted.
"""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial, TrialState

from titn.records.search import Search
from titn.system.errors import ConfigError

# Of a generation; optuna's 50 would make a search of 50 trials a random one.
POPULATION = 20

MakeSampler = Callable[[int], BaseSampler]


class SeededSampler(BaseSampler):
    """Samples for each trial with a sampler of its own; make: a seed -> a sampler."""

    def __init__(self, seed: int, make: MakeSampler):
        self.seed = seed
        self.make = make
        self.made: dict[int, BaseSampler] = {}

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        if trial.number not in self.made:
            text = f"{self.seed} {trial.number}"
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
            self.made[trial.number] = self.make(seed)
        return self.made[trial.number]

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._of(trial).before_trial(study, trial)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        self._of(trial).after_trial(study, trial, state, values)
        self.made.pop(trial.number, None)


def sampler_of(search: Search) -> SeededSampler:
    """ConfigError for a sampler that is not installed, or that takes one objective alone."""
    if search.sampler == "cmaes":
        _check_cmaes(search)
    makers: dict[str, MakeSampler] = {
        # Of the trials that other workers are at it takes the worst, and looks elsewhere.
        "tpe": lambda seed: TPESampler(seed=seed, constant_liar=True),
        "random": lambda seed: RandomSampler(seed=seed),
        "cmaes": lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False),
        "nsga2": lambda seed: NSGAIISampler(seed=seed, population_size=POPULATION),
        # The configurations of a grid are queued: nothing is sampled.
        "grid": lambda seed: RandomSampler(seed=seed),
    }
    make = makers[search.sampler]

    def quietly(seed: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # optuna's, of what it calls experimental
            return make(seed)

    return SeededSampler(search.seed, quietly)


def _check_cmaes(search: Search) -> None:
    if len(search.objective) > 1:
        raise ConfigError("search.sampler=cmaes: takes one objective; choose search.sampler=nsga2")
    try:
        import cmaes  # noqa: F401
    except ImportError:
        raise ConfigError(
            "search.sampler=cmaes: needs cmaes; run: pip install cmaes, or choose "
            "search.sampler=tpe"
        ) from None
