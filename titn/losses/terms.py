"""The interface of a loss, and the cross-entropy that all losses are made of."""

from typing import Any, NamedTuple, Protocol

import torch.nn.functional as F
from torch import Tensor

from titn.config.annotations import Token
from titn.types import Batch, Output

# Scalars by name: "loss" is minimised, the others are its terms, detached and logged.
Terms = dict[str, Tensor]


class TokenWeights(NamedTuple):
    """The weights of the two tokens' logits in a loss; a token of weight 0 is not trained.

    `top1` is that of the mean of the softmaxes over the trained tokens.
    """

    cls: float
    dist: float

    def trained(self, cls: Tensor, dist: Tensor | None) -> list[Tensor]:
        """What is there of the trained tokens, of their values; dist: None without such a token."""
        if dist is None or not self.dist:
            return [cls]
        return [cls, dist] if self.cls else [dist]


BOTH_TOKENS = TokenWeights(cls=0.5, dist=0.5)


class Loss(Protocol):
    """What the engine asks of a loss.

    needs_teacher: whether it learns from a teacher. hard_labels: whether it takes the teacher's
    classes, which can be cached, and not its logits. A loss with an attribute `num_maps` (see
    `maps_read`) takes the teacher's Output, with its features.
    """

    needs_teacher: bool
    hard_labels: bool
    token_weights: TokenWeights

    def __call__(self, output: Output, batch: Batch, teacher: Any) -> Terms:
        """The named terms for a batch, averaged over it.

        teacher: its answer on exactly these images, (b, k) logits or with `hard_labels` (b,)
        classes; None without a teacher.
        """


def maps_read(loss: Loss) -> int | None:
    """How many maps of student and teacher a loss compares; None if it reads no features at all."""
    return getattr(loss, "num_maps", None)


def mixed_cross_entropy(logits: Tensor, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
    """lam CE(p, l1) + (1 - lam) CE(p, l2), the mean over the batch (equations 8 and 9).

    logits: (b, k). l1 and l2 are the batch's `labels` and `partners`.

    label_smoothing: s in [0, 1), by which each label's one-hot target q becomes (1 - s) q + s / k
    before the mix (Szegedy et al., 2016, section 7); the paper has none.
    """
    first = F.cross_entropy(logits, batch.labels, label_smoothing=label_smoothing)
    if batch.lam == 1:
        return first
    second = F.cross_entropy(logits, batch.partners, label_smoothing=label_smoothing)
    return batch.lam * first + (1 - batch.lam) * second


def token_weights(alpha: float, token: Token) -> TokenWeights:
    """The weight of each token's logits in a distillation loss whose teacher term is at `token`."""
    if token == "cls":
        return TokenWeights(cls=1.0, dist=0.0)
    return TokenWeights(cls=alpha, dist=1 - alpha)


def weighted_terms(alpha: float, scale: float, task: Tensor, distill: Tensor) -> Terms:
    """The terms of a loss: scale (alpha task + (1 - alpha) distill), and both unweighted."""
    loss = scale * (alpha * task + (1 - alpha) * distill)
    return {"loss": loss, "task": task.detach(), "distill": distill.detach()}


def require_teacher(teacher: Tensor | None) -> Tensor:
    """The teacher's answer; ValueError if there is none."""
    if teacher is None:
        raise ValueError("distillation needs the teacher's answer")
    return teacher
