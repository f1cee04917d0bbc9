"""The small files of runs and sweeps, copied to where they can be kept: all that reports need."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from titn.records.epochs_and_samples import read_epochs, read_samples
from titn.records.rows import read_run
from titn.records.run_dir import run_paths
from titn.records.safe_open import safe_path
from titn.records.schemas import read_identity
from titn.records.sweep_dir import LATENCY, PLAN, POSTPONED, SweepDir, sweep_dirs
from titn.system.errors import ConfigError
from titn.system.files import replacing

# Without weights, checkpoints and logs: some ten kilobytes a run. The record last, as in a run.
OF_RUN = (
    "config.yaml", "environment.json", "epochs.jsonl", "failure.json", "samples.parquet",
    "result.json",
)  # fmt: skip
OF_SWEEP = (PLAN, LATENCY, POSTPONED)


@dataclass
class Archived:
    """runs: how many were copied. faults: (path, reason) of what was not, for it cannot be read."""

    runs: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)


def archive(directories: Sequence[Path], destination: Path) -> Archived:
    """Copy what reports are made from, in the same arrangement.

    A place may keep what several machines found, and source code of several ages: a run's files of
    an earlier copy are replaced, but for a record by less; another run of the same name is kept
    beside it; sweeps are joined with what is there of them; nothing is removed. What is damaged is
    left where it is: the earlier copy may be the one to put back. ConfigError if `destination` lies
    in a directory.
    """
    kept = Archived()
    for directory in directories:
        if os.path.realpath(directory) == os.path.realpath(destination):
            continue  # what is there is kept already
        if _is_below(destination, directory):
            raise ConfigError(f"--keep {destination}: lies in {directory}; choose a place outside")
        for path in run_paths(directory):
            if _is_whole(path, _run, kept):
                kept.runs += _copy_run(path, destination / _name(path, directory))
        for sweep in sweep_dirs(directory):
            if _is_whole(sweep.path, _sweep, kept):
                _join(sweep, SweepDir(destination / _name(sweep.path, directory)))
    return kept


def _name(path: Path, directory: Path) -> str:
    """A path as seen from the directory; of the directory itself its name."""
    name = os.path.relpath(path, directory)
    return os.path.basename(os.path.realpath(directory)) if name == os.curdir else name


def _is_below(path: Path, directory: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


def _is_whole(path: Path, faults: Callable[[Path], Iterator[str]], kept: Archived) -> bool:
    """Whether a directory has no faults; those that it has are added to `kept`."""
    found = [(str(path), fault) for fault in faults(path)]
    kept.faults += found
    return not found


def _copy_run(run: Path, place: Path) -> bool:
    """Whether it was copied: not where a record lies of which this run is only a part."""
    own, there = read_identity(run), read_identity(place)
    # The same cell made by other source code has the same name: sweeps of then still need it.
    differing = [own[key][:8] for key in own if own[key] != there.get(key, own[key])]
    place = place.with_name("-".join([place.name, *differing]))
    if _has_record(place) and not _has_record(run):
        return False
    _copy(run, place, OF_RUN)
    return True


def _has_record(run: Path) -> bool:
    return (run / OF_RUN[-1]).exists()


def _copy(source: Path, destination: Path, names: Sequence[str]) -> None:
    destination.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (file := safe_path(source, name)) is not None:
            with replacing(destination / name) as temporary:
                shutil.copyfile(file, temporary)


def _join(sweep: SweepDir, there: SweepDir) -> None:
    if any(_sweep(there.path)):
        _copy(sweep.path, there.path, OF_SWEEP)  # nothing can be joined with what is damaged
    else:
        there.join(sweep)


def _run(path: Path) -> Iterator[str]:
    """What of a run cannot be believed."""
    row = read_run(path)
    if row["status"] == "damaged":
        yield row["reason"]
    elif row["status"] == "recorded":
        for read in (read_epochs, read_samples):
            try:
                read(row)
            except ValueError as error:
                yield str(error)
    else:
        # Not read, but not to be followed out of the run either.
        for name in OF_RUN:
            try:
                safe_path(path, name)
            except ValueError as error:
                yield str(error)


def _sweep(path: Path) -> Iterator[str]:
    """What of a sweep cannot be believed."""
    sweep = SweepDir(path)
    try:
        for setting in sweep.settings():
            sweep.latency(setting)
        safe_path(path, LATENCY)
        sweep.postponed()
    except ValueError as error:
        yield str(error)
