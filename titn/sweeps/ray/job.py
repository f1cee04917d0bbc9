"""What a task of Ray runs on its node: one cell, or a teacher that several cells wait for."""

import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titn.config.plugins import load_plugins
from titn.records.run_dir import RunDir
from titn.records.search import Search
from titn.sweeps.launch import Outcome
from titn.sweeps.pinned import plan_pinned
from titn.sweeps.worker import ToldCell, make_cell
from titn.system.compile_cache import ensure_compile_cache, ensure_user_name
from titn.system.console import find_own_modules
from titn.system.errors import ConfigError
from titn.system.threads import limit_spinning

if TYPE_CHECKING:
    from titn.cells.pruning import Prunes


@dataclass(frozen=True)
class Trial:
    """A trial of a search, whose study may end it."""

    study: str
    search: Search
    number: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a worker needs to know of a cell.

    run, prefix, identity: as it was planned, the run pinned. wait: for another process that makes
    the cell. here: the sweep's working directory. folder: the sweep's.
    """

    told: ToldCell
    run: dict[str, Any]
    prefix: str
    identity: Mapping[str, Any]
    wait: bool
    here: Path
    folder: Path
    trial: Trial | None = None


def run_job(job: Job) -> Outcome:
    """Make the cell. Afterwards Ray may give the process another one; not one that had a GPU."""
    try:
        _enter(job)
    except ConfigError as error:
        return Outcome(reason=str(error), bad_input=True)
    # Ray cancels a task as SIGINT does, which a shell has its background processes ignore.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    limit_spinning()
    ensure_user_name()
    ensure_compile_cache()
    find_own_modules()
    return make_cell(job.told, lambda: _ensure(job))


def _enter(job: Job) -> None:
    """Go to where the sweep was typed; ConfigError on a node that does not see it."""
    for place in (job.here, job.folder):
        if not place.is_dir():
            raise ConfigError(
                f"{place}: is not there on {socket.gethostname()}; runs_dir=DIR should be on a "
                "disk that all nodes of Ray share, and the command be typed on it"
            )
    os.chdir(job.here)


def _ensure(job: Job) -> tuple[RunDir, dict]:
    from titn.cells.ensure import ensure_recorded

    load_plugins()
    cell = plan_pinned(job.run, job.prefix, job.identity)
    return cell.directory, ensure_recorded(cell, job.wait, _prunes(job))


def _prunes(job: Job) -> "Prunes | None":
    if job.trial is None:
        return None

    from titn.sweeps.search.pruning import reports_of

    trial = job.trial
    return reports_of(job.folder, trial.study, trial.search, trial.number, job.run["epochs"])
