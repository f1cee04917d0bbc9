"""What Hydra runs for a composed configuration: a single run, or one cell of a sweep."""

from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from titn.config import resolve
from titn.config.annotations import Busy
from titn.config.hydra_arguments import OWN_SWEEPER, RUN_DIR
from titn.config.schema import validate_value
from titn.records.cell_state import cell_state
from titn.records.run_dir import RunDir
from titn.records.search import SEARCH
from titn.records.summary import summarise_record
from titn.sweeps.ablation.arguments import ABLATE
from titn.sweeps.launch import Outcome
from titn.sweeps.overrides import QUESTIONS
from titn.sweeps.search.read import named_search
from titn.sweeps.worker import ToldCell, make_cell
from titn.system.errors import CellError, ConfigError
from titn.system.files import local_path

if TYPE_CHECKING:
    from titn.cells.pruning import Prunes


def run_job(composed: DictConfig) -> dict | Outcome | None:
    """The record of a single run, the outcome of a sweep's cell, or nothing with dry_run=true.

    A single run raises ConfigError or CellError. A sweep's cell does not.
    """
    hydra_config = HydraConfig.get()
    if "dry_run" not in composed:
        raise ConfigError(
            f"--config-name={hydra_config.job.config_name}: takes the place of titn's own keys; "
            "begin its defaults with - config and - _self_, or add files with --config-dir=DIR"
        )
    if hydra_config.run.dir != ".":
        raise ConfigError(f"hydra.run.dir={hydra_config.run.dir}: {RUN_DIR}")
    if hydra_config.mode == RunMode.RUN:
        return _run_single(composed)
    # A file of one's own may have chosen another.
    sweeper = hydra_config.runtime.choices.get("hydra/sweeper")
    if sweeper != "titn":
        raise ConfigError(f"hydra/sweeper={sweeper}: {OWN_SWEEPER}")
    return _run_cell_of_sweep(composed)


def _run_single(composed: DictConfig) -> dict | None:
    """Check a configuration, make its cell and print its record."""
    run = _resolve(composed)

    from titn.cells.ensure import BusyError, check_refusals, ensure
    from titn.cells.planning import Planner

    if composed.dry_run:
        cell = Planner().plan(run)
        check_refusals(cell)
        state = cell_state(cell.directory, cell.identity["config_hash"])
        print(f"{cell.name} {cell.describe()}: {state}")
        print(f"record: {cell.directory.path}")
        return None
    try:
        directory, result = ensure(run, wait=composed.busy == "wait")
    except BusyError:
        raise CellError("another process is making this run; busy=wait waits for it") from None
    print(summarise_record(result))
    print(f"record: {directory.path}")
    return result


def _run_cell_of_sweep(composed: DictConfig) -> Outcome:
    """Make one cell of a sweep."""
    stop_file = composed.get("stop_file")
    told = ToldCell(
        label=composed.get("cell"),
        sweep=composed.get("sweep"),
        round=composed.get("round"),
        stop_file=Path(stop_file) if stop_file else None,
    )

    def make() -> tuple[RunDir, dict]:
        from titn.cells.ensure import ensure

        run, prunes, wait = _resolve(composed), _prunes(composed), composed.busy == "wait"
        _check_source(run, composed.get("planned"))
        return ensure(run, wait, checked=True, prunes=prunes)

    return make_cell(told, make)


def _check_source(run: dict, planned: str | None) -> None:
    """ConfigError if a launcher's process has other code than the sweep was planned with."""
    from titn.cells.identity import run_source_digest

    if planned is not None and run_source_digest(run) != planned:
        raise ConfigError(
            "the source of this cell has changed since the sweep was planned; give the command "
            "again"
        )


def _prunes(composed: DictConfig) -> "Prunes | None":
    """What may end a search's trial before its last epoch; None for other cells."""
    hydra_config, number = HydraConfig.get(), composed.get("trial")
    named = named_search(composed, hydra_config.runtime.choices)
    if number is None or named is None:
        return None

    from titn.sweeps.search.pruning import reports_of

    return reports_of(local_path(hydra_config.sweep.dir), *named, number, composed.epochs)


def _resolve(composed: DictConfig) -> dict:
    """The checked run of a job; the keys that are meant for the command are checked too."""
    hydra_config = HydraConfig.get()
    asking = (*QUESTIONS, ABLATE, SEARCH)
    questions = [group for group in asking if group in hydra_config.runtime.choices]
    if questions and hydra_config.mode == RunMode.RUN:
        raise ConfigError(f"+{questions[0]}: asks a question of many cells; add --multirun")
    validate_value(composed.dry_run, bool, "dry_run")
    validate_value(composed.busy, Busy, "busy")
    if composed.postpone is not None:
        raise ConfigError(
            "postpone: is for a question, whose page says it; add one, as +ablation=mix"
        )
    return resolve.resolve(composed, dict(hydra_config.runtime.choices))
