"""What a training step minimises: student, frozen teacher and loss on one mixed batch."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from titn.losses.terms import Loss, Terms, maps_read
from titn.types import Batch, Output


class CachedAnswers(Protocol):
    """A cache of a teacher's answers to mixed batches; see titn.training.answer_cache."""

    def answer_to(self, batch: Batch, ask: Callable[[], Tensor]) -> Tensor:
        """The (b,) classes or (b, k) logits for a batch; ask: computes them with the teacher."""


class Objective:
    """From a batch to its named terms: "loss", the terms it is made of, and "accuracy".

    student: a module that returns Output. teacher: a module that returns (b, k) logits without
    gradients; it sees exactly the images that the student sees; None where the loss needs none.
    answer_cache: gives the teacher's classes or logits, whichever the loss takes, in its place;
    None for a loss that reads features, which are asked of both networks.
    """

    def __init__(
        self,
        student: nn.Module,
        loss: Loss,
        teacher: nn.Module | None = None,
        answer_cache: CachedAnswers | None = None,
    ):
        if loss.needs_teacher and teacher is None:
            raise ValueError("this loss needs a teacher")
        self.student = student
        self.loss = loss
        self.teacher = teacher if loss.needs_teacher else None
        self.answer_cache = answer_cache
        # What networks are given besides images: of features they need not know if none are asked.
        num_maps = maps_read(loss)
        self.asked: tuple[int, ...] = () if num_maps is None else (num_maps,)

    def __call__(self, batch: Batch) -> Terms:
        answer = None if self.teacher is None else self._answer(self.teacher, batch)
        return self._terms(batch, answer)

    def gradients(self, batch: Batch, backward: Callable[[Tensor], None]) -> Terms:
        """The terms of a batch, detached; the gradients of its loss are in `.grad` then.

        backward: as `Tensor.backward`. There are no gradients before.
        """
        terms = self(batch)
        backward(terms["loss"])
        return {name: term.detach() for name, term in terms.items()}

    def _terms(self, batch: Batch, answer: Tensor | Output | None) -> Terms:
        """answer: the teacher's; None without one. The accuracy is that of a token that learns."""
        output: Output = self.student(batch.images, *self.asked)
        terms = self.loss(output, batch, answer)
        logits, *_ = self.loss.token_weights.trained(output.cls, output.dist)
        return terms | {"accuracy": mixed_accuracy(logits.detach(), batch)}

    def _answer(self, teacher: nn.Module, batch: Batch) -> Tensor | Output:
        if self.asked:
            return teacher(batch.images, *self.asked)

        def ask() -> Tensor:
            logits: Tensor = teacher(batch.images)
            return logits.argmax(-1) if self.loss.hard_labels else rounded(logits)

        return ask() if self.answer_cache is None else self.answer_cache.answer_to(batch, ask)


def rounded(logits: Tensor) -> Tensor:
    """Logits rounded to float16, (b, k) float32; one that it does not reach stays as it is.

    In float16 a teacher's logits are kept for other students. They are rounded for a student that
    keeps none too, so that a switch decides no number.
    """
    exact = logits.float()
    half = exact.half().float()
    # Without a question to the device, which would have to be waited for in every step.
    return torch.where(half.isfinite(), half, exact)


def mixed_accuracy(logits: Tensor, batch: Batch) -> Tensor:
    """lam mean(p = l1) + (1 - lam) mean(p = l2): the accuracy on mixed images, in [0, 1].

    logits: (b, k), p their argmax; l1 and l2 are the batch's `labels` and `partners`.
    """
    predicted = logits.argmax(-1)  # (b,)
    first = (predicted == batch.labels).float().mean()
    second = (predicted == batch.partners).float().mean()
    return batch.lam * first + (1 - batch.lam) * second
