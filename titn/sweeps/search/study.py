"""A study of optuna, asked and told, in a storage that several processes share."""

import json
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import psutil
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner, NopPruner
from optuna.trial import FrozenTrial, TrialState

from titn.records.search import Search
from titn.sweeps.overrides import Scalar
from titn.sweeps.search.samplers import sampler_of
from titn.sweeps.search.space import Choice, Domain, Space
from titn.sweeps.search.storage import JOURNAL, StudyStorage
from titn.system.errors import ConfigError
from titn.system.locks import HeldError, Lock, is_held

# Attributes of a study and of its trials.
IDENTITY, OUTCOME, SECS, WORKER = "titn", "outcome", "secs", "worker"
CELL = "config_hash"

COMPLETE, PRUNED, DIVERGED = "complete", "pruned", "diverged"
FAILED, IMPOSSIBLE = "failed", "impossible"
STATES = {
    COMPLETE: TrialState.COMPLETE,
    PRUNED: TrialState.PRUNED,
    # A result of its configuration: the sampler looks elsewhere, as it does after a pruned trial.
    DIVERGED: TrialState.PRUNED,
    FAILED: TrialState.FAIL,
    IMPOSSIBLE: TrialState.FAIL,
}

# Configurations of a grid: meanwhile no other worker can ask.
QUEUED_AT_ONCE = 100


@dataclass(frozen=True)
class Trial:
    """A configuration that a study asks for.

    chosen: as the sampler knows it. worker: host, number and beginning of the process that asked.
    """

    number: int
    chosen: dict[str, Scalar]
    worker: tuple[str, int, float] | None = None


def this_worker() -> tuple[str, int, float]:
    process = psutil.Process()
    return platform.node(), process.pid, process.create_time()


