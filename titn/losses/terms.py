"""Losses that others are made of, and what every loss returns."""

from typing import NamedTuple, Protocol

import torch.nn.functional as F
from torch import Tensor

from titn.outputs import Batch, Output

# Scalars by name; "loss" is the one that is minimised, the others say what it is made of.
Terms = dict[str, Tensor]


class TokenWeights(NamedTuple):
    """How much each token's logits weigh in a loss; one at zero is not trained."""

    cls: float
    dist: float


class Loss(Protocol):
    needs_teacher: bool
    token_weights: TokenWeights

    def __call__(self, output: Output, batch: Batch, teacher: Tensor | None) -> Terms:
        """teacher: its (b, k) logits on exactly these images; None without a teacher."""


def mixed_cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """lam CE(p, l1) + (1 - lam) CE(p, l2), the mean over the batch (equations 8 and 9)."""
    first = F.cross_entropy(logits, batch.labels)
    if batch.lam == 1:
        return first
    return batch.lam * first + (1 - batch.lam) * F.cross_entropy(logits, batch.partners)
