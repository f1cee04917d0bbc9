"""Copies the small files of runs and sweeps to a directory where they are kept for reports."""

import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from titn.records.cell_state import DONE
from titn.records.epochs_and_samples import read_epochs, read_samples
from titn.records.rows import read_row
from titn.records.run_dir import run_paths
from titn.records.run_files import read_identity
from titn.records.safe_open import safe_path
from titn.records.sweep_dir import LATENCY, PLAN, POSTPONED, TRIALS, SweepDir, sweep_dirs
from titn.system.errors import ConfigError
from titn.system.files import replacing

# No weights, checkpoints and logs: ten kilobytes or so a run. The record last, as in a run.
FAILURE, RECORD = "failure.json", "result.json"
RUN_FILES = (
    "config.yaml", "environment.json", "epochs.jsonl", FAILURE, "samples.parquet", RECORD,
)  # fmt: skip
SWEEP_FILES = (PLAN, LATENCY, POSTPONED, TRIALS)


@dataclass
class Archived:
    """runs: how many were copied. faults: (path, reason) of what is damaged and was not copied."""

    runs: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)


def archive(directories: Sequence[Path], destination: Path) -> Archived:
    """Copy the files that reports are made from, at the same relative paths.

    The destination may hold copies from several machines, and runs of earlier source code. The
    earlier copy of a run without a record is replaced. A different run of the same name is copied
    beside it, and so is a different record of the same cell: pages show the one that was begun
    first, and that there are others. A sweep is merged with its earlier copy. No record is removed.
    Damaged runs and sweeps are not copied: the earlier copy may be the one to restore. ConfigError
    if `destination` lies in one of the directories.
    """
    archived = Archived()
    for directory in directories:
        if os.path.realpath(directory) == os.path.realpath(destination):
            continue  # its files are where they are kept already
        if _is_below(destination, directory):
            raise ConfigError(f"--keep {destination}: lies in {directory}; choose a place outside")
        for path in run_paths(directory):
            if faults := list(_run_faults(path)):
                archived.faults += [(str(path), fault) for fault in faults]
            else:
                archived.runs += _copy_run(path, destination / _relative_name(path, directory))
        for sweep in sweep_dirs(directory):
            if faults := list(_sweep_faults(sweep)):
                archived.faults += [(str(sweep.path), fault) for fault in faults]
            else:
                name = _relative_name(sweep.path, directory)
                _merge_sweep(sweep, SweepDir(destination / name))
    return archived


def _relative_name(path: Path, directory: Path) -> str:
    """A path relative to the directory; for the directory itself, its name."""
    name = os.path.relpath(path, directory)
    return os.path.basename(os.path.realpath(directory)) if name == os.curdir else name


def _is_below(path: Path, directory: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


def _copy_run(run: Path, copy: Path) -> bool:
    """Whether the run was copied: a run without a record is not, where there is a record of it."""
    identity, earlier = read_identity(run), read_identity(copy)
    # Other source code gives the same cell the same name. Sweeps of that code still need the copy.
    differing = [
        identity[key][:8] for key in identity if identity[key] != earlier.get(key, identity[key])
    ]
    copy = copy.with_name("-".join([copy.name, *differing]))
    ours, theirs = _record(run), _record(copy)
    if theirs is not None and ours is None:
        return False
    if ours is not None and theirs is not None and ours != theirs:
        # The same cell, made on two machines, or once more.
        copy = copy.with_name(f"{copy.name}-{zlib.crc32(ours):08x}")
    _copy(run, copy, RUN_FILES)
    if safe_path(run, FAILURE) is None:
        (copy / FAILURE).unlink(missing_ok=True)  # of an attempt before this one
    return True


def _record(run: Path) -> bytes | None:
    """The record's file as it is; None without one."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return (run / RECORD).read_bytes()
    return None


def _copy(source: Path, destination: Path, names: Sequence[str]) -> None:
    destination.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (file := safe_path(source, name)) is not None:
            with replacing(destination / name) as temporary:
                shutil.copyfile(file, temporary)


def _merge_sweep(sweep: SweepDir, copy: SweepDir) -> None:
    if any(_sweep_faults(copy)):
        _copy(sweep.path, copy.path, SWEEP_FILES)  # a damaged copy is replaced
    else:
        copy.merge(sweep)


def _run_faults(path: Path) -> Iterator[str]:
    """What is damaged in a run, one message a file."""
    row = read_row(path)
    if row["status"] == "damaged":
        yield row["reason"]
    elif row["status"] in DONE:
        for read in (read_epochs, read_samples):
            try:
                read(row)
            except ValueError as error:
                yield str(error)
    else:
        # The files are not read, but a link must not lead out of the run either.
        for name in RUN_FILES:
            try:
                safe_path(path, name)
            except ValueError as error:
                yield str(error)


def _sweep_faults(sweep: SweepDir) -> Iterator[str]:
    """What is damaged in a sweep: the first message, if any."""
    try:
        for setting in sweep.settings():
            sweep.latency(setting)
        safe_path(sweep.path, LATENCY)
        sweep.postponed()
        sweep.trials()
    except ValueError as error:
        yield str(error)
