"""All objects of a cell: built of its configuration, and put together on its device."""

from pathlib import Path

import torch
from torch import nn

from titn.cells.cell import Cell
from titn.cells.identity import answers_source_digest
from titn.data.batches import steps_per_epoch
from titn.data.stored import kept_off
from titn.losses.terms import Loss, maps_read
from titn.records import provenance
from titn.system.errors import ConfigError
from titn.system.progress import say
from titn.training import build, hardware, weights
from titn.training.accumulation import whole_batch_is_seen
from titn.training.answer_cache import AnswerCache, kind_of
from titn.training.assembly import AssembledRun
from titn.training.parallel import assemble_parallel
from titn.training.ranks import Ranks


def assemble_cell(cell: Cell, ranks: Ranks | None) -> AssembledRun:
    """ranks: the processes that train together; None where one does alone."""
    teacher = None if cell.teacher is None else _trained_network(cell.teacher)
    parts = build.parts(cell.run, cell.dataset.spec, teacher)
    if parts.new_layers:
        source, new = cell.run["weights"], ", ".join(parts.new_layers)
        say(f"{cell.name} starts from {cell.prefix}weights={source}; new: {new}")
    _say_what_sees_micro_batches(cell, parts)
    return assemble_parallel(
        cell.run,
        ranks,
        parts=parts,
        dataset=kept_off(cell.dataset, cell.device),
        fabric=hardware.fabric(cell.device, cell.precision),
        precision=cell.precision,
        teacher=teacher,
        answer_cache=_answer_cache(cell, parts.loss),
    )


def _say_what_sees_micro_batches(cell: Cell, parts: build.Parts) -> None:
    num_parts = cell.run["accumulate"]
    if num_parts > 1 and (seeing := whole_batch_is_seen(parts.model, parts.loss)):
        size = min(cell.run["batch_size"], len(cell.dataset.train))
        see = "sees" if len(seeing) == 1 else "see"
        say(
            f"{cell.name}: {cell.prefix}accumulate={num_parts}: {' and '.join(seeing)} {see} "
            f"{max(size // num_parts, 1)} images at once, and not the {size} of a batch"
        )


def _trained_network(teacher: Cell) -> nn.Module:
    """A teacher's network with its recorded weights; ConfigError if they cannot be read."""
    network = build.instantiate(teacher.run, "model", images=teacher.dataset.spec)
    try:
        weights.load(network, teacher.directory.path, key="teacher.run_dir")
    except ConfigError as error:
        raise ConfigError(f"{error}, or teacher.force=true to make it again") from None
    return network


def _answer_cache(cell: Cell, loss: Loss) -> AnswerCache | None:
    """What the teacher answered to students that saw the images that this one will see."""
    run = cell.run
    if cell.teacher is None or not run["keep_labels"] or not loss.needs_teacher:
        return None
    if maps_read(loss) is not None:
        return None  # features are not kept: those of an epoch are gigabytes
    dataset = {k: v for k, v in run["dataset"].items() if k not in ("root", "storage")}
    key = {
        "teacher": cell.teacher.identity,
        # One that was made again, by other threads or on a GPU, may have other weights.
        "weights": weights.file_digest(cell.teacher.directory.path, "teacher.run_dir"),
        "data": [cell.dataset.digest, dataset],
        **{name: run[name] for name in ("augment", "mix", "seed", "batch_size", "repeats")},
        # What rounds: a label may hang by it, and a logit is no longer the same.
        "precision": cell.precision,
        "folded": run["fold_teacher"],
        "deterministic": run["deterministic"],
        "source_digest": answers_source_digest(run),
        "torch": torch.__version__,
        "cpu": provenance.cpu_name(),
        **hardware.description(cell.device),
    }
    for parts in ("accumulate", "devices"):
        if run[parts] > 1:  # parts of a batch round otherwise
            key[parts] = run[parts]
    steps = steps_per_epoch(len(cell.dataset.train), run["batch_size"])
    return AnswerCache(Path(run["runs_dir"]), kind_of(loss), key, steps)
