"""Learning from labels alone."""

from torch import Tensor

from titn.losses.terms import Terms, TokenWeights, mixed_cross_entropy
from titn.types import Batch, Output


class Supervised:
    """(CM(cls, label) + CM(dist, label)) / 2, CM being equation 9.

    For a model without a distillation token both halves are the same: CM(cls, label).
    """

    needs_teacher = False
    hard_labels = False
    token_weights = TokenWeights(cls=0.5, dist=0.5)

    def __call__(self, output: Output, batch: Batch, teacher: Tensor | None) -> Terms:
        cls, dist = (mixed_cross_entropy(logits, batch) for logits in output)
        loss = (cls + dist) / 2
        return {"loss": loss, "task": loss.detach()}
