"""Ensure that a cell is recorded: skip it if it is, lock it, make its teacher first, make it.

A teacher's cell is planned and made by the same code as its student's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from titn.cells.cell import Cell
from titn.cells.failures import disk_errors_named, failure_recorded
from titn.cells.make import make
from titn.cells.planning import Planner
from titn.cells.pruning import Prunes
from titn.records.cell_state import PRUNED
from titn.records.run_dir import RunDir
from titn.source.loaded import SourceChangedError
from titn.system.errors import CellError, ConfigError, first_line
from titn.system.files import check_writable
from titn.system.locks import LOOK_SECS, HeldError, Lock, LockLostError
from titn.system.progress import log_to, say


class BusyError(Exception):
    """Another process is making the cell, or its teacher."""


def ensure(
    run: dict, wait: bool = True, checked: bool = False, prunes: Prunes | None = None
) -> tuple[RunDir, dict]:
    """The directory and the record of a run's cell, made now unless it is recorded.

    run: as `titn.config.resolve.resolve` returns it. checked: a sweep has planned it already.
    prunes: may end the run after an epoch; its teacher is always trained to the end.

    Raises ConfigError before anything is trained; CellError if the cell cannot be finished;
    PrunedError if it is ended; BusyError, without `wait`, if another process is making it;
    LockLostError if another has taken it over.
    """
    cell = Planner(checked).plan(run)
    return cell.directory, ensure_recorded(cell, wait, prunes)


def ensure_recorded(cell: Cell, wait: bool = True, prunes: Prunes | None = None) -> dict:
    """The record of a planned cell: the one that is there, or one that is made now."""
    with disk_errors_named(cell):
        cell.directory.path.mkdir(parents=True, exist_ok=True)
    check_identity(cell)
    if not cell.run["force"] and (result := _recorded(cell)) is not None:
        if not cell.prefix:
            say(f"{cell.name} is recorded already in {cell.directory.path}")
        _tidy(cell)
        return result
    teacher_record = _ensure_teacher(cell.teacher, wait)
    with _locked(cell, wait) as lock:
        # Another process may have been here while this one waited.
        check_identity(cell)
        if cell.run["force"]:
            cell.directory.clear()
        if (result := _recorded(cell)) is not None:
            return result
        _check_failure(cell)
        with disk_errors_named(cell), log_to(cell.directory.log), failure_recorded(cell, lock):
            say(f"{cell.name} {cell.describe()}, in {cell.directory.path}")
            return make(cell, teacher_record, prunes, lock)


def check_refusals(cell: Cell) -> None:
    """Raise, for a dry run, what `ensure_recorded` would refuse a cell with, and write nothing."""
    check_identity(cell)
    if not cell.run["force"] and _recorded(cell) is not None:
        return
    with disk_errors_named(cell):
        check_writable(cell.directory.path)
    if cell.teacher is not None:
        with _teachers_failure():
            check_refusals(cell.teacher)
        if not cell.teacher.run["force"] and _recorded(cell.teacher) is not None:
            _check_weights(cell.teacher)
    if not cell.run["force"]:
        _check_failure(cell)


def _ensure_teacher(teacher: Cell | None, wait: bool) -> dict | None:
    """The record of a student's teacher, whose weights are there; None without a teacher."""
    if teacher is None:
        return None
    if not teacher.run["force"] and _recorded(teacher) is None:
        say(f"{teacher.name} is not recorded yet: it is made first, once, for all its students")
    with _teachers_failure():
        record = ensure_recorded(teacher, wait)
    _check_weights(teacher)
    return record


@contextmanager
def _teachers_failure() -> Iterator[None]:
    """A CellError says that it is the teacher's."""
    try:
        yield
    except (LockLostError, SourceChangedError):
        raise  # it has not failed: another process makes it, or is to make it
    except CellError as error:
        raise CellError(f"the teacher failed: {error}") from error


def _check_weights(teacher: Cell) -> None:
    """ConfigError if a teacher that is recorded cannot teach."""
    if not teacher.directory.weights.exists():
        raise ConfigError(
            f"{teacher.place}: has a record but no weights; "
            "put them back, or teacher.force=true to make it again"
        )


def _tidy(cell: Cell) -> None:
    """Remove the checkpoints of a process that was killed between its record and their removal."""
    if cell.directory.checkpoints():
        with suppress(BusyError, OSError), _locked(cell, wait=False):
            if _recorded(cell) is not None:
                cell.directory.tidy()


@contextmanager
def _locked(cell: Cell, wait: bool) -> Iterator[Lock]:
    """One process at a time; the lock of one that dies comes free."""
    lock = Lock(cell.directory.lock)
    with disk_errors_named(cell):
        try:
            # Not at once: who only looks whether a lock is held has it for a moment.
            lock.acquire(timeout=LOOK_SECS)
        except HeldError:
            if not wait:
                raise BusyError from None
            say(f"{cell.name} is being made by another process in {cell.directory.path}; waiting")
            lock.acquire()
    try:
        yield lock
    finally:
        lock.release()


def _recorded(cell: Cell) -> dict | None:
    """The record; None if there is none yet."""
    return _read(cell, cell.directory.result)


def _read(cell: Cell, read: Callable[[], dict | None]) -> dict | None:
    """A file of the cell's directory; ConfigError if it is not as it was written."""
    try:
        return read()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{cell.place}: is damaged ({first_line(error)}); put back a copy, or "
            f"{cell.prefix}force=true to make it again"
        ) from None


def check_identity(cell: Cell) -> None:
    """ConfigError if the directory holds something else than this run made by this code."""
    force = f"{cell.prefix}force=true"
    if cell.run["force"] and cell.directory.is_run():
        return
    found = _read(cell, cell.directory.environment)
    if found is None:
        if cell.directory.path.exists() and cell.directory.foreign_files():
            raise ConfigError(f"{cell.place}: is not empty and holds no run; choose another")
        return
    if found.get("config_hash") != cell.identity["config_hash"]:
        raise ConfigError(
            f"{cell.place}: holds another configuration (its config.yaml says which); "
            f"choose another directory, or {force} to replace it"
        )
    if found.get("source_digest") != cell.identity["source_digest"]:
        other = f"{cell.prefix}run_dir" if cell.run["run_dir"] else "runs_dir"
        raise ConfigError(
            f"{cell.place}: was made by other source code "
            f"({str(found.get('source_digest'))[:8]}, now {cell.identity['source_digest'][:8]}); "
            f"keep it and choose {other}=DIR, or {force} to replace it"
        )


def _check_failure(cell: Cell) -> None:
    """CellError if the cell failed before and is not to be tried again."""
    if cell.run["retry"] == "failed":
        return
    failure = _read(cell, cell.directory.failure)
    if failure is None or failure.get("kind") == PRUNED:
        return
    before = f"{cell.directory.path} failed before ({failure.get('reason')})"
    if failure.get("kind") == "diverged":
        raise CellError(f"{before}; so it would again: lower {cell.prefix}optimizer.lr")
    raise CellError(f"{before}; retry=failed tries again")
