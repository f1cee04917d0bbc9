"""What the records say of a sweep's rows, brought together: one `Evidence` for each setting.

A cell counts if its identity and its source digest are the planned ones: records of other digests,
or of other configurations, never enter a mean.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from titn.config.identity import ADDED_LATER
from titn.config.keys import GROUPS
from titn.records.cell_state import DAMAGED, DIVERGED, FAILED, RECORDED
from titn.records.collation import Records, has_value
from titn.records.epochs_and_samples import CLASSES, read_epochs, read_samples
from titn.records.question import Question, question_of
from titn.records.sweep_plan import PlannedCell, Setting
from titn.reporting.statistics.predictions import epochs_to_reach

Floats = NDArray[np.float64]
Index = dict[tuple[str, str], dict[str, Any]]

UNFINISHED, MISSING = "unfinished", "missing"
# A cell has one of these: of several directories with the same cell, the first counts.
STATES = (RECORDED, DIVERGED, FAILED, UNFINISHED, DAMAGED, MISSING)

# What the seeds of a row share besides the nodes of its configuration.
SHARED = ("epochs", "batch_size", "environment.precision")
PLACES = ("dataset.root", "dataset.download")

# What is computed from a record's numbers; the first two as the paper prints them.
DERIVED: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "gflops_batch1024": lambda run: run["macs_paper"] * 1024 / 1e9 if "macs_paper" in run else None,
    "parameters_m": lambda run: run["parameters"] / 1e6 if "parameters" in run else None,
    # How much better a network does on what it was trained on.
    "gap": lambda run: run["train.top1"] - run["top1"] if "train.top1" in run else None,
    # Of a cell that was given its teacher's labels, time says nothing that others could be
    # compared with.
    "train_secs": lambda run: None if run.get("kept_labels") else run.get("train_secs"),
    "wall_secs": lambda run: None if run.get("kept_labels") else run.get("wall_secs"),
}


@dataclass(frozen=True)
class Fault:
    """A file that cannot be used, and what goes on without it. place: its last names."""

    place: str
    path: str
    reason: str


@dataclass(frozen=True)
class Row:
    """The cells of a row. runs: seed -> the record as a flat dict, in the order of the seeds.

    states: seed -> recorded, diverged, failed, unfinished, damaged or missing, for every planned
    cell. hashes: seed -> its identity. begun: what there is of cells without a record. tuned: the
    values that it chose. left_out: how many cells were asked for under its label with another
    configuration. reach: the accuracy that "epochs_to_reach" is about.
    """

    label: str
    runs: dict[int, dict[str, Any]]
    states: dict[int, str]
    tuned: dict[str, Any]
    hashes: dict[int, str] = field(default_factory=dict)
    begun: dict[int, dict[str, Any]] = field(default_factory=dict)
    left_out: int = 0
    reach: float | None = None

    @property
    def num_planned(self) -> int:
        return len(self.states)

    def count(self, state: str) -> int:
        return sum(one == state for one in self.states.values())

    def remarks(self) -> list[str]:
        """What a reader has to know of cells that have no number: "1 of 3 diverged"."""
        others = [state for state in STATES if state != RECORDED and self.count(state)]
        return [f"{self.count(state)} of {self.num_planned} {state}" for state in others]

    def values(self, metric: str) -> Floats:
        """A number of each recorded seed; nan where a record does not have it."""
        if metric == "epochs_to_reach":
            numbers = [self._epochs_to_reach(seed) for seed in self.runs]
        else:
            derive = DERIVED.get(metric, lambda run: run.get(metric))
            numbers = [derive(run) for run in self.runs.values()]
        # A claim may name what is no number, such as a split.
        return np.array([n if isinstance(n, int | float) else np.nan for n in numbers], dtype=float)

    def _epochs_to_reach(self, seed: int) -> int | None:
        if seed not in self.curves or self.reach is None:
            return None
        return epochs_to_reach(*self.curves[seed], self.reach)

    @cached_property
    def _samples(self) -> dict[int, dict[str, NDArray[Any]] | Fault | None]:
        return {seed: _samples_of(run) for seed, run in self.runs.items()}

    @cached_property
    def _curves(self) -> dict[int, tuple[Floats, Floats] | Fault | None]:
        return {seed: _curve_of(run) for seed, run in self.runs.items()}

    @property
    def samples(self) -> dict[int, dict[str, NDArray[Any]]]:
        """seed -> classes by column of samples.parquet, of records that have it."""
        return {seed: one for seed, one in self._samples.items() if isinstance(one, dict)}

    @property
    def has_all_samples(self) -> bool:
        """Whether every record has them, of the same images."""
        labels = [one["label"] for one in self.samples.values()]
        same = all(np.array_equal(labels[0], other) for other in labels)
        return 0 < len(labels) == len(self.runs) and same

    @cached_property
    def correct(self) -> dict[int, NDArray[np.bool_]]:
        """seed -> (m,) whether each evaluated image was classified rightly."""
        return {seed: one["fused"] == one["label"] for seed, one in self.samples.items()}

    @property
    def curves(self) -> dict[int, tuple[Floats, Floats]]:
        """seed -> epochs and top-1, of the epochs that were evaluated."""
        return {seed: one for seed, one in self._curves.items() if isinstance(one, tuple)}

    @property
    def faults(self) -> list[Fault]:
        """Files beside its records that cannot be used."""
        found = (*self._samples.values(), *self._curves.values())
        return [one for one in found if isinstance(one, Fault)]

    def one(self, key: str) -> Any:
        """A value of the configuration or the costs, the same in all seeds; None without any."""
        runs = (*self.runs.values(), *self.begun.values())
        return next((run[key] for run in runs if key in run), None)

    @property
    def num_classes(self) -> int:
        """0 where no record says it."""
        return len(self.one("class_names") or ()) or int(self.one("dataset.num_classes") or 0)

    @property
    def teachers(self) -> set[tuple[str, str]]:
        """The teachers that its students had: config hash, source digest (empty where unknown)."""
        taught = [run for run in self.runs.values() if run.get("teacher.config_hash")]
        return {
            (run["teacher.config_hash"], run.get("teacher.source_digest", "")) for run in taught
        }


@dataclass(frozen=True)
class Evidence:
    """A setting of a sweep with its rows. name: the sweep's. baseline: None if it has no record.

    candidates: what rows chose their values from, with the records. timing: of their networks'
    inference, as titn.records.sweep_dir keeps it; None if the question does not ask for it.
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
        label = _baseline(self.question, self.rows)
        return next((row for row in self.recorded if row.label == label), None)

    @property
    def reference(self) -> Row | None:
        """A row whose configuration stands for the setting: the baseline, or the first there is."""
        begun = (row for row in self.rows if row.one("epochs") is not None)
        return self.baseline or next(iter(self.recorded), None) or next(begun, None)

    @property
    def is_begun(self) -> bool:
        """Whether anything is known of its cells, be it that they failed."""
        return any(state != MISSING for row in self.rows for state in row.states.values())

    @property
    def is_untrained(self) -> bool:
        """Whether the rows are there for what they cost, and not for what they have learned."""
        return bool(self.recorded) and all(map(_is_untrained, self.runs))

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
        return next((row.num_classes for row in self.recorded if row.num_classes), 0)

    @property
    def varied(self) -> list[str]:
        """Keys that the question itself varies."""
        if self.question is None:
            return [key.partition("=")[0] for row in self.setting.rows for key in row.split(", ")]
        overrides = [one for row in self.question.rows.values() for one in row]
        keys = [one.partition("=")[0].lstrip("+~") for one in overrides]
        return list(dict.fromkeys([*keys, *self.question.tune]))


