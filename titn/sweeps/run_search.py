"""A search from its command line to its best trial: ask, plan, launch, tell, until its total.

A trial is a cell on a validation split, which its teacher did not see either. A recorded cell is
told instead of run. Workers join by the same command; a trial that one of them has left is taken
over by the next that finds it.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from titn.config.spelling import spelled
from titn.records.cell_state import (
    DAMAGED,
    DIVERGED,
    DONE,
    FAILED,
    PRUNED,
    RUNNING,
    cell_state,
)
from titn.records.epochs_and_samples import complete_epochs
from titn.records.sweep_plan import Setting
from titn.sweeps.announce_search import announce_search
from titn.sweeps.confirm_search import MakeParts, best_distinct, is_confirmed, plan_confirmation
from titn.sweeps.launch import Outcome, Rounds
from titn.sweeps.plan import SweepCell, check_directories, to_planned_cell
from titn.sweeps.search import study
from titn.sweeps.search.pruning import TrialReports, pruner_of
from titn.sweeps.search.read import AskedSearch, check_request
from titn.sweeps.search.study import StudyFile, Trial
from titn.sweeps.search.trials_file import trials_file
from titn.sweeps.sweep import Sweep
from titn.sweeps.trial_cells import MAX_IMPOSSIBLE, TrialCells
from titn.system.errors import CellError, ConfigError
from titn.system.progress import say
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.planning import Planner


def run_search(sweep: Sweep, planner: "Planner", launches: Rounds, make: MakeParts) -> None:
    """Go on with the study to its total, say what was best, and confirm it where that is asked.

    make: the cells of the confirmation. Raises ConfigError before anything is made if the search
    cannot be asked; CellError at the end if no trial has a record.
    """
    assert sweep.search is not None
    (request,) = sweep.requests
    check_request(request, sweep.search.space)
    study.check_sampler(sweep.search.search, sweep.search.space)
    trials = TrialCells(sweep, planner)
    probe = trials.first_possible()
    trials.check_setting(probe)
    search = sweep.search.search
    search.fresh_seeds(probe.cell.run["seed"])  # refused before the first trial, not after the last
    name, identity = sweep.search.name, _identity(sweep.search, probe)
    if sweep.dry_run:
        study.check_journal(sweep.directory.path, name, search, identity)
        announce_search(sweep, trials, probe)
        return
    announce_search(sweep, trials, probe)
    found = StudyFile(
        sweep.directory.path, name, search, sweep.search.space,
        identity, pruner_of(search, probe.cell.run["epochs"]),
    )  # fmt: skip
    try:
        SearchRun(sweep, found, trials, launches, probe).run()
    finally:
        found.close()
    _confirm(sweep, planner, found, trials, probe, make)


def _confirm(
    sweep: Sweep,
    planner: "Planner",
    found: StudyFile,
    trials: TrialCells,
    probe: SweepCell,
    make: MakeParts,
) -> None:
    """Make the best trials again, on test, once no worker is at a trial any more."""
    assert sweep.search is not None
    most = sweep.search.search.confirm
    if not most:
        if (known := best_distinct(found, trials, 1)) and is_confirmed(sweep, known[0][0].number):
            return
        say("  not confirmed: the best of many is better than it is; search.confirm=1 makes it "
            "again, on test and with other seeds")  # fmt: skip
        return
    if others := found.begun():
        say(f"{sweep.name}: confirmed by who ends last: {counted(len(others), 'trial')} running")
        return
    best = [(trial.number, dict(cell.request.tuned))
            for trial, cell in best_distinct(found, trials, most)]  # fmt: skip
    confirmed = plan_confirmation(sweep, planner, best, probe.cell.run["seed"])
    make(confirmed.sweep, confirmed.parts)


def _identity(asked: AskedSearch, probe: SweepCell) -> dict[str, Any]:
    """What makes trials comparable; the first possible configuration stands for the setting."""
    space = asked.space
    return {
        "space": [
            {key: asdict(domain) for key, domain in space.parameters.items()},
            [
                [key, value, {name: asdict(domain) for name, domain in part.items()}]
                for (key, value), part in space.parts.items()
            ],
        ],
        "objective": asked.search.objective,
        "setting": probe.cell.identity["config_hash"],
        "source code": probe.cell.identity["source_digest"],
    }


class SearchRun:
    """One worker of a study."""

    def __init__(
        self,
        sweep: Sweep,
        found: StudyFile,
        trials: TrialCells,
        launches: Rounds,
        probe: SweepCell,
    ):
        self.sweep, self.study, self.trials = sweep, found, trials
        self.launches, self.probe = launches, probe
        assert sweep.search is not None
        self.asked = sweep.search

    def run(self) -> None:
        # A teacher that another worker is making is waited for: asking on would use up the study.
        while (batch := self._next()) and self._make(batch, self.sweep.wait):
            continue
        # What other workers are making still.
        while self.sweep.wait and (batch := [(one, self.trials.of(one)) for one in self._begun()]):
            self._make(batch, wait=True)
        self._report()

    def _begun(self) -> list[Trial]:
        return [trial for trial in self.study.begun() if not self._tell_if_known(trial)]

    def _next(self) -> list[tuple[Trial, SweepCell]]:
        """Trials to make now: first those that a worker has left, then new ones."""
        batch = [
            (trial, cell)
            for trial in self._begun()
            if (cell := self.trials.of(trial)).state != RUNNING and not self.study.is_taken(trial)
        ][: self.asked.at_once]
        impossible = 0
        while len(batch) < self.asked.at_once and (trial := self.study.ask()) is not None:
            if not self._tell_if_known(trial):
                batch.append((trial, self.trials.of(trial)))
            elif trial.number not in self.trials.planned:
                impossible += 1
                if impossible == MAX_IMPOSSIBLE:
                    raise ConfigError(
                        f"search.space: the last {MAX_IMPOSSIBLE} trials were impossible; take out "
                        "what does not go together, or write it under search.when"
                    )
        return batch

    def _make(self, batch: list[tuple[Trial, SweepCell]], wait: bool) -> bool:
        """Launch cells, and tell what has become of them; whether any has an end."""
        cells = [cell for _, cell in batch]
        check_directories(cells)
        self.sweep.directory.add_setting(self.sweep.name, self._setting(cells))
        for cell in cells:
            values = (spelled(key, value) for key, value in cell.request.tuned.items())
            say(f"{self.sweep.name}: {cell.label}: {' '.join(values)}")
        outcomes = self.launches.make(cells, wait)
        told = [self._tell(trial, cell, outcomes[cell.config_hash]) for trial, cell in batch]
        for cell, is_told in zip(cells, told, strict=True):
            if not is_told:
                _raise_unless_taken(cell, outcomes[cell.config_hash])
        return any(told)

    def _setting(self, cells: list[SweepCell]) -> Setting:
        (request,) = self.sweep.requests
        return Setting(
            key=self.probe.cell.identity["config_hash"],
            source_digest=self.probe.cell.identity["source_digest"],
            overrides=request.setting_overrides(),
            commands=[self.sweep.command],
            question=None,
            revised=False,
            rows=["trial"],
            cells=[to_planned_cell(cell, self.sweep.directory.path) for cell in cells],
            asked=self.sweep.asked,
            first_asked=self.sweep.asked,
        )

    def _tell_if_known(self, trial: Trial) -> bool:
        """Tell a trial that need not be made: it is impossible, recorded, or has failed before."""
        try:
            cell = self.trials.of(trial)
        except ConfigError as error:
            self.study.tell(trial.number, study.IMPOSSIBLE)
            self._write()
            say(f"{self.sweep.name}: trial {trial.number} is impossible: {error}")
            return True
        return not cell.is_open and self._tell(trial, cell)

    def _tell(self, trial: Trial, cell: SweepCell, outcome: Outcome | None = None) -> bool:
        """Whether the cell has an end that can be told.

        outcome: of its job; what another study has pruned has no end in this one.
        """
        state = cell.state
        if state in DONE:
            self._report_curve(trial, cell)
            result = cell.cell.directory.result()
            if result is None:  # another process with force=true has removed it since
                return False
            values = [result[one] for one in self.asked.search.objective]
            self.study.tell(
                trial.number, study.COMPLETE, values, result.get("wall_secs", 0.0), cell.config_hash
            )
            shown = self._named(values)
        elif state == PRUNED and outcome is not None and outcome.pruned:
            failure = cell.cell.directory.failure()
            if failure is None:
                return False
            self.study.tell(
                trial.number, study.PRUNED, secs=failure["wall_secs"], cell=cell.config_hash
            )
            shown = failure["reason"]
        elif state == DIVERGED:
            self._report_curve(trial, cell)
            self.study.tell(trial.number, study.DIVERGED, cell=cell.config_hash)
            shown = "diverged"
        elif state in (FAILED, DAMAGED) or _teacher_failed(cell):
            self.study.tell(trial.number, study.FAILED, cell=cell.config_hash)
            shown = f"failed ({cell.cell.directory.path})"
        else:
            return False
        self._write()
        say(f"{self.sweep.name}: trial {trial.number}: {shown}; {self._progress()}")
        return True

    def _write(self) -> None:
        """Keep what the page of the search is made from, where the study may not be."""
        most = max(self.asked.search.confirm, 1)
        best = [
            (trial.number, self.trials.overrides_on_test(cell))
            for trial, cell in best_distinct(self.study, self.trials, most)
        ]
        seed = self.probe.cell.run["seed"]
        self.sweep.directory.write_trials(
            lambda: trials_file(self.study, seed, self.sweep.command, best)
        )

    def _progress(self) -> str:
        """How many trials of the total have an end, and which is the best."""
        outcomes = self.study.outcomes()
        told = sum(outcomes.values()) - outcomes.get(study.IMPOSSIBLE, 0)
        progress = f"{told} of {self.asked.search.trials} trials"
        best = self.study.best()
        if len(self.asked.search.objective) > 1:
            return f"{progress}, {len(best)} on the front"
        return (
            f"{progress}, best {best[0].value:.4g} of trial {best[0].number}" if best else progress
        )

    def _report_curve(self, trial: Trial, cell: SweepCell) -> None:
        """Tell the study of all epochs of an ended cell; what diverged has reached nothing."""
        search = self.asked.search
        if search.pruned_by == "none":
            return
        try:
            rows = complete_epochs(cell.cell.directory.path)
        except ValueError:
            rows = []  # its record is whole, and tells what it has reached in the end
        if cell.state == DIVERGED:
            rows.append({"epoch": len(rows) + 1, search.objective[0]: float("nan")})
        epochs = cell.cell.run["epochs"]
        reports = TrialReports(self.study.storage, self.study.name, search, trial.number, epochs)
        reports.tell_all(rows)

    def _named(self, values: Sequence[float]) -> str:
        """The objectives with their values."""
        pairs = zip(self.asked.search.objective, values, strict=True)
        return ", ".join(f"{name} {value:.4g}" for name, value in pairs)

    def _report(self) -> None:
        """The trials by what has become of them, and the best with its command line."""
        self._write()
        outcomes = self.study.outcomes()
        counts = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
        say(f"{self.sweep.name}: {counted(sum(outcomes.values()), 'trial')}: {counts}")
        best = self.study.best()
        if not best and (others := self.study.begun()):
            say(f"  {counted(len(others), 'trial')} being made by other workers")
            return
        if not best:
            raise CellError(f"{self.sweep.name}: no trial has a record; titn.status says why not")
        for one in best:
            say(f"  trial {one.number}, {self._named(one.values)} on the validation split:")
            say(f"    {self.trials.command(Trial(one.number, one.params))}")


def _teacher_failed(cell: SweepCell) -> bool:
    teacher = cell.cell.teacher
    return teacher is not None and cell_state(teacher.directory) in (FAILED, DIVERGED)


def _raise_unless_taken(cell: SweepCell, outcome: Outcome) -> None:
    """What kept a cell from an end is the machine's fault, or the input's, and ends this worker.

    The trial stays begun, and the same command goes on with it. One that another worker is making
    is told by that worker.
    """
    if outcome.reason is not None:
        kind = ConfigError if outcome.bad_input else CellError
        raise kind(f"{cell.label}: {outcome.reason}")
