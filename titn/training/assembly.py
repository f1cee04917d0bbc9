"""Assemble a training run on its device, for a cell or for the benchmark."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from titn.config.annotations import Compile
from titn.data.batches import training_batches
from titn.data.images import Dataset, Images
from titn.losses.terms import TokenWeights, maps_read
from titn.training import build, compiling, hardware
from titn.training.answer_cache import AnswerCache
from titn.training.averaging import WeightAverage
from titn.training.engine import Task
from titn.training.objective import Objective
from titn.training.teacher import Frozen
from titn.types import Batch


@dataclass(frozen=True, kw_only=True)
class AssembledRun:
    """A task and the objects behind it.

    teacher: the frozen teacher; None without one. compiled: the mode of compilation that was
    chosen. compile_secs: what compiling took, before the task's first step.
    """

    task: Task
    parts: build.Parts
    teacher: nn.Module | None
    answer_cache: AnswerCache | None
    compiled: Compile
    compile_secs: float

    @property
    def network(self) -> nn.Module:
        """What is recorded and teaches: the average of the weights, if there is one."""
        average = self.task.average
        return self.parts.model if average is None else average.network


def assemble(
    run: dict,
    *,
    parts: build.Parts,
    dataset: Dataset,
    fabric: Fabric,
    precision: str,
    teacher: nn.Module | None,
    answer_cache: AnswerCache | None = None,
) -> AssembledRun:
    """Put a run together on the device of `fabric`.

    teacher: its trained network, which is changed in place into its inference form.
    """
    hardware.keep_freed_memory()
    dataset = _to(dataset, fabric.device)
    # Two forms with the same parameters: the plain one is evaluated, the other one trains.
    network = fabric.setup_module(parts.model)
    average = None
    if run["ema_decay"]:
        # Of the plain form, now that it is on the device, and evaluated in its place.
        average = WeightAverage(parts.model, run["ema_decay"])
        network = fabric.setup_module(average.network)
    num_maps = maps_read(parts.loss)
    if isinstance(parts.loss, nn.Module):
        parts.loss.to(fabric.device)
    trained, compiled, secs = compiling.compile_for_training(
        fabric,
        parts.model,
        run["compile"],
        num_images=len(dataset.train) * run["epochs"],
        example=lambda: (
            _first_batch(run, parts, dataset.train).images,
            *(() if num_maps is None else (num_maps,)),
        ),
    )
    frozen = None
    if teacher is not None:
        tokens = build.instantiate(run["teacher"], "loss").token_weights
        # A folded network has other layers, and no features.
        fold = run["fold_teacher"] and num_maps is None
        frozen = in_inference_form(teacher, fabric, precision, fold, tokens)
    task = Task(
        fabric=fabric,
        network=network,
        objective=Objective(trained, parts.loss, frozen, answer_cache),
        optimizer=fabric.setup_optimizers(parts.optimizer),
        schedule=parts.schedule,
        dataset=dataset,
        view=parts.view,
        mix=parts.mix,
        seed=run["seed"],
        epochs=run["epochs"],
        batch_size=run["batch_size"],
        eval_every=run["eval_every"],
        clip_grad=run["clip_grad"],
        repeats=run["repeats"],
        average=average,
    )
    return AssembledRun(
        task=task,
        parts=parts,
        teacher=frozen,
        answer_cache=answer_cache,
        compiled=compiled,
        compile_secs=secs,
    )


def in_inference_form(
    network: nn.Module, fabric: Fabric, precision: str, fold: bool, token_weights: TokenWeights
) -> nn.Module:
    """Freeze a trained network: fold it if it can be folded, convert its weights for `precision`.

    It changes the network in place. fold: whether to fold at all. token_weights: of its own loss.
    """
    foldable: Any = network
    if fold and hasattr(network, "folded"):
        network = foldable.folded()
    return fabric.setup_module(Frozen(network, hardware.WEIGHT_DTYPES[precision], token_weights))


def _first_batch(run: dict, parts: build.Parts, images: Images) -> Batch:
    """A batch with the shapes and types of every step, for the compiler."""
    batches = training_batches(
        images, parts.view, parts.mix, batch_size=run["batch_size"], seed=run["seed"], epoch=0
    )
    return next(batches)


def _to(dataset: Dataset, device: torch.device) -> Dataset:
    return replace(dataset, train=dataset.train.to(device), evaluated=dataset.evaluated.to(device))
