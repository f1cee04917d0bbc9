"""How much each key of a search matters, as optuna estimates it from the complete trials."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from titn.records.trials import DomainSchema, TrialSchema, TrialsFile

# Of fewer trials a forest, or a density of the best ones, says nothing.
MIN_TRIALS = 10
# Of the trials that count as good for PED-ANOVA: of ten the best alone would, by its own default.
GOOD = 0.25


@dataclass(frozen=True)
class Importance:
    """The shares of a key; all keys' sum to one. None for a key that not all trials have.

    variance: of the objective's variance over the space (fANOVA, Hutter et al., 2014). among_good:
    of what tells the best quarter from the others (PED-ANOVA, Watanabe et al., 2023).
    """

    key: str
    variance: float | None
    among_good: float | None


def importances(found: TrialsFile) -> list[Importance]:
    """By the first objective, the greatest first; empty with too few trials, or equal ones."""
    complete = [one for one in found.trials if one.outcome == "complete" and one.values]
    values = [_value(one) for one in complete]
    if len(complete) < MIN_TRIALS or min(values) == max(values):
        return []
    keys = [key for key in found.domains if all(key in one.chosen for one in complete)]
    keys = [key for key in keys if len({one.chosen[key] for one in complete}) > 1]
    if not keys:
        return []

    from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

    variance = _shares(found, complete, keys, lambda: FanovaImportanceEvaluator(seed=0))
    among_good = _shares(
        found, complete, keys, lambda: PedAnovaImportanceEvaluator(target_quantile=GOOD)
    )
    listed = [Importance(key, variance.get(key), among_good.get(key)) for key in found.domains]
    return sorted(listed, key=lambda one: -(one.variance or 0.0))


def _value(trial: TrialSchema) -> float:
    assert trial.values
    return trial.values[0]


def _shares(
    found: TrialsFile,
    complete: Sequence[TrialSchema],
    keys: Sequence[str],
    make: Callable[[], Any],
) -> dict[str, float]:
    """Key -> share; empty where the estimate fails."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what optuna calls experimental
            study = optuna.create_study(direction=found.asked.directions[0])
            for one in complete:
                study.add_trial(
                    optuna.trial.create_trial(
                        params={key: _inside(one.chosen[key], found.domains[key]) for key in keys},
                        distributions={key: _distribution(found.domains[key]) for key in keys},
                        value=_value(one),
                    )
                )
            shares = optuna.importance.get_param_importances(
                study, evaluator=make(), params=list(keys)
            )
    except (ValueError, RuntimeError):
        return {}
    finally:
        optuna.logging.set_verbosity(verbosity)
    return {key: share for key, share in shares.items() if math.isfinite(share)}


def _inside(value: Any, domain: DomainSchema) -> Any:
    """A number that was rounded beyond an end of its domain, as that end."""
    if domain.values is not None:
        return value
    return min(max(value, domain.low), domain.high)


def _distribution(domain: DomainSchema) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if domain.values is not None:
        return CategoricalDistribution(domain.values)
    return FloatDistribution(domain.low, domain.high, log=domain.log)
