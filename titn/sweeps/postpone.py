"""Postpones a question: writes down why its cells are not made now, and what they would cost.

No image is read and no network is built for it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from titn.cells.identity import run_source_digest
from titn.config.identity import config_hash
from titn.config.resolve import resolve_recorded
from titn.records import provenance
from titn.records.postponed import Postponed
from titn.records.run_dir import run_paths
from titn.records.run_files import read_config, read_run_files
from titn.sweeps.estimate import PendingRun, TimeEstimator
from titn.sweeps.greedy_path import expected_requests, is_path
from titn.sweeps.overrides import SweepRequest
from titn.sweeps.sweep import Sweep
from titn.sweeps.tuning import candidate_requests, for_test
from titn.system.errors import ConfigError
from titn.system.progress import say
from titn.system.text import counted
from titn.training import hardware

# Training images and classes of the data sets whose sizes are known without reading them.
NUM_TRAIN = {"mnist": 60_000, "cifar10": 50_000, "cifar100": 50_000, "digits": 1_437}
NUM_CLASSES = {"mnist": 10, "cifar10": 10, "cifar100": 100, "digits": 10}


def postpone(sweep: Sweep, reason: str) -> None:
    """Add a note for each request to the sweep's postponed.json; ConfigError without a question."""
    if sweep.question is None:
        raise ConfigError(
            "postpone: is for a question, whose page says it; add one, as +ablation=mix"
        )
    for request in sweep.requests:
        note = postponed_note(sweep, request, reason)
        sweep.directory.postpone(sweep.name, note)
        say(note.message(sweep.name))


def postponed_note(sweep: Sweep, request: SweepRequest, reason: str) -> Postponed:
    """A request's note, with the time of all cells and teachers that have no record.

    Raises ConfigError for a data set whose size is not known.
    """
    if is_path(sweep):
        rounds, tested = expected_requests(sweep, request)
        candidates = [candidate for candidates in rounds for candidate in candidates]
    else:
        candidates = candidate_requests(sweep, request)
        asked = for_test(sweep, request) if candidates else request
        tested = list(asked.cells())
    tried, runs = (
        [sweep.compose(cell.job_overrides()) for cell in cells] for cells in (candidates, tested)
    )
    todo, teachers = _unrecorded([*tried, *runs], sweep.runs_dir)
    secs, unknown = TimeEstimator(sweep.runs_dir).total(map(_pending, (*todo, *teachers)))
    return Postponed(
        reason=reason,
        command=sweep.command,
        overrides=request.setting_overrides(),
        rows=list(request.rows),
        seeds=sorted({run["seed"] for run in runs}),
        num_cells=len(todo),
        num_teachers=len(teachers),
        secs=secs or None,
        unknown=unknown,
        hardware=_describe_hardware(runs[0]["device"]),
    )


def num_train(dataset: dict[str, Any]) -> int:
    """Training images of a data set's node; ConfigError if its size is not known."""
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


def _unrecorded(runs: Sequence[dict], runs_dir: Path) -> tuple[list[dict], list[dict]]:
    """The runs that have no record, and their teachers that are neither recorded nor among them."""
    recorded = set(_recorded_identities(runs_dir))
    todo = {key: run for run in runs if (key := _identity(run)) not in recorded}
    known = recorded | set(todo)
    teachers = [run["teacher"] for run in todo.values() if run["teacher"] is not None]
    missing = {key: run for run in teachers if (key := _identity(run)) not in known}
    return list(todo.values()), list(missing.values())


def _recorded_identities(runs_dir: Path) -> Iterator[str]:
    """The identities of the recorded runs that this source code has made."""
    for path in run_paths(runs_dir) if runs_dir.is_dir() else ():
        try:
            files = read_run_files(path)
            if files.result is None:
                continue
            run = resolve_recorded(read_config(path))
            if files.identity.get("source_digest") == run_source_digest(run):
                yield _identity(run)
        except ValueError:
            continue  # damaged, or of another version: it counts as not recorded


def _identity(run: dict[str, Any]) -> str:
    """The hash of all that decides a run's numbers, except the images."""
    teacher = run["teacher"]
    return config_hash(
        run,
        precision=hardware.precision(run["precision"], hardware.device(run["device"])),
        data="",
        origin=run["weights"] or run["checkpoint"],
        teacher=None if teacher is None else _identity(teacher),
    )


def _pending(run: dict[str, Any]) -> PendingRun:
    device = hardware.device(run["device"])
    precision = hardware.precision(run["precision"], device)
    return PendingRun(run, str(device), precision, num_train(run["dataset"]))


def _describe_hardware(device: str) -> str:
    machine = hardware.description(hardware.device(device))
    threads = counted(machine["threads"], "thread")
    return machine["gpu"] or f"{provenance.cpu_name()}, {threads}"
