"""Questions that are not asked now: why, and how long they would take. No data is read for it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from titn.cells.identity import run_source_digest
from titn.config import resolve
from titn.config.identity import config_hash
from titn.records import provenance
from titn.records.postponed import Postponed
from titn.records.run_dir import run_paths
from titn.records.run_files import read_config, read_run_files
from titn.sweeps.estimate import PastCells
from titn.system.errors import ConfigError
from titn.system.text import counted
from titn.training import hardware

# Images of train; of other data sets a command has to be asked for its plan, with dry_run=true.
NUM_TRAIN = {"mnist": 60_000, "cifar10": 50_000, "cifar100": 50_000, "digits": 1_437}
NUM_CLASSES = {"mnist": 10, "cifar10": 10, "cifar100": 100, "digits": 10}


def postponement(
    reason: str,
    command: str,
    overrides: Sequence[str],
    rows: Sequence[str],
    runs: Sequence[dict[str, Any]],
    runs_dir: Path,
) -> Postponed:
    """The note of an asking whose cells are `runs`, as `titn.config.resolve.resolve` returns them.

    Its hours are of all cells that have no record in `runs_dir` and of the teachers that are none
    of them, one after another. Raises ConfigError for a data set whose size is not known.
    """
    past, recorded = PastCells(runs_dir), set(_recorded(runs_dir))
    cells = {key: run for run in runs if (key := _identity(run)) not in recorded}
    taught = [run["teacher"] for run in cells.values() if run["teacher"] is not None]
    teachers = {key: run for run in taught if (key := _identity(run)) not in recorded | set(cells)}
    needed = [*cells.values(), *teachers.values()]
    secs, unknown = 0.0, dict[str, None]()
    for run in needed:
        known = _seconds(run, past)
        if known is None:
            unknown[str(run["choices"]["model"])] = None
        else:
            secs += known
    device = hardware.device(runs[0]["device"])
    machine = hardware.description(device)
    threads = counted(machine["threads"], "thread")
    return Postponed(
        reason=reason,
        command=command,
        overrides=list(overrides),
        rows=list(rows),
        seeds=sorted({run["seed"] for run in runs}),
        num_cells=len(cells),
        num_teachers=len(teachers),
        secs=secs or None,
        unknown=list(unknown),
        hardware=machine["gpu"] or f"{provenance.cpu_name()}, {threads}",
    )


def _recorded(runs_dir: Path) -> Iterator[str]:
    """The identities of the recorded runs that this source code made."""
    for path in run_paths(runs_dir) if runs_dir.is_dir() else ():
        try:
            files = read_run_files(path)
            if files.result is None:
                continue
            run = resolve.resolve_recorded(read_config(path))
            if files.identity.get("source_digest") == run_source_digest(run):
                yield _identity(run)
        except ValueError:
            continue  # of a damaged record, or one of another version, nothing is known


def _identity(run: dict[str, Any]) -> str:
    """What decides its numbers, but for the images."""
    teacher = run["teacher"]
    return config_hash(
        run,
        precision=hardware.precision(run["precision"], hardware.device(run["device"])),
        data="",
        origin=run["weights"] or run["checkpoint"],
        teacher=None if teacher is None else _identity(teacher),
    )


def _seconds(run: dict[str, Any], past: PastCells) -> float | None:
    device = hardware.device(run["device"])
    precision = hardware.precision(run["precision"], device)
    return past.seconds(run, str(device), precision, num_train(run["dataset"]))


def num_train(dataset: dict[str, Any]) -> int:
    """Training images of a known data set's node; ConfigError for another."""
    name = dataset.get("name") or dataset["_target_"].rpartition(".")[2]
    if name not in NUM_TRAIN:
        raise ConfigError(
            f"postpone: how many images dataset={name} has is not known; leave it out, and ask "
            "with dry_run=true"
        )
    share = (dataset["num_classes"] or NUM_CLASSES[name]) / NUM_CLASSES[name]
    if dataset["split"] == "validation":
        share *= 1 - dataset["validation_fraction"]
    return round(NUM_TRAIN[name] * share * dataset["fraction"])