class StudyFile:
    """The study of a search in its directory. ConfigError where its storage cannot be used.

    identity: what is sought, and in which setting: a study of another is refused. pruner: hyperband
    samples for each of its brackets apart.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        search: Search,
        space: Space,
        identity: dict[str, Any],
        pruner: BasePruner | None = None,
    ):
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.name, self.search, self.space = name, search, space
        self.storage = StudyStorage(directory, search)
        # Held from the first trial on: what tells workers on other machines that this one is there.
        self.presence = Lock(self._presence_of(this_worker()))
        self.is_present = False
        with self.storage.alone():
            self.study = optuna.create_study(
                storage=self.storage.storage,
                study_name=name,
                sampler=sampler_of(search),
                pruner=pruner or NopPruner(),
                directions=search.directions,
                load_if_exists=True,
            )
            self._claim(identity)
        if search.sampler == "grid":
            self._queue(space.grid())

    def _queue(self, grid: Sequence[dict[str, Scalar]]) -> None:
        """Add what is not there yet, some at a time, so that other workers need not wait for all.

        optuna's own `skip_if_exists` looks through all trials for each.
        """
        for first in range(0, len(grid), QUEUED_AT_ONCE):
            with self.storage.alone():
                trials = self.study.get_trials(deepcopy=False)
                known = {_spelt(one.system_attrs.get("fixed_params")) for one in trials}
                for chosen in grid[first : first + QUEUED_AT_ONCE]:
                    if _spelt(chosen) not in known:
                        self.study.enqueue_trial(chosen)

    def ask(self) -> Trial | None:
        """The next trial; None if the study has all that it is to have."""
        with self.storage.alone():
            if self._is_over():
                return None
            if not self.is_present:
                with suppress(HeldError):  # by this process, for another study of this directory
                    self.presence.acquire(timeout=0)
                    self.is_present = True
            trial = self.study.ask()
            trial.set_user_attr(WORKER, this_worker())
            chosen = self.space.choose(lambda key, domain: _suggest(trial, key, domain))
            return Trial(trial.number, chosen, this_worker())

    def close(self) -> None:
        """This worker asks for nothing any more."""
        if self.is_present:
            self.presence.release(remove=True)
            self.is_present = False

    def is_taken(self, trial: Trial) -> bool:
        """Whether another process asked for a trial, and is still there to make it.

        On another machine, where both have the study's directory on a shared disk.
        """
        if trial.worker is None or trial.worker == this_worker():
            return False
        host, number, began = trial.worker
        if host != this_worker()[0]:
            return is_held(self._presence_of(trial.worker))
        try:
            return psutil.Process(number).create_time() == began
        except psutil.NoSuchProcess:
            return False

    def _presence_of(self, worker: tuple[str, int, float]) -> Path:
        host, number, _ = worker
        return self.storage.directory / f".worker-{host}-{number}.lock"

    def _is_over(self) -> bool:
        """Whether the trials are asked for, or the hours used up; a grid has an end of its own."""
        trials = self.study.get_trials(deepcopy=False)
        begun = [one for one in trials if one.state != TrialState.WAITING]
        if self.search.sampler == "grid" and len(begun) == len(trials):
            return True
        hours = sum(one.user_attrs.get(SECS, 0) for one in begun) / 3600
        counted = sum(one.user_attrs.get(OUTCOME) != IMPOSSIBLE for one in begun)
        used_up = self.search.hours is not None and hours >= self.search.hours
        return counted >= self.search.trials or used_up

    def begun(self) -> list[Trial]:
        """The trials that were asked for and not told: of other workers, or of one that died.

        One that died while it asked has no configuration, and is told as impossible.
        """
        found = []
        with self.storage.alone():  # so that nobody is asking, with a part of a configuration
            running = self.trials(TrialState.RUNNING)
        for one in running:
            try:
                self.space.values(one.params)
            except KeyError:
                self.tell(one.number, IMPOSSIBLE)
            else:
                worker = one.user_attrs.get(WORKER)
                found.append(Trial(one.number, one.params, tuple(worker) if worker else None))
        return found

    def tell(
        self,
        number: int,
        outcome: str,
        values: Sequence[float] | None = None,
        secs: float = 0.0,
        cell: str | None = None,
    ) -> None:
        """What has become of a trial; nothing if another worker has told it.

        secs: that the cell took. cell: its config_hash.
        """
        with self.storage.alone(), suppress(UpdateFinishedTrialError):
            storage = self.storage.storage
            trial = self.storage.trial_id(self.name, number)
            storage.set_trial_user_attr(trial, OUTCOME, outcome)
            storage.set_trial_user_attr(trial, SECS, secs)
            storage.set_trial_user_attr(trial, CELL, cell)
            self.study.tell(number, values, state=STATES[outcome], skip_if_finished=True)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        with self.storage.errors_named():
            return self.study.get_trials(deepcopy=False, states=states or None)

    def outcomes(self) -> dict[str, int]:
        """Outcome -> number of the trials that were told."""
        told = [one.user_attrs.get(OUTCOME) for one in self.trials() if one.state.is_finished()]
        return {outcome: told.count(outcome) for outcome in STATES if outcome in told}

    def best(self) -> list[FrozenTrial]:
        """The best trial; of several objectives the front, of none complete nothing."""
        ranked = self.ranked()
        return ranked if len(self.search.objective) > 1 else ranked[:1]

    def ranked(self) -> list[FrozenTrial]:
        """The complete trials, the best first; of several objectives the front, by the first.

        Of equals the earlier one comes first.
        """
        if len(self.search.objective) > 1:
            with self.storage.errors_named():
                found = self.study.best_trials
        else:
            found = self.trials(TrialState.COMPLETE)
        sign = -1 if self.search.directions[0] == "maximize" else 1
        return sorted(found, key=lambda one: (sign * one.values[0], one.number))

    def _claim(self, identity: dict[str, Any]) -> None:
        if IDENTITY in self.study.user_attrs:
            _check_identity(self.study, identity, self.storage.place)
        else:
            self.study.set_user_attr(IDENTITY, identity)


def check_sampler(search: Search, space: Space) -> None:
    """ConfigError for a sampler that `StudyFile` would refuse, or a grid that has no end."""
    sampler_of(search)
    if search.sampler == "grid":
        space.grid()


def check_journal(directory: Path, name: str, search: Search, identity: dict[str, Any]) -> None:
    """Refuse, without a change, what `StudyFile` would refuse of a journal that is there.

    Databases are not asked: to open one makes its tables. Raises ConfigError.
    """
    if search.storage is not None or not (directory / JOURNAL).is_file():
        return
    kept = StudyStorage(directory, search)
    with kept.alone():
        if name in optuna.get_all_study_names(kept.storage):
            study = optuna.load_study(study_name=name, storage=kept.storage)
            _check_identity(study, identity, kept.place)


def _check_identity(study: optuna.Study, identity: dict[str, Any], place: str) -> None:
    """ConfigError for a study that seeks something else, or in another setting."""
    known = study.user_attrs.get(IDENTITY, identity)
    # What comes out of a journal went through JSON.
    now = json.loads(json.dumps(identity))
    for key, value in now.items():
        if known.get(key) != value:
            raise ConfigError(
                f"search.study={study.study_name}: in {place} is a study of another "
                f"{key}; give this one another name, as search.study={study.study_name}-2"
            )


def _spelt(chosen: dict[str, Scalar] | None) -> str:
    """As a storage keeps it: what comes out of one went through JSON."""
    return json.dumps(chosen, sort_keys=True)


def _suggest(trial: optuna.Trial, key: str, domain: Domain) -> Scalar:
    if isinstance(domain, Choice):
        return trial.suggest_categorical(key, domain.values)
    if domain.is_whole:
        low, high, step = int(domain.low), int(domain.high), int(domain.step or 1)
        return trial.suggest_int(key, low, high, step=step, log=domain.log)
    return trial.suggest_float(key, domain.low, domain.high, step=domain.step, log=domain.log)
