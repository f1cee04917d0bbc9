"""What the explorer shows: columns, curves and predictions of all runs. No path, no clock."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from titn.records.cell_state import DONE
from titn.records.collation import Records, has_value
from titn.records.epochs_and_samples import read_epochs, read_samples
from titn.records.rows import flatten
from titn.records.search import trial_row
from titn.records.trials import TrialsFile
from titn.reporting.evidence.run_files import Fault
from titn.reporting.evidence.run_index import identity_of
from titn.reporting.explorer.columns import run_columns
from titn.reporting.explorer.curves import Epochs, curves
from titn.reporting.explorer.predictions import Samples, predictions
from titn.reporting.runs_page import ORDER
from titn.reporting.statistics.intervals import t_quantile
from titn.reporting.sweep_plans import PlannedSetting

T = TypeVar("T")

# Of an interval of a group's mean, which rests on n - 1; beyond, the last is close enough.
MAX_DF = 200


@dataclass(frozen=True)
class Contents:
    """table: what the page reads as JSON. predictions: bytes. faults: files that were left out."""

    table: dict[str, Any]
    predictions: bytes
    faults: list[Fault]


def collect_contents(
    runs: Records, plans: Sequence[PlannedSetting], searches: Mapping[str, TrialsFile]
) -> Contents:
    """The same for the same records, wherever they lie. searches: name -> its trials."""
    asked, tried = _questions(plans), _trials(searches)
    rows = [_known(row) for row in runs.to_dict("records")]
    for row in rows:
        of_searches = tried.get(row.get("config_hash", ""), set())
        row["question"] = sorted(asked.get(_identity(row), set()) | of_searches) or None
    rows.sort(key=_order)
    for row, name in zip(rows, _names(rows), strict=True):
        row["id"] = name
        row["classes"] = len(row["class_names"]) if "class_names" in row else None
    faults: list[Fault] = []
    epochs: list[list[dict[str, Any]]] = []
    samples: list[Samples | None] = []
    for row in rows:
        is_recorded = row["status"] in DONE
        epochs.append(_read(read_epochs, row, [], faults) if is_recorded else [])
        samples.append(_read(read_samples, row, None, faults) if is_recorded else None)
    flat = [[flatten(epoch) for epoch in one] for one in epochs]
    return contents_of(rows, flat, samples, faults)


def contents_of(
    rows: Sequence[dict[str, Any]],
    epochs: Sequence[Epochs],
    samples: Sequence[Samples | None],
    faults: list[Fault],
) -> Contents:
    """What was read of each run: its flat row with an `id`, its epochs, flat, its predictions."""
    images = [(row.get("data_digest"), row.get("split")) for row in rows]
    sets, content = predictions(samples, [row.get("class_names") for row in rows], images)
    table = {
        "columns": run_columns([row | _images(row) for row in rows]),
        "curves": curves(epochs),
        "sets": sets,
        "t": [round(t_quantile(0.95, df), 5) for df in range(1, min(len(rows), MAX_DF) + 1)],
    }
    return Contents(table, content, faults)


def _images(row: dict[str, Any]) -> dict[str, str]:
    digest = row.get("data_digest")
    return {"images": digest[:8]} if isinstance(digest, str) else {}


def _known(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in row.items() if has_value(value)}


def _identity(row: dict[str, Any]) -> tuple[str, str]:
    return row.get("config_hash", ""), row.get("source_digest", "")


def _questions(plans: Sequence[PlannedSetting]) -> dict[tuple[str, str], set[str]]:
    """Hash and digest -> the rows of questions with this cell, as "ablation/depth: depth 12"."""
    asked: dict[tuple[str, str], set[str]] = defaultdict(set)
    for plan in plans:
        for cell in plan.setting.cells:
            if cell.role == "cell":
                asked[identity_of(cell, plan.setting)].add(f"{plan.name}: {cell.name}")
    return asked


def _trials(searches: Mapping[str, TrialsFile]) -> dict[str, set[str]]:
    """Hash -> the trials of searches with this cell, as "search/rate: trial 3"."""
    tried: dict[str, set[str]] = defaultdict(set)
    for name, found in searches.items():
        for trial in found.trials:
            if trial.config_hash is not None:
                tried[trial.config_hash].add(f"{name}: {trial_row(trial.number)}")
    return tried


def _order(row: dict[str, Any]) -> tuple[list[str], str]:
    """A sort key that does not depend on where a run lies."""
    rest = {key: value for key, value in row.items() if key != "path"}
    return (
        [str(row.get(key, "")) for key in ORDER],
        json.dumps(rest, sort_keys=True, default=str),
    )


def _names(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Twelve letters of each run's hash, and a number where several have the same."""
    seen: dict[str, int] = defaultdict(int)
    names = []
    for row in rows:
        name = str(row.get("config_hash", "unknown"))[:12]
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def _read(
    read: Callable[[dict[str, Any]], T], row: dict[str, Any], nothing: T, faults: list[Fault]
) -> T:
    try:
        return read(row)
    except ValueError as error:
        file, _, reason = str(error).partition(": ")
        faults.append(Fault(f"{row['id']}/{file}", f"{row['path']}/{file}", reason))
        return nothing
