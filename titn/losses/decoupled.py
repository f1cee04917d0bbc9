"""Decoupled knowledge distillation: the labelled class and the others, weighed apart."""

import torch
import torch.nn.functional as F
from torch import Tensor

from titn.config.annotations import Fraction, NonNegative, Positive, ProperFraction, Token, Whole
from titn.losses.tempered import TemperedDistillation
from titn.types import Batch


class DecoupledDistillation(TemperedDistillation):
    """scale (alpha CM(cls, label) + (1 - alpha) ramp T^2 (target TCKD + other NCKD)).

    Zhao et al. (2022), equation 7. With p = softmax(z / T) and the labelled class t,

    TCKD = KL((p_t, 1 - p_t) of the teacher || the same of the token),
    NCKD = KL(p without t, made to sum to 1, of the teacher || the same of the token),

    each summed over its two or k - 1 classes, the mean over the batch. Plain soft distillation is
    TCKD + (1 - p_t of the teacher) NCKD: it hardly hears what a sure teacher says of the others.

    Departure: the paper has no mixed images. Here one with two labels has both terms for each of
    them, weighed by lam and 1 - lam as its cross-entropies are.

    alpha: the weight of the label term, in [0, 1]. target_weight, other_weight: the paper's alpha
    and beta; the authors take 1 and, from teacher to teacher, 0.5 to 8. temperature: T, 4 in the
    paper. standardize: whether logits are standardised over the classes first. ramp_epochs: over
    so many epochs the teacher's terms grow to their full weight in equal parts, the first epoch
    having one; the authors' code has 20 of 240; 0 and 1 are without. scale: 2, with alpha 0.5, is
    the authors' sum of both terms. label_smoothing: of the label term alone.
    """

    def __init__(
        self,
        *,
        alpha: Fraction = 0.5,
        scale: Positive = 2.0,
        target_weight: NonNegative = 1.0,
        other_weight: NonNegative = 8.0,
        temperature: Positive = 4.0,
        standardize: bool = False,
        ramp_epochs: Whole = 2,
        token: Token = "dist",
        label_smoothing: ProperFraction = 0.0,
    ):
        super().__init__(
            alpha=alpha,
            scale=scale,
            temperature=temperature,
            standardize=standardize,
            token=token,
            label_smoothing=label_smoothing,
        )
        self.target_weight = target_weight
        self.other_weight = other_weight
        self.ramp_epochs = ramp_epochs

    def divergence(self, ours: Tensor, theirs: Tensor, batch: Batch) -> Tensor:
        decoupled = self._weighted(ours, theirs, batch.labels)
        if batch.lam != 1:
            partners = self._weighted(ours, theirs, batch.partners)
            decoupled = batch.lam * decoupled + (1 - batch.lam) * partners
        epoch, _ = batch.at
        return min((epoch + 1) / max(self.ramp_epochs, 1), 1.0) * decoupled

    def _weighted(self, ours: Tensor, theirs: Tensor, labels: Tensor) -> Tensor:
        """target_weight TCKD + other_weight NCKD, of (b, k) logits / T and (b,) labels."""
        target, other = decoupled_divergences(ours, theirs, labels)
        return self.target_weight * target + self.other_weight * other


def decoupled_divergences(ours: Tensor, theirs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """TCKD and NCKD of (b, k) logits, a student's and its teacher's, and (b,) labels; scalars."""
    target_ours, other_ours = _split(ours, labels)
    target_theirs, other_theirs = _split(theirs, labels)
    return _divergence(target_ours, target_theirs), _divergence(other_ours, other_theirs)


def _split(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the labelled class and of all others together, and among the others.

    (b, k) logits to (b, 2) and (b, k - 1).
    """
    label = labels.unsqueeze(-1)  # (b, 1)
    # The classes 0 .. k - 1 without the labelled one, in order: from it on they are one further.
    others = torch.arange(logits.shape[-1] - 1, device=logits.device).expand(len(logits), -1)
    others = others + (others >= label)  # (b, k - 1)
    log_p = logits.log_softmax(-1)
    # The logarithm of 1 - p is that of the others' sum: exact where p is nearly 1, too.
    log_rest = log_p.gather(-1, others).logsumexp(-1, keepdim=True)
    among_others = logits.gather(-1, others).log_softmax(-1)
    return torch.cat([log_p.gather(-1, label), log_rest], dim=-1), among_others


def _divergence(ours: Tensor, theirs: Tensor) -> Tensor:
    """KL(theirs || ours) of (b, k) log-probabilities: the sum over k, the mean over b."""
    return F.kl_div(ours, theirs, reduction="batchmean", log_target=True)
