"""How long cells will take, from those that are recorded. No torch here.

A cell costs about the same for every training image that it sees; so seconds an image of past
cells of the same network, teacher, image size and kind of device, times the images to come.
"""

import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from titn.records.run_dir import run_paths
from titn.records.run_files import check_same_run, read_config, read_run_files

# The parts of a configuration that decide what an image costs, from most to least alike.
ALIKE = (
    ("device", "model", "teacher.model", "dataset.image_size", "mix._target_", "precision"),
    ("device", "model._target_", "teacher.model._target_", "dataset.image_size"),
)


class PastCells:
    """Seconds an image of the recorded cells below a directory."""

    def __init__(self, runs_dir: Path):
        self.rates: dict[Any, list[float]] = defaultdict(list)
        for path in run_paths(runs_dir) if runs_dir.is_dir() else ():
            try:
                self._add(path)
            except ValueError:
                continue  # a damaged record tells nothing; the report names it

    def _add(self, path: Path) -> None:
        said = read_run_files(path)
        if not said.result or not said.result["epochs"]:
            return
        config = read_config(path)
        check_same_run(said.result, config)
        secs = said.result.get("wall_secs") or said.result.get("train_secs")
        num_train, device = said.result.get("num_train"), (said.environment or {}).get("device")
        if not (secs and num_train and device):
            return
        rate = secs / (said.result["epochs"] * num_train)
        for key in _keys(config | {"device": _kind(device)}):
            self.rates[key].append(rate)

    def seconds(self, run: dict, device: str, precision: str, num_train: int) -> float | None:
        """Seconds that a run will take, going by the past cells most like it; None without any.

        device, precision: the resolved ones, which a run may leave to the machine.
        """
        if not run["epochs"]:
            return 0.0  # nothing to train
        for key in _keys(run | {"device": _kind(device), "precision": precision}):
            if rates := self.rates.get(key):
                return statistics.median(rates) * run["epochs"] * num_train
        return None


def _kind(device: str) -> str:
    """cuda:1 is as fast as cuda:0."""
    return device.partition(":")[0]


def _keys(run: dict) -> list[Any]:
    return [(keys, *(repr(_at(run, key)) for key in keys)) for keys in ALIKE]


def _at(node: Any, key: str) -> Any:
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node
