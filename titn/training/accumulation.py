"""Gradient accumulation: the gradient of a batch that does not fit into memory at once.

The batch is made whole, with its one draw of a mix, and cut into micro-batches, each of which goes
forward and backward before the next one. The training loop sees a batch, a loss and gradients as
ever; so schedule, clipping, average and checkpoints are those of whole batches.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from titn.data.images import Dataset
from titn.losses.correlation import CorrelationDistillation
from titn.losses.features import RelationalDistillation
from titn.losses.terms import Loss, Terms
from titn.training.assembly import AssembledRun, assemble
from titn.training.engine import Task, trained_parameters
from titn.training.objective import Objective
from titn.types import Batch

# Losses with a term over the images of a batch, which is then one over those of a micro-batch.
COMPARE_IMAGES = (CorrelationDistillation, RelationalDistillation)


def assemble_accumulated(run: dict, *, dataset: Dataset, **others: Any) -> AssembledRun:
    """`titn.training.assembly.assemble`, for a run that may accumulate gradients.

    others: the other keywords of `assemble`.
    """
    num_parts = run["accumulate"]
    if num_parts == 1:
        return assemble(run, dataset=dataset, **others)
    # What is compiled is compiled for micro-batches.
    largest, *_ = micro_batch_sizes(min(run["batch_size"], len(dataset.train)), num_parts)
    assembled = assemble(run | {"batch_size": largest}, dataset=dataset, **others)
    task = assembled.task
    objective = accumulated(task.objective, num_parts, task)
    return replace(assembled, task=replace(task, batch_size=run["batch_size"], objective=objective))


def accumulated(objective: Objective, num_parts: int, task: Task) -> Objective:
    """An objective of a task in the form that goes through its batches in so many parts."""
    if num_parts == 1:
        return objective
    return AccumulatedObjective(objective, num_parts, trained_parameters(task))


def micro_batch_sizes(num_images: int, num_parts: int) -> list[int]:
    """Images of each micro-batch, as even as whole numbers are, the larger ones first.

    A batch of fewer images than parts has a part for each image.

    >>> micro_batch_sizes(10, 4)
    [3, 3, 2, 2]
    """
    each, more = divmod(num_images, num_parts)
    return [size for i in range(num_parts) if (size := each + (i < more))]


def micro_batches(batch: Batch, num_parts: int) -> Iterator[Batch]:
    """The parts of a mixed batch of b images, in its order: its lambda, and the labels of each."""
    sizes = micro_batch_sizes(len(batch.images), num_parts)
    columns = (column.split(sizes) for column in (batch.images, batch.labels, batch.partners))
    for images, labels, partners in zip(*columns, strict=True):
        yield batch._replace(images=images, labels=labels, partners=partners)


class AccumulatedObjective(Objective):
    """An objective that goes through its batch in micro-batches.

    Its terms are the means over the micro-batches, each weighted by its images: of a loss that is a
    mean over images they are those of the whole batch, and so are the gradients, to rounding. What
    looks at several images at once sees those of a micro-batch: batch normalisation, and the losses
    of COMPARE_IMAGES. Dropout and stochastic depth draw for one micro-batch after the other.

    The teacher is asked by micro-batches too, and its answers are cached by whole batches.

    parameters: those that the optimizer moves, of the student and of the loss.
    """

    def __init__(self, whole: Objective, num_parts: int, parameters: Sequence[nn.Parameter]):
        super().__init__(whole.student, whole.loss, whole.teacher, whole.answer_cache)
        self.num_parts = num_parts
        self.parameters = list(parameters)

    def gradients(self, batch: Batch, backward: Callable[[Tensor], None]) -> Terms:
        parts = list(micro_batches(batch, self.num_parts))
        answers = self._answers(batch, parts)
        num_images = len(batch.images)
        means: Terms = {}
        sums: list[Tensor | None] = [None] * len(self.parameters)
        for part, answer in zip(parts, answers, strict=True):
            weight = len(part.images) / num_images
            terms = self._terms(part, answer)
            backward(weight * terms["loss"])
            self._move_to(sums)
            for name, term in terms.items():
                means[name] = means.get(name, 0.0) + weight * term.detach()
        for parameter, total in zip(self.parameters, sums, strict=True):
            parameter.grad = total
        return means

    def _answers(self, batch: Batch, parts: Sequence[Batch]) -> Iterator[Any]:
        """The teacher's answer to each part; None without a teacher."""
        if self.teacher is None:
            return iter([None] * len(parts))
        teacher = self.teacher
        if self.asked:  # features are many, and not cached: they are asked for when they are due
            return (self._answer(teacher, part) for part in parts)
        in_parts: Any = lambda _: torch.cat([teacher(part.images) for part in parts])  # noqa: E731
        answer: Any = self._answer(in_parts, batch)
        return iter(answer.split([len(part.images) for part in parts]))

    def _move_to(self, sums: list[Tensor | None]) -> None:
        """Add the gradients of a part, which has them no more; None stays where no part has one."""
        for i, parameter in enumerate(self.parameters):
            if (gradient := parameter.grad) is None:
                continue
            total = sums[i]
            # A copy: what a CUDA graph has computed is overwritten by its next run.
            sums[i] = gradient.clone() if total is None else total.add_(gradient)
            parameter.grad = None


def whole_batch_is_seen(model: nn.Module, loss: Loss) -> list[str]:
    """What of a network and its loss would see the whole batch, and sees micro-batches; often none.

    Only what torch and titn have is known.
    """
    found = []
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        found.append("batch normalisation")
    if isinstance(loss, COMPARE_IMAGES):
        found.append("the loss, which compares images,")
    return found
