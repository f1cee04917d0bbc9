"""One cell of a sweep in a process that a launcher has started: what becomes of it is an outcome.

Light to import: a job that is not to begin loads no torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from titn.records.run_dir import RunDir
from titn.records.summary import outcome_text
from titn.sweeps.launch import Outcome
from titn.system import signals
from titn.system.errors import CellError, ConfigError
from titn.system.locks import LockLostError
from titn.system.progress import labelled, say
from titn.system.streams import open_streams


@dataclass(frozen=True, kw_only=True)
class ToldCell:
    """What a worker is told of a cell beside its configuration.

    label, sweep: what messages call them. round: of the sweep's launches. stop_file: the cell makes
    it if it fails, and does not begin where it is; None: it always begins.
    """

    label: str
    sweep: str | None
    round: int
    stop_file: Path | None = None


def make_cell(told: ToldCell, ensure: Callable[[], tuple[RunDir, dict]]) -> Outcome:
    """What has become of a cell; ConfigError and CellError become a reason.

    Whatever else is raised is a launcher's affair, which says so of this cell alone.
    ensure: makes it, and returns its directory and its record.
    """
    if told.stop_file is not None and told.stop_file.exists():
        return Outcome(reason="not begun, as another has failed (fail_fast=true)")
    open_streams()  # a worker's
    signals.install(worker=True)
    signals.begin_round(told.round)
    from titn.cells.ensure import BusyError
    from titn.cells.pruning import PrunedError

    try:
        with signals.interruptible(), labelled(told.label, told.sweep or ""):
            directory, result = ensure()
    except signals.Leave:
        return Outcome(left=True)
    except PrunedError as error:
        say(f"{told.label}: {error}")
        return Outcome(pruned=True)
    except LockLostError as error:
        say(f"{told.label}: {error}")
        return Outcome(busy=True)
    except BusyError:
        say(f"{told.label}: another process is making it")
        return Outcome(busy=True)
    except (ConfigError, CellError) as error:
        say(f"{told.label}: {error}")
        if told.stop_file is not None:
            told.stop_file.touch()
        return Outcome(reason=str(error), bad_input=isinstance(error, ConfigError))
    say(f"{told.label}: {outcome_text(result, directory.path)}")
    return Outcome()