def _is_untrained(run: dict[str, Any]) -> bool:
    return run.get("epochs") == 0 and not (run.get("checkpoint") or run.get("weights"))


def _samples_of(run: dict[str, Any]) -> dict[str, NDArray[Any]] | Fault | None:
    try:
        columns = read_samples(run)
    except ValueError as error:
        return _fault(run, error)
    if columns is None:
        return None
    # A column is null, and so of objects, where there is no such token or teacher.
    return {
        name: columns[name] for name in CLASSES if name in columns and columns[name].dtype != object
    }


def _curve_of(run: dict[str, Any]) -> tuple[Floats, Floats] | Fault | None:
    try:
        rows = read_epochs(run)
    except ValueError as error:
        return _fault(run, error)
    points = {row["epoch"]: row["top1"] for row in rows if row.get("top1") is not None}
    epochs, top1 = (np.array(list(part), float) for part in (points, points.values()))
    return (epochs, top1) if points else None


def _fault(run: dict[str, Any], error: ValueError) -> Fault:
    """error: it begins with the file."""
    file, _, reason = str(error).partition(": ")
    return Fault(f"{run['config_hash'][:12]}/{file}", f"{run['path']}/{file}", reason)


def index_of(runs: Records) -> Index:
    """(config hash, source digest) -> a run as a flat dict.

    Where several directories have the same cell: a record, and of several the first that was
    begun; "num_others" is the number of records that say something else.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs.to_dict("records"):
        known = {str(name): value for name, value in run.items() if has_value(value)}
        if "config_hash" in known and "source_digest" in known:
            key = (str(known["config_hash"]), str(known["source_digest"]))
            found.setdefault(key, []).append(known)
    return {key: same[0] if len(same) == 1 else _first(same) for key, same in found.items()}


def identity_of(cell: PlannedCell, setting: Setting) -> tuple[str, str]:
    """The key of a planned cell in the index: what it is, and the code that makes it."""
    return cell.config_hash, cell.source_digest or setting.source_digest


def _first(same: list[dict[str, Any]]) -> dict[str, Any]:
    chosen, *others = sorted(same, key=_precedence)
    outcomes = {_outcome(run) for run in others if run["status"] == RECORDED}
    return chosen | {"num_others": len(outcomes - {_outcome(chosen)})}


def _outcome(run: dict[str, Any]) -> tuple[float | None, float | None]:
    return run.get("top1"), run.get("nll")


def _precedence(run: dict[str, Any]) -> tuple[int, str, str]:
    # Last what a run says besides: where it lies decides nothing.
    said = {key: run[key] for key in run if key != "path"}
    begun = str(run.get("environment.started"))
    return STATES.index(run["status"]), begun, json.dumps(said, sort_keys=True, default=str)


def evidence_of(
    name: str, setting: Setting, index: Index, timing: dict[str, Any] | None = None
) -> Evidence:
    """A setting's rows, in their order, with every planned cell."""
    cells = [cell for cell in setting.cells if cell.role == "cell"]
    candidates = [cell for cell in setting.cells if cell.role == "candidate"]
    question = question_of(setting.question) if setting.question else None
    labels = dict.fromkeys([*setting.rows, *(cell.row for cell in cells)])
    rows = [_row(label, cells, setting, index) for label in labels]
    reach = _reach(question, rows)
    return Evidence(
        name=name,
        setting=setting,
        question=question,
        rows=[replace(row, reach=reach) for row in rows],
        timing=timing,
        candidates=[(cell, index.get(identity_of(cell, setting))) for cell in candidates],
    )


