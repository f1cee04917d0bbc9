"""What a training step minimises: student, frozen teacher and loss on one mixed batch."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn

from titn.losses.terms import Loss, Terms
from titn.types import Batch, Output


class CachedLabels(Protocol):
    """A cache of a teacher's classes for mixed batches; see titn.training.label_cache."""

    def labels_for(self, batch: Batch, ask: Callable[[], Tensor]) -> Tensor:
        """The (b,) classes for a batch; ask: computes them with the teacher."""


class Objective:
    """From a batch to its named terms: "loss", the terms it is made of, and "accuracy".

    student: a module that returns Output. teacher: a module that returns (b, k) logits without
    gradients; it sees exactly the images that the student sees; None where the loss needs none.
    label_cache: gives the teacher's classes in its place to a loss that takes hard labels.
    """

    def __init__(
        self,
        student: nn.Module,
        loss: Loss,
        teacher: nn.Module | None = None,
        label_cache: CachedLabels | None = None,
    ):
        if loss.needs_teacher and teacher is None:
            raise ValueError("this loss needs a teacher")
        self.student = student
        self.loss = loss
        self.teacher = teacher if loss.needs_teacher else None
        self.label_cache = label_cache if loss.hard_labels else None

    def __call__(self, batch: Batch) -> Terms:
        answer = None if self.teacher is None else self._answer(self.teacher, batch)
        output: Output = self.student(batch.images)
        terms = self.loss(output, batch, answer)
        return terms | {"accuracy": mixed_accuracy(output.cls.detach(), batch)}

    def _answer(self, teacher: nn.Module, batch: Batch) -> Tensor:
        def classes() -> Tensor:
            return teacher(batch.images).argmax(-1)

        if not self.loss.hard_labels:
            return teacher(batch.images)
        return (
            classes() if self.label_cache is None else self.label_cache.labels_for(batch, classes)
        )


def mixed_accuracy(logits: Tensor, batch: Batch) -> Tensor:
    """lam mean(p = l1) + (1 - lam) mean(p = l2): the accuracy on mixed images, in [0, 1].

    logits: (b, k), p their argmax; l1 and l2 are the batch's `labels` and `partners`.
    """
    predicted = logits.argmax(-1)  # (b,)
    first = (predicted == batch.labels).float().mean()
    second = (predicted == batch.partners).float().mean()
    return batch.lam * first + (1 - batch.lam) * second
