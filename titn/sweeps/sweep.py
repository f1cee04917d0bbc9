"""What a sweep's command line says, read from Hydra's configuration and checked. No torch here."""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, ListConfig, OmegaConf

from titn.config.annotations import Busy, Text
from titn.config.keys import SWITCHES
from titn.config.overrides import override_key
from titn.config.schema import validate_value
from titn.config.spelling import as_typed, for_hydra
from titn.records.question import Question, parse_question
from titn.records.question_meaning import check_meaning
from titn.records.search import SEARCH
from titn.records.sweep_dir import SweepDir
from titn.sweeps.ablation.arguments import ABLATE
from titn.sweeps.ablation.generate import KEYS, generate, read_asked, sweep_key
from titn.sweeps.compose_jobs import JobComposer
from titn.sweeps.overrides import (
    QUESTIONS,
    SweepRequest,
    as_given,
    cell_overrides,
    parse_requests,
)
from titn.sweeps.search.read import AskedSearch, read_search
from titn.system.errors import ConfigError
from titn.system.files import check_can_be_made, local_path
from titn.system.text import without_password

# Options of the sweep as a whole, which its cells do not get.
SWEEP_OPTIONS: dict[str, Any] = {
    "rows": list[str] | None,
    "dry_run": bool,
    "postpone": Text | None,
    "busy": Busy,
    "fail_fast": bool,
}


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep as its command line describes it.

    name: group/choice of its question, as ablation/mix; "multirun" without a question. dry_run:
    announce the cells and make none. postpone: the reason not to make them now. wait: make the
    cells, too, that another process is making. force: make recorded cells anew. runs_dir: where
    cells are recorded. fail_fast: begin no other cell once one has failed. command: what was typed.
    asked: when it began, in UTC. compose: the overrides of a job -> its checked configuration;
    raises ConfigError. remarks: lines about a generated question. search: what is searched for,
    instead of a question; None without.
    """

    name: str
    question: Question | None
    requests: list[SweepRequest]
    dry_run: bool
    postpone: str | None
    wait: bool
    force: bool
    fail_fast: bool
    directory: SweepDir
    runs_dir: Path
    command: str
    compose: Callable[[Sequence[str]], dict]
    asked: str
    remarks: tuple[str, ...] = ()
    search: AskedSearch | None = None


def read_sweep(
    config: DictConfig, params: Any, arguments: Sequence[str], loader: ConfigLoader
) -> Sweep:
    """Read and check everything but the configurations of the cells; ConfigError for bad input.

    config: composed by Hydra for the sweep. params: key -> values, of the sweep's own file.
    arguments: overrides of the command line, which come after `params`.
    """
    options = {key: _plain(config[key]) for key in SWEEP_OPTIONS}
    for key, value in options.items():
        validate_value(value, SWEEP_OPTIONS[key], key)
    validate_value(config.get("force"), SWITCHES["force"], "force")
    runs_dir = Path(validate_value(config.get("runs_dir"), SWITCHES["runs_dir"], "runs_dir"))
    name, question = _sweep_name(config), _read_question(config)
    if not isinstance(params, DictConfig):
        raise ConfigError(
            f"hydra.sweeper.params={as_typed(params)}: should be keys and values, as {{seed: 0}}"
        )
    defaults = [f"{key!s}={_swept(value)}" for key, value in params.items()]
    parser = OverridesParser.create(config_loader=loader)
    overrides = cell_overrides(
        parser.parse_overrides([*defaults, *arguments]),
        [*SWEEP_OPTIONS, ABLATE, *KEYS, f"{SEARCH}."],
    )
    compose = JobComposer(config, loader)
    directory, remarks = SweepDir(local_path(config.hydra.sweep.dir)), list[str]()
    if asked := read_asked(config):
        _check_one_question(config, options["rows"], asked.design)
        question, remarks = generate(asked, _of_rows(overrides, compose))
        assert question.ablation is not None
        key = sweep_key(question.ablation)
        name = f"{ABLATE}/{asked.design}-{key}"
        directory = SweepDir(directory.path / key)
    check_can_be_made(runs_dir, "runs_dir")
    check_can_be_made(directory.path, "hydra.sweep.dir")
    search = read_search(config)
    if search is not None:
        if name != "multirun":
            raise ConfigError(f"+{name.replace('/', '=')}: beside a search; ask one at a time")
        name = f"{SEARCH}/{search.name}"
    return Sweep(
        name=name,
        question=question,
        requests=parse_requests(overrides, question, options["rows"]),
        remarks=tuple(remarks),
        search=search,
        dry_run=options["dry_run"],
        postpone=options["postpone"],
        wait=options["busy"] == "wait",
        force=config.force,
        fail_fast=options["fail_fast"],
        directory=directory,
        runs_dir=runs_dir,
        command=_command(),
        asked=datetime.now(UTC).isoformat(timespec="milliseconds"),
        compose=compose,
    )


def _check_one_question(config: DictConfig, rows: Sequence[str] | None, design: str) -> None:
    """ConfigError for a question beside an ablation, or for rows of a path, which has none yet."""
    choices = config.hydra.runtime.choices
    if beside := [group for group in QUESTIONS if group in choices]:
        raise ConfigError(f"+{beside[0]}={choices[beside[0]]}: one question at a time")
    if design == "path" and rows is not None:
        raise ConfigError(f"rows={as_typed(list(rows))}: a path chooses its rows; leave it out")


def _of_rows(
    overrides: Sequence[Override], compose: Callable[[Sequence[str]], dict]
) -> Callable[[Sequence[str]], dict]:
    """Composes the overrides of a row with those that the command line has beside them.

    Of swept values the first: they are settings, in which all rows are asked for anew. What was
    composed once is remembered.
    """
    (plain,) = parse_requests(overrides, None, None)
    beside = next(iter(plain.rows.values()))
    known: dict[tuple[str, ...], dict] = {}

    def composed(row: Sequence[str]) -> dict:
        shared = SweepRequest((*plain.shared, *beside), {"": tuple(row)}, (None,))
        job = shared.row_overrides()[""]
        if job not in known:
            known[job] = compose(job)
        return known[job]

    return composed


def _swept(value: Any) -> Any:
    """A value of a sweep's file, as a command line has it: a list is what is swept."""
    if not isinstance(value, ListConfig):
        return value
    return ",".join(map(for_hydra, value))


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if isinstance(value, ListConfig) else value


def _sweep_name(config: DictConfig) -> str:
    choices = config.hydra.runtime.choices
    names = [f"{group}/{choices[group]}" for group in QUESTIONS if group in choices]
    if len(names) > 1:
        raise ConfigError(f"+{names[1].replace('/', '=')}: one question at a time")
    return names[0] if names else "multirun"


def _read_question(config: DictConfig) -> Question | None:
    node = OmegaConf.select(config, "question")
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=True)
    if node is None:
        return None
    question = parse_question(node)
    check_meaning(question)
    return question


def _command() -> str:
    """The command line that makes the cells: without the reason to postpone them.

    Plans and pages have it: a database's password is left out.
    """
    arguments = [
        without_password(argument.removeprefix("++"))
        if override_key(argument).startswith(f"{SEARCH}.")
        else as_given(argument)
        for argument in sys.argv[1:]
        if override_key(argument) != "postpone"
    ]
    return shlex.join(["python", "-m", "titn.train", *arguments])
