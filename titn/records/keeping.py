"""The small files of runs and sweeps, copied to where they can be kept: all that reports need."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from titn.records.records import run_paths
from titn.records.sweeps import LATENCY, PLAN, sweep_dirs

# Without weights, checkpoints and logs: some ten kilobytes a run.
OF_RUN = (
    "config.yaml", "environment.json", "epochs.jsonl", "failure.json", "result.json",
    "samples.parquet",
)  # fmt: skip
OF_SWEEP = (PLAN, LATENCY)


def keep(directories: Sequence[Path], destination: Path) -> int:
    """Copy what reports are made from, in the same arrangement; returns how many runs.

    Files of an earlier copy are replaced; nothing is removed.
    """
    count = 0
    for directory in directories:
        for path in run_paths(directory):
            _copy(path, destination / os.path.relpath(path, directory), OF_RUN)
            count += 1
        for sweep in sweep_dirs(directory):
            _copy(sweep.path, destination / os.path.relpath(sweep.path, directory), OF_SWEEP)
    return count


def _copy(source: Path, destination: Path, names: Sequence[str]) -> None:
    destination.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).exists():
            shutil.copyfile(source / name, destination / name)
