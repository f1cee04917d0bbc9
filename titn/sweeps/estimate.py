"""Estimates how long runs will take from the runs that are recorded. No torch here.

Training time is taken to be proportional to the number of training images seen: the seconds an
image of recorded runs with the same network, teacher, image size and kind of device, times the
images that a run will see.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titn.records.run_dir import run_paths
from titn.records.run_files import check_same_run, read_config, read_run_files

# Keys that decide the seconds an image. Runs that agree in all of the first group are the most
# similar; if there is none, runs that agree in the second will do. A name is that of a network of
# timm: one class has them all.
SIMILARITY_KEYS = (
    (
        "device",
        "devices",
        "model",
        "teacher.model",
        "dataset.image_size",
        "mix._target_",
        "optimizer._target_",
        "precision",
    ),
    (
        "device",
        "devices",
        "model._target_",
        "model.name",
        "teacher.model._target_",
        "teacher.model.name",
        "dataset.image_size",
    ),
)


@dataclass(frozen=True)
class PendingRun:
    """A run that is not made yet.

    run: its checked configuration. device, precision: resolved, where the configuration may have
    "auto". num_train: training images of an epoch.
    """

    run: dict
    device: str
    precision: str
    num_train: int


class TimeEstimator:
    """Estimates training times from the recorded runs below a directory, and from those added."""

    def __init__(self, runs_dir: Path | None = None):
        # Group of keys with their values -> seconds an image of each such run.
        self.secs_per_image: dict[Any, list[float]] = defaultdict(list)
        for path in run_paths(runs_dir) if runs_dir and runs_dir.is_dir() else ():
            self.add(path)

    def add(self, path: Path) -> None:
        """Learn from a run, if it is recorded."""
        # What is damaged is of no use here; titn.report and titn.status name it.
        with suppress(ValueError):
            self._add(path)

    def _add(self, path: Path) -> None:
        files = read_run_files(path)
        if not files.result or not files.result["epochs"]:
            return
        config = read_config(path)
        check_same_run(files.result, config)
        # Older records have no wall_secs.
        secs = files.result.get("wall_secs") or files.result.get("train_secs")
        trained = files.result.get("stopped_after") or files.result["epochs"]
        environment = files.environment or {}
        num_train, device = files.result.get("num_train"), environment.get("device")
        if not (secs and num_train and device):
            return
        hardware = {"device": _device_kind(device), "devices": environment.get("devices", 1)}
        for key in _similarity_keys(config | hardware):
            self.secs_per_image[key].append(secs / (trained * num_train))

    def seconds(self, pending: PendingRun) -> float | None:
        """Seconds by the median of the most similar recorded runs; None if none is similar."""
        if not pending.run["epochs"]:
            return 0.0  # nothing to train
        for key in _keys_of(pending):
            if rates := self.secs_per_image.get(key):
                return statistics.median(rates) * pending.run["epochs"] * pending.num_train
        return None

    def source(self, runs: Iterable[PendingRun]) -> str:
        """What estimates of runs go by, in words: those of other settings may be far off."""
        alike = (_keys_of(run)[0] in self.secs_per_image for run in runs if self.seconds(run))
        return "past cells" if all(alike) else "past cells with other settings"

    def total(self, runs: Iterable[PendingRun]) -> tuple[float, list[str]]:
        """Seconds of all runs one after another, and the models of those that have no estimate.

        The seconds leave out the runs without an estimate.
        """
        total, unknown = 0.0, dict[str, None]()
        for pending in runs:
            secs = self.seconds(pending)
            if secs is None:
                unknown[str(pending.run["choices"]["model"])] = None
            else:
                total += secs
        return total, list(unknown)


def _keys_of(pending: PendingRun) -> list[Any]:
    resolved = {
        "device": _device_kind(pending.device),
        "devices": pending.run.get("devices", 1),
        "precision": pending.precision,
    }
    return _similarity_keys(pending.run | resolved)


def _device_kind(device: str) -> str:
    """cuda for cuda:1, which is as fast as cuda:0."""
    return device.partition(":")[0]


def _similarity_keys(run: dict) -> list[Any]:
    return [(keys, *(repr(_select(run, key)) for key in keys)) for keys in SIMILARITY_KEYS]


def _select(node: Any, key: str) -> Any:
    """The value at a dotted key, None without it."""
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node
