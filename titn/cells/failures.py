"""What may go wrong while a cell is made: whose fault it is, and where it is written down."""

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from titn.cells.cell import Cell
from titn.cells.pruning import PrunedError
from titn.records.cell_state import PRUNED
from titn.source.loaded import SourceChangedError
from titn.system.errors import CellError, ConfigError, file_error_text, first_line, is_full
from titn.system.locks import Lock, LockLostError
from titn.system.progress import note
from titn.training import hardware
from titn.training.engine import DivergenceError

# Errors for which the path is to blame, and not the moment; the last two are of a file system that
# cannot do what is asked, as rename.
UNUSABLE = (
    errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG,
    errno.ENOSYS, errno.EOPNOTSUPP,
)  # fmt: skip


@contextmanager
def disk_errors_named(cell: Cell) -> Iterator[None]:
    """A place that cannot be written is bad input (ConfigError), a full disk is not (CellError).

    Neither is the cell's fault: it is not recorded as failed, and the same command goes on.
    """
    try:
        yield
    except OSError as error:
        if error.errno in UNUSABLE:
            raise ConfigError(
                f"{cell.place}: cannot be written ({error.strerror}); choose another directory"
            ) from None
        remedy = "make room, and " if is_full(error) else ""
        raise CellError(
            f"{cell.name}: {file_error_text(error)}; {remedy}the same command goes on from what "
            "was saved"
        ) from error


@contextmanager
def exits_named() -> Iterator[None]:
    """A user's own code that ends the process is bad input: nobody would know what it was."""
    try:
        yield
    except SystemExit as end:
        raise ConfigError(
            f"a module of one's own ended the process with sys.exit({end.code!r}); raise a "
            "ValueError there, and do what a script does below if __name__ == '__main__'"
        ) from end


@contextmanager
def failure_recorded(cell: Cell, lock: Lock) -> Iterator[None]:
    """Write an exception into the cell's failure.json and raise CellError; interrupts pass.

    So does a PrunedError, which is written down as well: nothing has failed.

    A run that diverges is a result of its configuration: its failure has the kind "diverged" and
    the epoch, and the metrics of the epochs before stay beside it. Nothing is written once another
    process has the cell's lock.
    """
    try:
        yield
    except (OSError, ConfigError, LockLostError, SourceChangedError):
        raise  # the fault of the disk, or of a file on it, and not of the cell
    except PrunedError as error:
        facts = {"epoch": error.epoch, "wall_secs": error.wall_secs, "seed": cell.run["seed"]}
        lock.check()
        cell.directory.fail({"kind": PRUNED, "reason": str(error), **facts, **cell.identity})
        raise
    except (Exception, SystemExit) as error:  # the latter of a user's own code
        kind, reason, remedy = _explain(error, cell)
        failure = {
            "kind": kind,
            "reason": reason,
            "epoch": error.epoch if isinstance(error, DivergenceError) else None,
            "seed": cell.run["seed"],
            **cell.identity,
            "traceback": traceback.format_exc(),
        }
        note(failure["traceback"])
        lock.check()
        cell.directory.fail(failure)
        file = cell.directory.path / "failure.json"
        raise CellError(
            f"{reason}{remedy} (recorded in {file}; retry=failed tries again)"
        ) from error


def _explain(error: Exception | SystemExit, cell: Cell) -> tuple[str, str, str]:
    """Kind, reason and remedy of what a cell raised."""
    run, prefix = cell.run, cell.prefix
    if isinstance(error, DivergenceError):
        return "diverged", first_line(error), f"; lower {prefix}optimizer.lr"
    if hardware.is_out_of_memory(error):
        remedy = (
            f"; lower {prefix}batch_size (it is {run['batch_size']}), cut it into parts with "
            f"{prefix}accumulate={2 * run['accumulate']}, choose a smaller {prefix}model, or make "
            "fewer cells at once"
        )
        return "memory", f"out of memory on {cell.device}", remedy
    name, message = type(error).__name__, first_line(error)
    return "error", message if message == name else f"{name}: {message}", ""
