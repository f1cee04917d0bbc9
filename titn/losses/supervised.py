"""A loss that learns from labels alone."""

from torch import Tensor

from titn.config.annotations import ProperFraction
from titn.losses.terms import BOTH_TOKENS, Terms, mixed_cross_entropy
from titn.types import Batch, Output


class Supervised:
    """(CM(cls, label) + CM(dist, label)) / 2, where CM is equation 9.

    A model without a distillation token has the same logits in both places: CM(cls, label).

    label_smoothing: of both labels of a mixed image, in [0, 1); see `mixed_cross_entropy`.
    """

    needs_teacher = False
    hard_labels = False
    token_weights = BOTH_TOKENS

    def __init__(self, *, label_smoothing: ProperFraction = 0.0):
        self.label_smoothing = label_smoothing

    def __call__(self, output: Output, batch: Batch, teacher: Tensor | None) -> Terms:
        cls = mixed_cross_entropy(output.cls, batch, self.label_smoothing)
        dist = mixed_cross_entropy(output.dist, batch, self.label_smoothing)
        loss = (cls + dist) / 2
        return {"loss": loss, "task": loss.detach()}
