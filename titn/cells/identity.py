"""Which code a cell belongs to: the definitions that it uses, and no others."""

from collections.abc import Iterator
from typing import Any

from titn.config.keys import GROUPS
from titn.source.digest import source_digest

# What builds, trains, evaluates and summarises every run. Not here: what only makes it fast, saves
# it or tells of it, which changes no number but by rounding.
ENGINE = frozenset(
    (
        "titn.training.build.parts",
        "titn.training.assembly.assemble",
        "titn.training.hardware.fabric",
        "titn.training.engine.State",
        "titn.training.engine.fit",
        "titn.training.engine.evaluate",
        "titn.training.metrics.summarise",
        "titn.training.metrics.train_metrics",
        "titn.cells.result.sample_columns",
        "titn.cells.result.balance",
        "titn.cells.result.course",
        "titn.cells.result.of_every_class",
        "titn.cells.result.TRAIN_IMAGES",
    )
)
# Reached from the engine, and used only by some runs: the first weights of a student or those of
# its teacher, the teacher itself, and an average of weights.
LOAD = "titn.training.weights.load"
LOAD_PRETRAINED = "titn.training.weights.load_pretrained"
TEACHER = "titn.training.assembly.in_inference_form"
AVERAGE = "titn.training.averaging.WeightAverage"
# What runs use in the place of `assemble` that accumulate gradients.
ACCUMULATED = "titn.training.accumulation.assemble_accumulated"
# What decides when a run ends that has patience.
PATIENCE = "titn.cells.stopping.is_out_of_patience"
# Digests files for the configuration's hash, and changes no number.
FILE_DIGEST = "titn.training.weights.file_digest"


def run_source_digest(run: dict[str, Any]) -> str:
    """Of the code that a run and its teacher use.

    run: as `titn.config.resolve.resolve` returns it.
    """
    return source_digest(frozenset(source_targets(run)), left_out=unused_code(run))


def source_targets(run: dict[str, Any]) -> set[str]:
    """The definitions from which all code is reached that decides the numbers of a run."""
    groups = {each[group]["_target_"] for each in with_teachers(run) for group in GROUPS}
    own = {LOAD} if run["teacher"] is not None else set()
    if any(each["accumulate"] > 1 for each in with_teachers(run)):
        own |= {ACCUMULATED}
    if any(each["patience"] is not None for each in with_teachers(run)):
        own |= {PATIENCE}
    return groups | ENGINE | own


def unused_code(run: dict[str, Any]) -> frozenset[str]:
    """What the engine has for other runs."""
    runs = list(with_teachers(run))
    used = set()
    if len(runs) > 1:
        used |= {TEACHER, LOAD}
    if any(each["checkpoint"] for each in runs):
        used.add(LOAD)
    if any(each["weights"] for each in runs):
        used.add(LOAD_PRETRAINED)
    if any(each["ema_decay"] for each in runs):
        used.add(AVERAGE)
    return frozenset((LOAD, LOAD_PRETRAINED, TEACHER, AVERAGE, FILE_DIGEST)) - used


def with_teachers(run: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """A run, its teacher, and the teacher's own."""
    while run is not None:
        yield run
        run = run["teacher"]


def answers_source_digest(run: dict[str, Any]) -> str:
    """Of the code that decides a teacher's answers to the mixed images of a run."""
    groups = [run[group]["_target_"] for group in ("dataset", "augment", "mix")]
    # The teacher's loss says which of its tokens were trained, and so answer.
    groups += [run["teacher"][group]["_target_"] for group in ("model", "loss")]
    batches = "titn.data.batches.training_batches"
    return source_digest(frozenset((*groups, batches, TEACHER, LOAD)))
