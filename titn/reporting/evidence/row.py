"""A row of a sweep: its cells, their states and numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from titn.records.cell_state import DAMAGED, DIVERGED, FAILED, PRUNED, RECORDED, STOPPED
from titn.reporting.evidence.run_files import Fault, load_curve, load_samples
from titn.reporting.statistics.predictions import epochs_to_reach

Floats = NDArray[np.float64]
# Config hash and source digest.
Identity = tuple[str, str]

UNFINISHED, MISSING = "unfinished", "missing"
# The states of a cell, the best first: of several directories with one cell the best counts.
STATES = (RECORDED, STOPPED, DIVERGED, FAILED, PRUNED, UNFINISHED, DAMAGED, MISSING)

# Metrics that are computed from a record's numbers; the first two in the paper's units.
DERIVED: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "gflops_batch1024": lambda run: run["macs_paper"] * 1024 / 1e9 if "macs_paper" in run else None,
    "parameters_m": lambda run: run["parameters"] / 1e6 if "parameters" in run else None,
    # How much better a network does on what it was trained on.
    "gap": lambda run: run["train.top1"] - run["top1"] if "train.top1" in run else None,
    # A cell that was given its teacher's labels did less work than others: its time is not
    # comparable.
    "train_secs": lambda run: None if run.get("kept_labels") else run.get("train_secs"),
    "wall_secs": lambda run: None if run.get("kept_labels") else run.get("wall_secs"),
}


@dataclass(frozen=True)
class Row:
    """The planned cells of a row.

    runs: seed -> the record as a flat dict, in the order of the seeds. states: seed -> one of
    STATES, for every planned cell. identities: seed -> config hash and source digest. unrecorded:
    seed -> what was found of a cell without a record. tuned: the values that the row chose on the
    validation split. num_left_out: cells that were planned under its label with another
    configuration. reach: the accuracy that "epochs_to_reach" is about.
    """

    label: str
    runs: dict[int, dict[str, Any]]
    states: dict[int, str]
    tuned: dict[str, Any]
    identities: dict[int, Identity] = field(default_factory=dict)
    unrecorded: dict[int, dict[str, Any]] = field(default_factory=dict)
    num_left_out: int = 0
    reach: float | None = None

    @property
    def num_planned(self) -> int:
        return len(self.states)

    def count(self, state: str) -> int:
        return sum(other == state for other in self.states.values())

    def remarks(self) -> list[str]:
        """The states of the cells that have no number: "1 of 3 diverged"."""
        others = [state for state in STATES if state != RECORDED and self.count(state)]
        return [f"{self.count(state)} of {self.num_planned} {state}" for state in others]

    def values(self, metric: str) -> Floats:
        """(n,) a number of each recorded seed; nan where a record does not have it."""
        if metric == "epochs_to_reach":
            numbers = [self._epochs_to_reach(seed) for seed in self.runs]
        else:
            derive = DERIVED.get(metric, lambda run: run.get(metric))
            numbers = [derive(run) for run in self.runs.values()]
        # A claim may name a key whose value is no number, such as split.
        return np.array([n if isinstance(n, int | float) else np.nan for n in numbers], dtype=float)

    def _epochs_to_reach(self, seed: int) -> int | None:
        if seed not in self.curves or self.reach is None:
            return None
        return epochs_to_reach(*self.curves[seed], self.reach)

    @cached_property
    def _samples(self) -> dict[int, dict[str, NDArray[Any]] | Fault | None]:
        return {seed: load_samples(run) for seed, run in self.runs.items()}

    @cached_property
    def _curves(self) -> dict[int, tuple[Floats, Floats] | Fault | None]:
        return {seed: load_curve(run) for seed, run in self.runs.items()}

    @property
    def samples(self) -> dict[int, dict[str, NDArray[Any]]]:
        """seed -> column of samples.parquet -> (m,) classes, for records that have the file."""
        return {seed: found for seed, found in self._samples.items() if isinstance(found, dict)}

    @property
    def has_all_samples(self) -> bool:
        """Whether every record has its predictions, and all of the same images."""
        labels = [columns["label"] for columns in self.samples.values()]
        same = all(np.array_equal(labels[0], other) for other in labels)
        return 0 < len(labels) == len(self.runs) and same

    @cached_property
    def correct(self) -> dict[int, NDArray[np.bool_]]:
        """seed -> (m,) whether each evaluated image was classified correctly."""
        return {
            seed: columns["fused"] == columns["label"] for seed, columns in self.samples.items()
        }

    @property
    def curves(self) -> dict[int, tuple[Floats, Floats]]:
        """seed -> epochs and top-1, both (e,), of the epochs that were evaluated."""
        return {seed: found for seed, found in self._curves.items() if isinstance(found, tuple)}

    @property
    def faults(self) -> list[Fault]:
        """Files beside its records that cannot be used."""
        files = (*self._samples.values(), *self._curves.values())
        return [file for file in files if isinstance(file, Fault)]

    def shared_value(self, key: str) -> Any:
        """A value of the configuration or the costs, the same in all seeds; None without any."""
        runs = (*self.runs.values(), *self.unrecorded.values())
        return next((run[key] for run in runs if key in run), None)

    @property
    def any_run(self) -> dict[str, Any] | None:
        """One of its seeds, whose configuration stands for all; a recorded one if there is one."""
        return next((run for run in (*self.runs.values(), *self.unrecorded.values())), None)

    @property
    def num_classes(self) -> int:
        """0 if no record has it."""
        names = self.shared_value("class_names") or ()
        return len(names) or int(self.shared_value("dataset.num_classes") or 0)

    @property
    def teachers(self) -> set[tuple[str, str]]:
        """The teachers that its students had: config hash, source digest (empty where unknown)."""
        taught = [run for run in self.runs.values() if run.get("teacher.config_hash")]
        return {
            (run["teacher.config_hash"], run.get("teacher.source_digest", "")) for run in taught
        }

    @property
    def has_one_teacher(self) -> bool:
        """Whether all seeds had the same trained teacher, not only the same recipe of one."""
        top1s = {run.get("teacher.top1") for run in self.runs.values()}
        return len(self.teachers) == len(top1s) == 1
