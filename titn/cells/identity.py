"""Which code a cell belongs to: the definitions that it uses, and no others."""

from typing import Any

from titn.config.keys import GROUPS
from titn.config.source_digest import source_digest

# What trains, evaluates and summarises every run. Not here: what only makes it fast, saves it or
# tells of it, which changes no number but by rounding.
ENGINE = frozenset(
    (
        "titn.training.build.initialise_model",
        "titn.training.engine.fit",
        "titn.training.engine.evaluate",
        "titn.training.objective.Objective",
        "titn.training.metrics.summarise",
        "titn.training.metrics.train_metrics",
        "titn.cells.result.sample_columns",
        "titn.cells.result.evenly_spaced",
    )
)
TEACHER = "titn.training.teacher.Frozen"
# By the key that asks for it: where the first weights come from.
FIRST_WEIGHTS = {
    "checkpoint": "titn.training.weights.load",
    "weights": "titn.training.weights.load_pretrained",
}


def run_source_digest(run: dict[str, Any]) -> str:
    """Of the code that a run and its teacher use.

    run: as `titn.config.resolve.resolve` returns it.
    """
    return source_digest(frozenset(source_targets(run)))


def source_targets(run: dict[str, Any]) -> set[str]:
    """The definitions from which all code is reached that decides the numbers of a run."""
    targets = {run[group]["_target_"] for group in GROUPS} | ENGINE
    targets |= {target for key, target in FIRST_WEIGHTS.items() if run[key]}
    if run["teacher"] is not None:
        targets |= source_targets(run["teacher"]) | {TEACHER}
    return targets


def labels_source_digest(run: dict[str, Any]) -> str:
    """Of the code that decides a teacher's labels for the mixed images of a run."""
    groups = [run[group]["_target_"] for group in ("dataset", "augment", "mix")]
    network = run["teacher"]["model"]["_target_"]
    batches = "titn.data.batches.training_batches"
    return source_digest(frozenset((*groups, network, batches, TEACHER)))
