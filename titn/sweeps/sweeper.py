"""Hydra's sweeper for titn: plans all cells of a sweep, says so, and makes those not yet recorded.

The plan is in the sweep's directory (titn.records.sweep_dir), the cells are where single runs are,
and each has its own lock. So asking again continues, two sweeps at once share the work, and one
that is killed has lost nothing but a part of an epoch.
"""

import shlex
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

from titn.config.annotations import Busy, Text
from titn.config.hydra_errors import explain
from titn.config.keys import SWITCHES
from titn.config.overrides import override_key, quote
from titn.config.resolve import resolve
from titn.config.schema import as_typed, validate_value
from titn.records.cell_state import DIVERGED, FAILED, RECORDED
from titn.records.question import Question, question_of
from titn.records.sweep_dir import SweepDir
from titn.records.sweep_plan import Setting
from titn.sweeps.estimate import PastCells
from titn.sweeps.overrides import (
    QUESTIONS,
    CellRequest,
    SweepRequest,
    cell_overrides,
    parse_requests,
)
from titn.sweeps.plan import SweepCell, plan_lines
from titn.system import signals
from titn.system.console import complain
from titn.system.errors import CellError, ConfigError, first_line, is_full, one_line
from titn.system.progress import duration, say
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.cell import Cell

# Of a sweep's command line, what is said to the sweep and not to its cells.
OWN_KEYS = ("rows", "dry_run", "postpone", "busy")

# So often in a row, launches that end with the death of a worker may bring no record.
MOST_IN_VAIN = 5

HELD_OUT = "dataset.split=validation"

# A question about latency: one image, and as many as keep the hardware busy.
BATCHES, ROUNDS, ROUND_SECS = (1, 128), 11, 0.1


@dataclass(frozen=True)
class Outcome:
    """What a job returns to its sweep; reason: why there is no record, if there is none.

    busy: another process is making the cell. left: this one was asked to leave.
    """

    reason: str | None = None
    busy: bool = False
    left: bool = False
    bad_input: bool = False


