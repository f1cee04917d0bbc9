"""What the losses that compare logits at a temperature have in common."""

from torch import Tensor

from titn.config.annotations import Token
from titn.losses.terms import (
    Terms,
    mixed_cross_entropy,
    require_teacher,
    token_weights,
    weighted_terms,
)
from titn.types import Batch, Output


class TemperedDistillation:
    """scale (alpha CM(cls, label) + (1 - alpha) T^2 D(teacher / T, token / T)).

    D is the `divergence` of a subclass. The factor T^2 keeps the size of the gradient when T
    changes. standardize: whether both logits are `standardized` before the division.
    """

    needs_teacher = True
    hard_labels = False

    def __init__(
        self,
        *,
        alpha: float,
        scale: float,
        temperature: float,
        standardize: bool,
        token: Token,
        label_smoothing: float,
    ):
        self.alpha = alpha
        self.scale = scale
        self.temperature = temperature
        self.standardize = standardize
        self.token = token
        self.label_smoothing = label_smoothing
        self.token_weights = token_weights(alpha, token)

    def __call__(self, output: Output, batch: Batch, teacher: Tensor | None) -> Terms:
        theirs = self._tempered(require_teacher(teacher))
        ours = self._tempered(getattr(output, self.token))
        task = mixed_cross_entropy(output.cls, batch, self.label_smoothing)
        distill = self.temperature**2 * self.divergence(ours, theirs, batch)
        return weighted_terms(self.alpha, self.scale, task, distill)

    def divergence(self, ours: Tensor, theirs: Tensor, batch: Batch) -> Tensor:
        """How far a student's (b, k) logits / T are from its teacher's; a scalar."""
        raise NotImplementedError

    def _tempered(self, logits: Tensor) -> Tensor:
        # In float32: a bf16 logit has three digits, and T^2 multiplies the rounding error.
        logits = logits.float()
        return (standardized(logits) if self.standardize else logits) / self.temperature


def standardized(logits: Tensor) -> Tensor:
    """(z - mean(z)) / (1e-7 + std(z)) over the classes of each image; (b, k).

    Sun et al. (2024), algorithm 1: a student then follows the order and the proportions of its
    teacher's logits, and not their range. As in the authors' code, std divides by k - 1; in the
    paper's equation 9 it divides by k.
    """
    centred = logits - logits.mean(-1, keepdim=True)
    return centred / (1e-7 + logits.std(-1, keepdim=True))
