"""Which cells are made, and when: lock, skip if recorded, refuse what does not belong, make.

`ensure` makes a student's cell and, by the same code, its teacher's first.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from titn import build, config, hardware
from titn.cell import Cell
from titn.errors import CellError, ConfigError
from titn.progress import say
from titn.records import provenance
from titn.records.records import RunDir


def ensure(run: dict, role: str = "") -> tuple[RunDir, dict]:
    """The directory and the record of a run's cell, made now unless it is recorded.

    run: as `titn.config.resolve` returns it. role: "teacher" for one; messages begin with it.

    Raises ConfigError before anything is trained, CellError when the cell cannot be finished.
    """
    device = hardware.device(run["device"])
    precision = hardware.precision(run["precision"], device)
    # Everything of the student's is built before its teacher is trained: a mistake in the last
    # key should not cost a teacher's time first.
    parts = build.parts(run)
    teacher_dir, teacher = _ensure_teacher(run)

    config_hash = config.config_hash(
        run,
        precision=precision,
        data=parts.dataset.digest,
        checkpoint=parts.checkpoint,
        teacher=None if teacher is None else teacher["config_hash"],
    )
    directory = RunDir(Path(run["run_dir"] or Path(run["runs_dir"]) / config_hash))
    name = f"{role} {run['choices']['model']}".strip()
    identity = {"config_hash": config_hash, "source_digest": provenance.source_digest()}
    with _locked(directory, name):
        _check_identity(directory, identity, replace=run["force"])
        if run["force"]:
            directory.clear()
        if (result := directory.result()) is not None:
            say(f"{name}: recorded already in {directory.path}")
            return directory, result
        _check_failure(directory, run)
        say(f"{name}: {describe(run)}, {precision} on {device}, in {directory.path}")
        cell = Cell(run, parts, directory, identity, name, device, precision)
        with _recording_failure(directory):
            return directory, cell.make(teacher_dir, teacher)


def _ensure_teacher(run: dict) -> tuple[RunDir | None, dict | None]:
    if run["teacher"] is None:
        return None, None
    try:
        return ensure(run["teacher"], role="teacher")
    except ConfigError as error:
        raise ConfigError(f"teacher.{error}") from error
    except CellError as error:
        raise CellError(f"the teacher failed: {error}") from error


def describe(run: dict) -> str:
    """What a run is about, as the user calls it."""
    return f"{run['epochs']} epochs on {run['choices']['dataset']}, seed {run['seed']}"


@contextmanager
def _locked(directory: RunDir, name: str) -> Iterator[None]:
    """One process at a time; the system frees the lock of a process that dies."""
    try:
        directory.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"run_dir={directory.path}: cannot be made ({error.strerror})") from None
    lock = FileLock(directory.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"{name}: another process is making {directory.path}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _check_identity(directory: RunDir, identity: dict, replace: bool) -> None:
    """ConfigError if the directory holds something else than this run made by this code."""
    found = directory.environment()
    if found is None:
        if directory.others():
            raise ConfigError(
                f"run_dir={directory.path}: is not empty and holds no run; choose another directory"
            )
        return
    if replace:
        return
    if found["config_hash"] != identity["config_hash"]:
        raise ConfigError(
            f"run_dir={directory.path}: holds another configuration (its config.yaml says which); "
            "choose another directory, or force=true to replace it"
        )
    if found["source_digest"] != identity["source_digest"]:
        raise ConfigError(
            f"run_dir={directory.path}: was made by other source code "
            f"({found['source_digest'][:8]}, now {identity['source_digest'][:8]}); "
            "keep it and choose runs_dir=DIR, or force=true to replace it"
        )


def _check_failure(directory: RunDir, run: dict) -> None:
    failure = directory.failure()
    if failure is not None and run["retry"] != "failed":
        raise CellError(
            f"{directory.path} failed before ({failure['reason']}); retry=failed tries again"
        )


@contextmanager
def _recording_failure(directory: RunDir) -> Iterator[None]:
    """What a cell raises is written down where the cell lives; an interrupt is not a failure."""
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        reason = reason.splitlines()[0]
        directory.fail({"reason": reason, "traceback": traceback.format_exc()})
        where = directory.path / "failure.json"
        raise CellError(f"{reason} (recorded in {where}; retry=failed tries again)") from error
