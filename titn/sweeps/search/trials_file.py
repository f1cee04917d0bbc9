"""The study of a search as trials.json has it."""

import math
from collections.abc import Sequence

from optuna.trial import FrozenTrial

from titn.records.search import Search
from titn.records.trials import BestSchema, DomainSchema, TrialSchema, TrialsFile
from titn.sweeps.search.space import Choice, Domain, Space
from titn.sweeps.search.study import CELL, COMPLETE, OUTCOME, SECS, StudyFile


def trials_file(
    found: StudyFile, seed: int, command: str, best: Sequence[tuple[int, Sequence[str]]]
) -> TrialsFile:
    """The trials that have an end. best: numbers, and the overrides that make them on test."""
    return TrialsFile(
        study=found.name,
        search=_node(found.search),
        seed=seed,
        command=command,
        domains={key: _domain(domain) for key, domain in found.space.domains.items()},
        trials=[_trial(one, found.space) for one in found.trials() if _has_an_end(one)],
        best=[BestSchema(number=number, overrides=list(made)) for number, made in best],
    )


def _node(search: Search) -> dict:
    """Without the address of a database, which may have a password, and what is not set."""
    return search.model_dump(mode="json", exclude={"storage"}, exclude_none=True)


def _domain(domain: Domain) -> DomainSchema:
    if isinstance(domain, Choice):
        return DomainSchema(values=list(domain.values))
    return DomainSchema(low=domain.low, high=domain.high, log=domain.log)


def _has_an_end(trial: FrozenTrial) -> bool:
    """Whether it was told: a worker that died in between has left the outcome alone."""
    return trial.state.is_finished() and OUTCOME in trial.user_attrs


def _trial(trial: FrozenTrial, space: Space) -> TrialSchema:
    known = trial.user_attrs
    try:
        chosen = space.values(trial.params)
    except KeyError:
        chosen = {}  # its worker died while it asked
    return TrialSchema(
        number=trial.number,
        outcome=known[OUTCOME],
        chosen=chosen,
        # optuna gives a pruned trial the last value that it was told.
        values=list(trial.values) if known[OUTCOME] == COMPLETE else None,
        curve={
            str(epoch): value
            for epoch, value in sorted(trial.intermediate_values.items())
            if math.isfinite(value)
        },
        secs=known.get(SECS, 0.0),
        config_hash=known.get(CELL),
    )
