"""A loss that learns from labels alone."""

from torch import Tensor

from titn.losses.terms import Terms, TokenWeights, mixed_cross_entropy
from titn.types import Batch, Output


class Supervised:
    """(CM(cls, label) + CM(dist, label)) / 2, where CM is equation 9.

    A model without a distillation token has the same logits in both places: CM(cls, label).
    """

    needs_teacher = False
    hard_labels = False
    token_weights = TokenWeights(cls=0.5, dist=0.5)

    def __call__(self, output: Output, batch: Batch, teacher: Tensor | None) -> Terms:
        cls, dist = (mixed_cross_entropy(logits, batch) for logits in output)
        loss = (cls + dist) / 2
        return {"loss": loss, "task": loss.detach()}