def _baseline(question: Question | None, rows: list[Row]) -> str:
    """The label; without a question the first row is as good as any."""
    return question.baseline if question else rows[0].label


def _reach(question: Question | None, rows: list[Row]) -> float | None:
    """The question's own, or nine tenths of what the baseline reaches."""
    if question and question.reach:
        return question.reach
    baseline = _baseline(question, rows)
    tops = [row.values("top1") for row in rows if row.label == baseline and row.runs]
    return 0.9 * float(tops[0].mean()) if tops else None


def _row(label: str, cells: list[PlannedCell], setting: Setting, index: Index) -> Row:
    own = [(cell, index.get(identity_of(cell, setting))) for cell in cells if cell.row == label]
    alike = list(_of_one_recipe(own))
    # Of a seed that was asked for twice, the record counts; of two, the one asked for later.
    alike.sort(key=lambda pair: (pair[0].seed, _is_recorded(pair[1])))
    by_seed = {cell.seed: (cell, run) for cell, run in alike}
    known = {seed: run for seed, (_, run) in by_seed.items() if run}
    return Row(
        label=label,
        runs={seed: run for seed, run in known.items() if _is_recorded(run)},
        states={seed: known[seed]["status"] if seed in known else MISSING for seed in by_seed},
        tuned=alike[0][0].tuned if alike else {},
        hashes={seed: cell.config_hash for seed, (cell, _) in by_seed.items()},
        begun={seed: run for seed, run in known.items() if not _is_recorded(run)},
        left_out=len(own) - len(by_seed),
    )


Asked = tuple[PlannedCell, dict[str, Any] | None]


def _of_one_recipe(cells: Sequence[Asked]) -> Iterator[Asked]:
    """The cells of a label that differ by their seed alone; of several groups the largest.

    There are several where the values of a row were chosen anew, or its overrides edited, between
    two askings. The largest is that with the most records, then that which was asked for last. A
    cell that has not left a configuration belongs to those with its values.
    """
    recipes = [_recipe(cell, run) for cell, run in cells]
    counted = Counter(
        recipe for recipe, (_, run) in zip(recipes, cells, strict=True) if _is_recorded(run)
    )
    largest = max(reversed(counted), key=lambda one: counted[one], default=None)
    if largest is None:
        chosen = cells[-1][0].tuned if cells else {}
    else:
        chosen = cells[recipes.index(largest)][0].tuned
    for recipe, (cell, run) in zip(recipes, cells, strict=True):
        is_unknown = largest is None or run is None or "epochs" not in run
        if cell.tuned == chosen if is_unknown else recipe == largest:
            yield cell, run


def _is_recorded(run: dict[str, Any] | None) -> bool:
    return run is not None and run["status"] == RECORDED


def _recipe(cell: PlannedCell, run: dict[str, Any] | None) -> str:
    """What decides a run's numbers but its seeds, and the places of its files."""
    said = {
        key: value
        for key, value in (run or {}).items()
        if _decides(key.removeprefix("teacher."), value)
    }
    return json.dumps([said, cell.tuned], sort_keys=True, default=str)


def _decides(key: str, value: Any) -> bool:
    # A key that was added later is not in records made before, which have its default.
    if key in PLACES or (key in ADDED_LATER and ADDED_LATER[key] == value):
        return False
    group, _, rest = key.partition(".")
    return bool(rest) if group in GROUPS else key in SHARED
