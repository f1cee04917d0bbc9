"""What the records say of a sweep's rows, brought together: one `Evidence` for each setting.

A cell counts if its identity is the planned one and its source digest the setting's: records of
other digests, or of other configurations, never enter a mean.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from titn.questions import Question, question_of
from titn.records.collation import Records, read_epochs, read_samples
from titn.records.sweeps import DIVERGED, FAILED, PlannedCell, Setting
from titn.reporting.statistics import epochs_to_reach

Floats = NDArray[np.float64]
Index = dict[tuple[str, str], dict[str, Any]]

MISSING = "missing"

# What is computed from a record's numbers; the first two as the paper prints them.
DERIVED: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "gflops_batch1024": lambda run: run["macs_paper"] * 1024 / 1e9,
    "parameters_m": lambda run: run["parameters"] / 1e6,
    # How much better a network does on what it was trained on.
    "gap": lambda run: run["train.top1"] - run["top1"] if "train.top1" in run else None,
}


@dataclass(frozen=True)
class Row:
    """The cells of a row. runs: seed -> the record as a flat dict, in the order of the seeds.

    states: seed -> recorded, diverged, failed, unfinished or missing, for every planned cell.
    tuned: the values that it chose. reach: the accuracy that "epochs_to_reach" is about.
    """

    label: str
    runs: dict[int, dict[str, Any]]
    states: dict[int, str]
    tuned: dict[str, Any]
    reach: float | None = None

    @property
    def num_planned(self) -> int:
        return len(self.states)

    def count(self, state: str) -> int:
        return sum(one == state for one in self.states.values())

    def remarks(self) -> list[str]:
        """What a reader has to know of cells that have no number: "1 of 3 diverged"."""
        others = [state for state in (DIVERGED, FAILED, "unfinished", MISSING) if self.count(state)]
        return [f"{self.count(state)} of {self.num_planned} {state}" for state in others]

    def values(self, metric: str) -> Floats:
        """A number of each recorded seed; nan where a record does not have it."""
        if metric == "epochs_to_reach":
            numbers = [self._epochs_to_reach(seed) for seed in self.runs]
        else:
            derive = DERIVED.get(metric, lambda run: run.get(metric))
            numbers = [derive(run) for run in self.runs.values()]
        return np.array([np.nan if n is None else n for n in numbers], dtype=float)

    def _epochs_to_reach(self, seed: int) -> int | None:
        if seed not in self.curves or self.reach is None:
            return None
        return epochs_to_reach(*self.curves[seed], self.reach)

    @cached_property
    def samples(self) -> dict[int, dict[str, NDArray[Any]]]:
        """seed -> the columns of samples.parquet, of records that have them."""
        read = {seed: read_samples(run["path"]) for seed, run in self.runs.items()}
        return {seed: columns for seed, columns in read.items() if columns is not None}

    @cached_property
    def correct(self) -> dict[int, NDArray[np.bool_]]:
        """seed -> (m,) whether each evaluated image was classified rightly."""
        return {seed: one["fused"] == one["label"] for seed, one in self.samples.items()}

    @cached_property
    def curves(self) -> dict[int, tuple[Floats, Floats]]:
        """seed -> epochs and top-1, of the epochs that were evaluated."""
        read = {seed: read_epochs(run["path"]) for seed, run in self.runs.items()}
        pairs = {
            seed: [(row["epoch"], row["top1"]) for row in rows if "top1" in row]
            for seed, rows in read.items()
        }
        return {seed: tuple(np.array(pair, float).T) for seed, pair in pairs.items() if pair}

    def one(self, key: str) -> Any:
        """A value of the configuration or the costs, the same in all seeds; None without any."""
        return next((run.get(key) for run in self.runs.values()), None)

    @property
    def teachers(self) -> set[str]:
        """The identities of the teachers that its students had."""
        found = (run.get("teacher.config_hash") for run in self.runs.values())
        return {one for one in found if isinstance(one, str)}


@dataclass(frozen=True)
class Evidence:
    """A setting of a sweep with its rows. name: the sweep's. baseline: None if it has no record.

    candidates: what rows chose their values from, with the records. timing: of their networks'
    inference, as titn.records.sweeps keeps it; None if the question does not ask for it.
    """

    name: str
    setting: Setting
    question: Question | None
    rows: list[Row]
    candidates: list[tuple[PlannedCell, dict[str, Any] | None]]
    timing: dict[str, Any] | None = None

    @property
    def recorded(self) -> list[Row]:
        return [row for row in self.rows if row.runs]

    @property
    def baseline(self) -> Row | None:
        label = self.question.baseline if self.question else self.rows[0].label
        chosen = [row for row in self.recorded if row.label == label]
        return chosen[0] if chosen else None

    @property
    def reference(self) -> Row | None:
        """A row whose configuration stands for the setting: the baseline, or the first there is."""
        return self.baseline or next(iter(self.recorded), None)

    @property
    def is_untrained(self) -> bool:
        """Whether the rows are there for what they cost, and not for what they have learned."""
        return all(run["epochs"] == 0 for run in self.runs)

    def row(self, label: str) -> Row | None:
        return next((row for row in self.rows if row.label == label), None)

    @property
    def runs(self) -> Iterable[dict[str, Any]]:
        return (run for row in self.rows for run in row.runs.values())

    @property
    def reach(self) -> float | None:
        """The accuracy whose epoch tells how fast a row learns."""
        return next((row.reach for row in self.rows), None)

    @property
    def num_classes(self) -> int:
        reference = self.reference
        return len(reference.one("class_names")) if reference else 0

    @property
    def varied(self) -> list[str]:
        """Keys that the question itself varies."""
        if self.question is None:
            return [key.partition("=")[0] for row in self.setting.rows for key in row.split(", ")]
        overrides = [one for row in self.question.rows.values() for one in row]
        keys = [one.partition("=")[0].lstrip("+~") for one in overrides]
        return list(dict.fromkeys([*keys, *self.question.tune]))


def index_of(runs: Records) -> Index:
    """(config hash, source digest) -> a run as a flat dict; a recorded one where there are more."""
    found: Index = {}
    for run in runs.to_dict("records"):
        key = (str(run.get("config_hash")), str(run.get("source_digest")))
        if key not in found or run["status"] == "recorded":
            found[key] = {str(name): value for name, value in run.items() if _is_there(value)}
    return found


def _is_there(value: Any) -> bool:
    return isinstance(value, list | dict) or not pd.isna(value)


def evidence_of(
    name: str, setting: Setting, index: Index, timing: dict[str, Any] | None = None
) -> Evidence:
    """A setting's rows, in their order, with every planned cell."""
    cells = [cell for cell in setting.cells if cell.role == "cell"]
    candidates = [cell for cell in setting.cells if cell.role == "candidate"]
    question = question_of(setting.question) if setting.question else None
    rows = [_row(label, cells, setting, index) for label in setting.rows]
    reach = _reach(question, rows)
    return Evidence(
        name=name,
        setting=setting,
        question=question,
        rows=[replace(row, reach=reach) for row in rows],
        timing=timing,
        candidates=[
            (cell, index.get((cell.config_hash, setting.source_digest))) for cell in candidates
        ],
    )


def _reach(question: Question | None, rows: list[Row]) -> float | None:
    """The question's own, or nine tenths of what the baseline reaches."""
    if question and question.reach:
        return question.reach
    baseline = question.baseline if question else rows[0].label
    tops = [row.values("top1") for row in rows if row.label == baseline and row.runs]
    return 0.9 * float(tops[0].mean()) if tops else None


def _row(label: str, cells: list[PlannedCell], setting: Setting, index: Index) -> Row:
    own = sorted((cell for cell in cells if cell.row == label), key=lambda cell: cell.seed)
    found = {cell.seed: index.get((cell.config_hash, setting.source_digest)) for cell in own}
    return Row(
        label=label,
        runs={s: run for s, run in found.items() if run and run["status"] == "recorded"},
        states={s: run["status"] if run else MISSING for s, run in found.items()},
        tuned=own[0].tuned if own else {},
    )