class Sweep(Sweeper):
    """A question's rows, or what was swept on the command line, times the seeds.

    params: key -> values, of the sweep's own file; the command line comes after them.
    """

    config: DictConfig
    launcher: Launcher
    hydra_context: HydraContext

    def __init__(self, params: DictConfig):
        self.params = params

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context = hydra_context
        self.config = config
        try:
            self.launcher = Plugins.instance().instantiate_launcher(
                hydra_context=hydra_context, task_function=task_function, config=config
            )
        except (RuntimeError, ImportError, TypeError) as error:
            raise ConfigError(
                f"hydra.launcher: {one_line(str(error))}; choose hydra/launcher=basic or joblib"
            ) from None

    def sweep(self, arguments: list[str]) -> None:
        """Plan, say so, make what is open, and list every cell that has no record.

        Raises ConfigError before anything is made if a cell cannot be planned; at the end, and as
        CellError, if one could not be made.
        """
        chosen = self.config.rows
        if isinstance(chosen, ListConfig):
            chosen = OmegaConf.to_container(chosen)
        validate_value(chosen, list[str] | None, "rows")
        validate_value(self.config.dry_run, bool, "dry_run")
        validate_value(self.config.postpone, Text | None, "postpone")
        validate_value(self.config.busy, Busy, "busy")
        for key in ("runs_dir", "force"):
            validate_value(self.config.get(key), SWITCHES[key], key)
        self.name = self._name()
        self.question = self._question()
        asked = parse_requests(self._overrides(arguments), self.question, chosen)
        self.runs_dir = Path(self.config.runs_dir)
        self.directory = SweepDir(Path(self.config.hydra.sweep.dir))
        if self.config.postpone is not None:
            self._postpone(asked)
            return

        from titn.cells.planning import Planner

        self.plans = Planner()
        self.past = PastCells(self.runs_dir)
        self.outcomes: dict[str, Outcome] = {}
        self.rounds = 0
        tried = [(one, self._candidates(one)) for one in asked]
        without = self._ask(tried)
        stuck = [row for one, own in tried for row in one.rows if not can_choose(own, row)]
        if not (self.config.dry_run and stuck):
            cells = [(one, self._cells(one, own)) for one, own in tried]
            without += self._ask(cells)
            for asking, planned in cells:
                self._time(asking, planned)
        self._end(without, [] if self.config.dry_run else stuck)

    def _name(self) -> str:
        choices = self.config.hydra.runtime.choices
        named = [f"{group}/{choices[group]}" for group in QUESTIONS if group in choices]
        if len(named) > 1:
            raise ConfigError(f"+{named[1].replace('/', '=')}: one question at a time")
        return named[0] if named else "multirun"

    def _question(self) -> Question | None:
        node = OmegaConf.select(self.config, "question")
        if OmegaConf.is_config(node):
            node = OmegaConf.to_container(node, resolve=True)
        return None if node is None else question_of(node)

    def _overrides(self, arguments: list[str]) -> list[Override]:
        if not isinstance(self.params, DictConfig):
            raise ConfigError(
                f"hydra.sweeper.params={as_typed(self.params)}: should be keys and values, "
                "as {seed: 0}"
            )
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        params = [f"{key!s}={value}" for key, value in self.params.items()]
        parsed = parser.parse_overrides([*params, *arguments])
        return cell_overrides(parsed, OWN_KEYS)

    # What the cells are

    def _candidates(self, asking: SweepRequest) -> list[SweepCell]:
        """The cells by which rows choose their values: one seed, on a validation split.

        The seed is always the same, so that more seeds, asked for later, find the choice made.
        """
        return [self._planned(one, "candidate") for one in self._tried(asking)]

    def _tried(self, asking: SweepRequest) -> list[CellRequest]:
        return [
            CellRequest(row, "0", (*overrides, HELD_OUT), tried)
            for row, overrides in asking.of_rows()
            for tried in self._tries(row)
            if len(self._tries(row)) > 1
        ]

    def _tries(self, row: str) -> list[dict[str, float]]:
        return self.question.tries(row) if self.question else [{}]

    def _cells(self, asking: SweepRequest, candidates: list[SweepCell]) -> list[SweepCell]:
        """The cells of all rows that need not choose, or can."""
        chosen = {
            row: self._chosen(candidates, row) for row in asking.rows if can_choose(candidates, row)
        }
        return [
            self._planned(replace(one, tuned=chosen[one.row]))
            for one in asking.cells()
            if one.row in chosen
        ]

    def _chosen(self, candidates: list[SweepCell], row: str) -> dict[str, float]:
        """The values that were best on validation; the first of equals."""
        if len(tries := self._tries(row)) == 1:
            return tries[0]
        own = of_row(candidates, row)
        tried = [(one.cell.directory.result(), one.wanted.tuned) for one in own]
        recorded = [(result["top1"], values) for result, values in tried if result]
        return max(recorded, key=lambda pair: pair[0])[1]

    def _planned(self, wanted: CellRequest, role: str = "cell") -> SweepCell:
        try:
            return SweepCell(wanted, self.plans.plan(self._run(wanted.arguments())), role)
        except ConfigError as error:
            raise ConfigError(f"{wanted.row}: {error}" if self.question else str(error)) from error

    def _run(self, arguments: list[str]) -> dict:
        """The checked configuration of a job, composed as the launcher will compose it."""
        try:
            composed = self.hydra_context.config_loader.load_sweep_config(self.config, arguments)
        except HydraException as error:
            raise ConfigError(explain(error, arguments)) from None
        choices = dict(composed.hydra.runtime.choices)
        with open_dict(composed):
            del composed["hydra"]
        return resolve(composed, choices)

    def _postpone(self, asked: list[SweepRequest]) -> None:
        """Write down that these cells are not made now, and how long they would take."""
        from titn.sweeps.postpone import postponement

        if self.question is None:
            raise ConfigError(
                "postpone: is for a question, whose page says it; add one, as +ablation=mix"
            )
        for asking in asked:
            wanted = (*self._tried(asking), *asking.cells())
            runs = [self._run(one.arguments()) for one in wanted]
            command, said = self._command(), _said_of(asking)
            note = postponement(
                self.config.postpone, command, said, list(asking.rows), runs, self.runs_dir
            )
            self.directory.postpone(self.name, note)
            say(f"{self.name} is put off: {note.reason}; {note.needs}")

    # What is done about them

    def _ask(self, asked: list[tuple[SweepRequest, list[SweepCell]]]) -> list[SweepCell]:
        """Say what will be done, and do it; returns the cells that have no record in the end."""
        asked = [(asking, cells) for asking, cells in asked if cells]
        for _, cells in asked:
            self._announce(cells)
        if self.config.dry_run or not asked:
            return []
        planned = [one for _, cells in asked for one in cells]
        refuse_other_source(planned)
        for asking, cells in asked:
            self._add(asking, cells)
        started = time.monotonic()
        left = self._launch([one for one in planned if one.is_open], "leave")
        if self.config.busy == "wait":
            # What another process was making then is recorded by now, or has been left by it.
            self._launch(left, "wait")
        return self._report(planned, time.monotonic() - started)

    def _add(self, asking: SweepRequest, planned: list[SweepCell]) -> None:
        setting = self._setting(asking, planned)
        try:
            self.directory.add_setting(self.name, setting)
        except OSError as error:
            place = f"hydra.sweep.dir={self.directory.path}: cannot be written ({error.strerror})"
            if is_full(error):
                raise CellError(f"{place}; make room, and the same command goes on") from None
            raise ConfigError(f"{place}; choose another") from None

    def _announce(self, planned: list[SweepCell]) -> None:
        run = planned[0].cell.run
        title = f": {self.question.title}" if self.question else ""
        part = ", choosing on a validation split" if planned[0].role == "candidate" else ""
        say(f"{self.name}{title} ({run['choices']['dataset']}, {run['epochs']} epochs{part})")
        for line in plan_lines(planned, self.past):
            say(line)

    def _setting(self, asking: SweepRequest, planned: list[SweepCell]) -> Setting:
        """An asking for sweep.json. One cell's identity stands for what all have in common."""
        own = self.question.rows[self.question.baseline] if self.question else ()
        common = self.plans.plan(self._run([*asking.fixed, *own, "seed=0"]))
        return Setting(
            key=common.identity["config_hash"],
            source_digest=common.identity["source_digest"],
            overrides=_said_of(asking),
            commands=[self._command()],
            question=self.question.model_dump(mode="json") if self.question else None,
            revised=False,
            rows=list(asking.rows),
            cells=[one.entry(self.directory.path) for one in planned],
        )

    def _command(self) -> str:
        said = [one for one in sys.argv[1:] if override_key(one) != "postpone"]
        return shlex.join(["python", "-m", "titn.train", *said])

    def _launch(self, todo: list[SweepCell], busy: str) -> list[SweepCell]:
        """Make cells; returns those that other processes are making.

        What a worker had that died, or that was told to leave, is given to others, as long as
        that gets anywhere. Raises Leave if it was this process that was told.
        """
        at_others: list[SweepCell] = []
        in_vain = 0
        while todo:
            self.rounds += 1
            outcomes = self._round(todo, busy)
            signals.check()
            self.outcomes |= outcomes
            at_others += [one for one in todo if outcomes[one.config_hash].busy]
            left = [one for one in todo if outcomes[one.config_hash].left and one.is_open]
            in_vain = in_vain + 1 if len(left) == len(todo) else 0
            if in_vain == MOST_IN_VAIN or (left and left[0].cell.run["force"]):
                raise CellError(
                    f"workers died {in_vain or 1} times; the same command goes on from here"
                )
            todo = left
        return at_others

    def _round(self, todo: list[SweepCell], busy: str) -> dict[str, Outcome]:
        """What became of each cell; left, if a worker's death has taken the others with it."""
        own = (f"busy={busy}", f"+round={self.rounds}")
        batch = [[*one.wanted.arguments(), *own, f"+cell={quote(one.label)}"] for one in todo]
        try:
            with signals.passed_on():
                jobs = self.launcher.launch(batch, initial_job_idx=0)
        except (RuntimeError, OSError) as error:
            if signals.asked() is None:
                said = first_line(error)
                say(f"{self.name}: the launcher stopped ({said}), and is started again")
            return {one.config_hash: Outcome(left=True) for one in todo}
        return {one.config_hash: outcome_of(job) for one, job in zip(todo, jobs, strict=True)}

    def _time(self, asking: SweepRequest, planned: list[SweepCell]) -> None:
        """The latency of the rows' networks, if the question asks for it and it is not recorded."""
        if self.question is None or self.question.measure is None or self.config.dry_run:
            return
        setting = self._setting(asking, planned)
        first = {one.wanted.row: one.cell for one in reversed(planned)}
        known = self.directory.latency(setting)
        if known is None or set(known["rows"]) != set(first) or self.config.force:
            self.directory.add_latency(setting, time_networks(first))

    def _report(self, planned: list[SweepCell], secs: float) -> list[SweepCell]:
        """One line for what was done, and one for each cell without a record; returns those.

        A candidate that diverged is no trouble: its value was tried, and is not chosen.
        """
        without = [one for one in planned if one.state != RECORDED]
        num_recorded = len(planned) - len(without)
        say(f"{self.name}: {num_recorded} of {len(planned)} cells recorded, {duration(secs)}")
        for one in without:
            complain(f"{one.label}: {self._reason(one)}", 0)
        return [one for one in without if (one.role, one.state) != ("candidate", DIVERGED)]

    def _end(self, without: list[SweepCell], stuck: list[str]) -> None:
        """Raise if there is anything to be sorry for."""
        for row in stuck:
            complain(
                f"{row}: no cells: of the values that it chooses from none could be trained", 0
            )
        troubles = [_lacking(without, "cell", "a record"), _lacking(stuck, "row", "cells")]
        if any(troubles):
            bad_input = any(outcome.bad_input for outcome in self.outcomes.values())
            kind = ConfigError if bad_input else CellError
            raise kind(f"{self.name}: {' and '.join(filter(None, troubles))}")

    def _reason(self, one: SweepCell) -> str:
        outcome = self.outcomes.get(one.config_hash)
        if outcome is not None and outcome.reason:
            return outcome.reason
        if one.state not in (DIVERGED, FAILED):
            return f"{one.state} in {one.cell.directory.path}"
        failure = one.cell.directory.failure() or {}
        return f"{failure.get('reason')} (log: {one.cell.directory.log}; retry=failed tries again)"


