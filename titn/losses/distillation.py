"""Losses that learn from labels and from a teacher.

`token` says whose logits follow the teacher. dist: those of the distillation token; a model without
one has its class logits there, so the same loss is then classic distillation, and ViT and TNT can
be distilled too. cls: those of the class token in every model; a distillation token is then not
trained.
"""

import torch.nn.functional as F
from torch import Tensor

from titn.config.annotations import Fraction, Positive, ProperFraction, Token
from titn.losses.tempered import TemperedDistillation
from titn.losses.terms import (
    Terms,
    mixed_cross_entropy,
    require_teacher,
    token_weights,
    weighted_terms,
)
from titn.types import Batch, Output


class HardDistillation:
    """scale (alpha CM(cls, label) + (1 - alpha) CE(token, teacher's label)) (equation 10).

    CM is `mixed_cross_entropy` (equation 9). The teacher's label is its argmax on the same mixed
    image, not mixed itself. Section 3.6 speaks of soft labels; equation 10 and the text above it
    have hard ones, as here. DeiT's hard form (its equation 3) is this one at alpha 0.5.

    alpha: the weight of the label term, in [0, 1]; 0.5 in the paper. scale: 1 in equation 10.
    Algorithm 2 adds its two terms without weights, which is scale 2 at alpha 0.5. label_smoothing:
    of the labels, in [0, 1), and not of the teacher's label; 0 in the paper, 0.1 in DeiT.
    """

    needs_teacher = True
    hard_labels = True

    def __init__(
        self,
        *,
        alpha: Fraction = 0.5,
        scale: Positive = 1.0,
        token: Token = "dist",
        label_smoothing: ProperFraction = 0.0,
    ):
        self.alpha = alpha
        self.scale = scale
        self.token = token
        self.label_smoothing = label_smoothing
        self.token_weights = token_weights(alpha, token)

    def __call__(self, output: Output, batch: Batch, teacher: Tensor | None) -> Terms:
        task = mixed_cross_entropy(output.cls, batch, self.label_smoothing)
        # (b, k) logits against the teacher's (b,) classes.
        distill = F.cross_entropy(getattr(output, self.token), require_teacher(teacher))
        return weighted_terms(self.alpha, self.scale, task, distill)


class SoftDistillation(TemperedDistillation):
    """alpha CM(cls, label) + (1 - alpha) T^2 KL(teacher / T || token / T).

    DeiT's equation 2 (Touvron et al., 2021), after Hinton et al. (2015): the divergence between the
    softmaxes of logits / T, summed over the classes, its mean over the batch. The factor T^2 keeps
    the size of the gradient when T changes. The paper has no soft loss.

    Departure: DeiT's public code divides by the number of logits, b k, instead of the batch, which
    makes this term k times smaller than its equation.

    alpha: the weight of the label term, in [0, 1]. temperature: T, 3 in DeiT. standardize: whether
    logits are standardised over the classes first (Sun et al., 2024; T is 2 then, and the weights
    of labels and teacher are 0.1 and 9). label_smoothing: of the labels, in [0, 1), and not of the
    teacher's probabilities; 0.1 in DeiT.
    """

    def __init__(
        self,
        *,
        alpha: Fraction = 0.5,
        temperature: Positive = 3.0,
        standardize: bool = False,
        token: Token = "dist",
        label_smoothing: ProperFraction = 0.0,
    ):
        super().__init__(
            alpha=alpha,
            scale=1.0,
            temperature=temperature,
            standardize=standardize,
            token=token,
            label_smoothing=label_smoothing,
        )

    def divergence(self, ours: Tensor, theirs: Tensor, batch: Batch) -> Tensor:
        # (b, k) log-probabilities to a scalar; batchmean divides the sum by b, as the formula says.
        ours, theirs = ours.log_softmax(-1), theirs.log_softmax(-1)
        return F.kl_div(ours, theirs, reduction="batchmean", log_target=True)
