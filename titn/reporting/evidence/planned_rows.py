"""Makes the rows of a setting from its planned cells and the runs that there are of them."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from titn.config import identity
from titn.config.constraints import IMAGENET, PRETRAINED
from titn.config.identity import ADDED_LATER
from titn.config.keys import GROUPS, SCALARS
from titn.records.cell_state import RECORDED
from titn.records.sweep_plan import PlannedCell, Setting
from titn.reporting.evidence.row import MISSING, Row
from titn.reporting.evidence.run_index import RunIndex, identity_of

# What the seeds of a row have in common besides the nodes of its configuration. The precision that
# was chosen stands with the environment.
SHARED = {*SCALARS, "environment.precision"} - {"seed", "precision"}
# Of these whether there are any, and which if they are published: each seed may have its own file.
FIRST_WEIGHTS = ("checkpoint", "weights")
# What says where data lie, and decides no number.
PLACES = tuple(f"dataset.{key}" for key in identity.PLACES)

# A planned cell, and what was found of it.
CellAndRun = tuple[PlannedCell, dict[str, Any] | None]


def planned_row(label: str, cells: Sequence[PlannedCell], setting: Setting, index: RunIndex) -> Row:
    """The row of a label, from those of a setting's cells that have it."""
    pairs = [(cell, index.get(identity_of(cell, setting))) for cell in cells if cell.row == label]
    kept = list(_largest_group(pairs))
    # If a seed was planned twice, its record counts; of two records, the one planned later.
    kept.sort(key=lambda pair: (pair[0].seed, _is_recorded(pair[1])))
    by_seed = {cell.seed: (cell, run) for cell, run in kept}
    found = {seed: run for seed, (_, run) in by_seed.items() if run}
    return Row(
        label=label,
        runs={seed: run for seed, run in found.items() if _is_recorded(run)},
        states={seed: found[seed]["status"] if seed in found else MISSING for seed in by_seed},
        tuned=kept[0][0].tuned if kept else {},
        identities={seed: identity_of(cell, setting) for seed, (cell, _) in by_seed.items()},
        unrecorded={seed: run for seed, run in found.items() if not _is_recorded(run)},
        num_left_out=len(pairs) - len(by_seed),
    )


def _largest_group(pairs: Sequence[CellAndRun]) -> Iterator[CellAndRun]:
    """The cells of a label that differ by their seed alone; of several such groups the largest.

    There are several if the values of a row were chosen anew, or its overrides edited, between two
    commands: seeds of two configurations are no sample of one. The largest group is the one with
    the most records, and of equal ones that which was planned last. A cell that has not left a
    configuration belongs to the group with its tuned values.
    """
    recipes = [_recipe(cell, run) for cell, run in pairs]
    num_records = Counter(
        recipe for recipe, (_, run) in zip(recipes, pairs, strict=True) if _is_recorded(run)
    )
    largest = max(reversed(num_records), key=lambda recipe: num_records[recipe], default=None)
    if largest is None:
        chosen = pairs[-1][0].tuned if pairs else {}
    else:
        chosen = pairs[recipes.index(largest)][0].tuned
    for recipe, (cell, run) in zip(recipes, pairs, strict=True):
        is_unknown = largest is None or run is None or "epochs" not in run
        if cell.tuned == chosen if is_unknown else recipe == largest:
            yield cell, run


def _is_recorded(run: dict[str, Any] | None) -> bool:
    return run is not None and run["status"] == RECORDED


def _recipe(cell: PlannedCell, run: dict[str, Any] | None) -> str:
    """All that decides a run's numbers, except its seeds and the places of its files."""
    values = {
        key: _without_file(own, value)
        for key, value in (run or {}).items()
        if _decides(own := key.removeprefix("teacher."), value)
    }
    return json.dumps([values, cell.tuned], sort_keys=True, default=str)


def _without_file(key: str, value: Any) -> Any:
    is_file = key in FIRST_WEIGHTS and value not in (None, IMAGENET, PRETRAINED)
    return "a file" if is_file else value


def _decides(key: str, value: Any) -> bool:
    # A key that was added later is missing in older records, which ran with its default.
    if key in PLACES or (key in ADDED_LATER and ADDED_LATER[key] == value):
        return False
    group, _, rest = key.partition(".")
    return bool(rest) if group in GROUPS else key in SHARED
