"""Which cells are made, and when: plan, skip if recorded, lock, refuse what does not belong, make.

A teacher's cell is planned and made by the same code as its student's, first.
"""

import errno
import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from titn.cells.make import Cell
from titn.config import resolve
from titn.data.images import Dataset
from titn.records import provenance
from titn.records.run_dir import RunDir
from titn.system.errors import CellError, ConfigError, file_error_text, first_line, is_full
from titn.system.progress import log_to, note, say
from titn.training import build, hardware
from titn.training.engine import DivergenceError

T = TypeVar("T")


class BusyError(Exception):
    """Another process is making the cell, or its teacher."""


def ensure(run: dict, wait: bool = True, checked: bool = False) -> tuple[RunDir, dict]:
    """The directory and the record of a run's cell, made now unless it is recorded.

    run: as `titn.config.resolve.resolve` returns it. checked: a sweep has planned it already.

    Raises ConfigError before anything is trained, CellError when a cell cannot be finished;
    BusyError, without `wait`, when another process is at it.
    """
    cell = Planner(checked).plan(run)
    return cell.directory, make_cell(cell, wait)


class Planner:
    """Plans cells; what several have in common, images and teachers, is built once for all.

    checked: the runs have been planned before; so no network is built to find their mistakes, which
    for a teacher with 134M weights takes a second.
    """

    def __init__(self, checked: bool = False) -> None:
        self.checked = checked
        self.datasets: dict[str, Dataset] = {}
        self.teachers: dict[str, Cell] = {}
        self.origins: dict[str, str | None] = {}

    def plan(self, run: dict, prefix: str = "") -> Cell:
        """A run's cell with its identity and place, and its teacher's; trains and writes nothing.

        Everything is built once, for what only the built objects know: a mistake in the student's
        last key should not cost a teacher's time first. prefix: what its keys begin with on the
        command line, "teacher." for a teacher's.
        """
        device = hardware.device(run["device"])
        precision = hardware.precision(run["precision"], device)
        dataset = _once(self.datasets, run["dataset"], lambda: build.dataset(run))
        origin = self._origin(run, dataset)
        teacher = self._teacher(run)
        config_hash = resolve.config_hash(
            run,
            precision=precision,
            data=dataset.digest,
            origin=origin,
            teacher=teacher.identity["config_hash"] if teacher else None,
        )
        return Cell(
            run=run,
            prefix=prefix,
            directory=RunDir(Path(run["run_dir"] or Path(run["runs_dir"]) / config_hash)),
            identity={"config_hash": config_hash, "source_digest": provenance.source_digest()},
            device=device,
            precision=precision,
            dataset=dataset,
            teacher=teacher,
        )

    def _origin(self, run: dict, dataset: Dataset) -> str | None:
        """The digest of the file that a run's first weights come from, if they come from one."""
        if self.checked and not (run["checkpoint"] or run["weights"]):
            return None
        # Another seed builds nothing else.
        unseeded = run | {"seed": 0}
        return _once(self.origins, unseeded, lambda: build.parts(run, dataset.spec).origin)

    def _teacher(self, run: dict) -> Cell | None:
        teacher = run["teacher"]
        if teacher is None:
            return None
        try:
            return _once(self.teachers, teacher, lambda: self.plan(teacher, "teacher."))
        except ConfigError as error:
            raise ConfigError(f"teacher.{error}") from error


def _once(known: dict[str, T], node: dict, make: Callable[[], T]) -> T:
    """What `make` returns, kept for all who ask with an equal node."""
    key = json.dumps(node, sort_keys=True)
    if key not in known:
        known[key] = make()
    return known[key]


def make_cell(cell: Cell, wait: bool = True) -> dict:
    """The record of a planned cell: the one that is there, or one that is made now."""
    run, directory = cell.run, cell.directory
    _claim(cell)
    if not run["force"] and (result := _recorded(cell)) is not None:
        if not cell.prefix:
            say(f"{cell.name} is recorded already in {directory.path}")
        _tidy(cell)
        return result
    teacher = _make_teacher(cell, wait)
    with _locked(cell, wait):
        # Another process may have been here while this one waited.
        _check_identity(cell)
        if run["force"]:
            directory.clear()
        if (result := _recorded(cell)) is not None:
            return result
        _check_failure(cell)
        with _naming_file(cell), log_to(directory.log), _recording_failure(cell):
            say(f"{cell.name} {describe(cell)}, in {directory.path}")
            return cell.make(teacher)


def _tidy(cell: Cell) -> None:
    """Remove what a process that was killed between record and tidying has left of gigabytes."""
    if cell.directory.checkpoints():
        with suppress(BusyError, OSError), _locked(cell, wait=False):
            if _recorded(cell) is not None:
                cell.directory.tidy()


def _make_teacher(cell: Cell, wait: bool) -> dict | None:
    teacher = cell.teacher
    if teacher is None:
        return None
    if not teacher.run["force"] and _recorded(teacher) is None:
        say(f"{teacher.name} is not recorded yet: it is made first, once, for all its students")
    try:
        record = make_cell(teacher, wait)
    except CellError as error:
        raise CellError(f"the teacher failed: {error}") from error
    if not teacher.directory.weights.exists():
        raise ConfigError(
            f"teacher.run_dir={teacher.directory.path}: has a record but no weights; "
            "put them back, or teacher.force=true to make it again"
        )
    return record


