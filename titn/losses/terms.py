"""Losses that others are made of, and what every loss returns."""

from typing import NamedTuple, Protocol

import torch.nn.functional as F
from torch import Tensor

from titn.types import Batch, Output

# Scalars by name; "loss" is the one that is minimised, the others say what it is made of.
Terms = dict[str, Tensor]


class TokenWeights(NamedTuple):
    """How much each token's logits weigh in a loss; one at zero is not trained."""

    cls: float
    dist: float


class Loss(Protocol):
    """hard_labels: of a teacher it takes the classes, not the logits."""

    needs_teacher: bool
    hard_labels: bool
    token_weights: TokenWeights

    def __call__(self, output: Output, batch: Batch, teacher: Tensor | None) -> Terms:
        """teacher: its answer on exactly these images, None without a teacher.

        The answer is (b, k) logits, or with `hard_labels` (b,) classes.
        """


def mixed_cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """lam CE(p, l1) + (1 - lam) CE(p, l2), the mean over the batch (equations 8 and 9)."""
    first = F.cross_entropy(logits, batch.labels)
    if batch.lam == 1:
        return first
    return batch.lam * first + (1 - batch.lam) * F.cross_entropy(logits, batch.partners)