def _said_of(asking: SweepRequest) -> list[str]:
    """What was said to all cells of an asking, without what changes no number."""
    return [one for one in asking.fixed if override_key(one) not in SWITCHES]


def _lacking(things: list, name: str, lack: str) -> str:
    return f"{counted(len(things), name)} without {lack}" if things else ""


def time_networks(cells: dict[str, "Cell"]) -> dict:
    """label -> batch -> seconds a batch in each round, and what they were timed on."""
    from titn.profiling import latencies

    say(f"timing {len(cells)} networks; the machine should have nothing else to do")
    contestants = []
    for label, cell in cells.items():
        made = latencies.timed_networks(label, cell.run, cell.dataset.spec, BATCHES, ROUND_SECS)
        contestants += made
    latencies.take_turns(contestants, ROUNDS)
    rows: dict[str, dict[str, list[float]]] = {label: {} for label in cells}
    for one in contestants:
        rows[one.name][str(one.batch)] = one.times
    return {"how": latencies.describe_setup(next(iter(cells.values())).run), "rows": rows}


def of_row(planned: list[SweepCell], row: str) -> list[SweepCell]:
    return [one for one in planned if one.wanted.row == row]


def can_choose(candidates: list[SweepCell], row: str) -> bool:
    """Whether each value of a row has been tried, and one was not too much for it."""
    states = [one.state for one in of_row(candidates, row)]
    done = all(state in (RECORDED, DIVERGED) for state in states)
    return not states or (done and RECORDED in states)


def outcome_of(job: JobReturn) -> Outcome:
    """What a job returned; what it raised besides is a reason too."""
    try:
        return job.return_value
    except Exception as error:  # of a launcher's process: anything
        return Outcome(reason=f"{type(error).__name__}: {first_line(error)}")


def refuse_other_source(planned: list[SweepCell]) -> None:
    """ConfigError if other source code made some of the cells: they are not comparable."""
    other = [one for one in planned if one.is_of_other_source]
    if other:
        raise ConfigError(
            f"runs_dir={other[0].cell.run['runs_dir']}: {len(other)} of {len(planned)} cells "
            "were made by other source code; keep them and choose runs_dir=DIR, or force=true "
            "to replace them"
        )