def describe(cell: Cell) -> str:
    """What a cell is about, as the user calls it."""
    run = cell.run
    data, seed, epochs = run["choices"]["dataset"], run["seed"], run["epochs"]
    return f"on {data}, seed {seed}, {epochs} epochs, {cell.precision} on {cell.device}"


def _recorded(cell: Cell) -> dict | None:
    """The record, if there is one; ConfigError if it is not as it was written."""
    return _believed(cell, cell.directory.result)


def _believed(cell: Cell, read: Callable[[], dict | None]) -> dict | None:
    try:
        return read()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{_place(cell)}: cannot be believed ({first_line(error)}); put back a copy, or "
            f"{cell.prefix}force=true to make it again"
        ) from None


def _place(cell: Cell) -> str:
    return f"{cell.prefix}run_dir={cell.directory.path}"


def _claim(cell: Cell) -> None:
    """Make the directory; ConfigError if that cannot be, or if it is another's."""
    with _naming_file(cell):
        cell.directory.path.mkdir(parents=True, exist_ok=True)
    _check_identity(cell)


# What a path is to blame for, and not the moment.
UNUSABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG)


@contextmanager
def _naming_file(cell: Cell) -> Iterator[None]:
    """A place that cannot be written is bad input, a disk that is full or fails a misfortune.

    Neither says anything of the cell: it is not marked as failed, and goes on when it is asked for
    again.
    """
    try:
        yield
    except Timeout:
        raise  # another process has the lock
    except OSError as error:
        if error.errno in UNUSABLE:
            raise ConfigError(
                f"{_place(cell)}: cannot be written ({error.strerror}); choose another directory"
            ) from None
        remedy = "make room, and " if is_full(error) else ""
        raise CellError(
            f"{cell.name}: {file_error_text(error)}; {remedy}the same command goes on from what "
            "was saved"
        ) from error


@contextmanager
def _locked(cell: Cell, wait: bool) -> Iterator[None]:
    """One process at a time; the system frees the lock of a process that dies."""
    lock = FileLock(cell.directory.lock)
    try:
        with _naming_file(cell):
            lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise BusyError from None
        say(f"{cell.name} is being made by another process in {cell.directory.path}; waiting")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _check_identity(cell: Cell) -> None:
    """ConfigError if the directory holds something else than this run made by this code."""
    place, force = _place(cell), f"{cell.prefix}force=true"
    if cell.run["force"] and cell.directory.is_run():
        return
    found = _believed(cell, cell.directory.environment)
    if found is None:
        if cell.directory.others():
            raise ConfigError(f"{place}: is not empty and holds no run; choose another")
        return
    if found.get("config_hash") != cell.identity["config_hash"]:
        raise ConfigError(
            f"{place}: holds another configuration (its config.yaml says which); "
            f"choose another directory, or {force} to replace it"
        )
    if found.get("source_digest") != cell.identity["source_digest"]:
        raise ConfigError(
            f"{place}: was made by other source code "
            f"({str(found.get('source_digest'))[:8]}, now {cell.identity['source_digest'][:8]}); "
            f"keep it and choose runs_dir=DIR, or {force} to replace it"
        )


def _check_failure(cell: Cell) -> None:
    if cell.run["retry"] == "failed":
        return
    failure = _believed(cell, cell.directory.failure)
    if failure is None:
        return
    before = f"{cell.directory.path} failed before ({failure.get('reason')})"
    if failure.get("kind") == "diverged":
        raise CellError(f"{before}; so it would again: lower {cell.prefix}optimizer.lr")
    raise CellError(f"{before}; retry=failed tries again")


@contextmanager
def _recording_failure(cell: Cell) -> Iterator[None]:
    """What a cell raises is written down where the cell lives; an interrupt is not a failure.

    A run that diverges is a result of its configuration, and its file says so: `kind` "diverged",
    with the epoch; what the curves have until then stays beside it.
    """
    try:
        yield
    except (OSError, ConfigError):
        raise  # of the disk, or of what lies on it: nothing of this is the cell's
    except Exception as error:
        diverged = error if isinstance(error, DivergenceError) else None
        kind, said, remedy = "error", first_line(error), ""
        if said != type(error).__name__ and not diverged:
            said = f"{type(error).__name__}: {said}"
        if diverged:
            kind, remedy = "diverged", f"; lower {cell.prefix}optimizer.lr"
        elif hardware.is_out_of_memory(error):
            kind, said, remedy = "memory", f"out of memory on {cell.device}", _smaller(cell)
        failure = {
            "kind": kind,
            "reason": said,
            "epoch": diverged and diverged.epoch,
            "seed": cell.run["seed"],
            **cell.identity,
            "traceback": traceback.format_exc(),
        }
        note(failure["traceback"])
        cell.directory.fail(failure)
        where = cell.directory.path / "failure.json"
        raise CellError(
            f"{said}{remedy} (recorded in {where}; retry=failed tries again)"
        ) from error


def _smaller(cell: Cell) -> str:
    """What to lower when the memory of a device is not enough."""
    run, prefix = cell.run, cell.prefix
    return (
        f"; lower {prefix}batch_size (it is {run['batch_size']}), choose a smaller "
        f"{prefix}model, or make fewer cells at once"
    )
