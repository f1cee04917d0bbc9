"""Copies the small files of runs and sweeps to a directory where they are kept for reports."""

import os
import shutil
from collections.abc import Iterator, Sequence
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
RUN_FILES = (
    "config.yaml", "environment.json", "epochs.jsonl", "failure.json", "samples.parquet",
    "result.json",
)  # fmt: skip
SWEEP_FILES = (PLAN, LATENCY, POSTPONED, TRIALS)


@dataclass
class Archived:
    """runs: how many were copied. faults: (path, reason) of what is damaged and was not copied."""

    runs: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)


def archive(directories: Sequence[Path], destination: Path) -> Archived:
    """Copy the files that reports are made from, at the same relative paths.

    The destination may hold copies from several machines, and runs of earlier source code. A run's
    earlier copy is replaced, except a record by a run without one. A different run of the same name
    is copied beside it. A sweep is merged with its earlier copy. Nothing is removed. Damaged runs
    and sweeps are not copied: the earlier copy may be the one to restore. ConfigError if
    `destination` lies in one of the directories.
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
    """Whether the run was copied: a run without a record does not replace one that has it."""
    identity, earlier = read_identity(run), read_identity(copy)
    # Other source code gives the same cell the same name. Sweeps of that code still need the copy.
    differing = [
        identity[key][:8] for key in identity if identity[key] != earlier.get(key, identity[key])
    ]
    copy = copy.with_name("-".join([copy.name, *differing]))
    if _has_record(copy) and not _has_record(run):
        return False
    _copy(run, copy, RUN_FILES)
    return True


def _has_record(run: Path) -> bool:
    return (run / "result.json").exists()


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
