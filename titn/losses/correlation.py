"""Distillation that asks for correlation with the teacher's probabilities, not for equality."""

from torch import Tensor

from titn.config.annotations import Fraction, NonNegative, Positive, ProperFraction, Token
from titn.losses.tempered import TemperedDistillation
from titn.types import Batch


class CorrelationDistillation(TemperedDistillation):
    """scale (alpha CM(cls, label) + (1 - alpha) T^2 (inter D(p, q) + intra D(p', q'))).

    DIST, Huang et al. (2022), equations 7 to 10. p and q, (b, k), are the token's and the teacher's
    softmaxes of logits / T, p' and q' are transposed, and D is one minus the Pearson correlation of
    two rows, the mean over the rows. So the inter-class term compares the k probabilities of each
    image, and the intra-class term those that one class has in the b images of the batch. Neither
    changes where probabilities are shifted or scaled, so that a student need not be as sure as its
    teacher.

    alpha: the weight of the label term, in [0, 1]. inter, intra: the paper's beta and gamma, 2 and
    2 there. temperature: T; the paper has 4 on CIFAR-100 and 1 on ImageNet. T^2 is in the authors'
    code and not in the paper. standardize: whether logits are standardised over the classes first.
    scale: 2, with alpha 0.5, is the authors' sum of all terms. label_smoothing: of the label term
    alone.
    """

    def __init__(
        self,
        *,
        alpha: Fraction = 0.5,
        scale: Positive = 2.0,
        inter: NonNegative = 2.0,
        intra: NonNegative = 2.0,
        temperature: Positive = 4.0,
        standardize: bool = False,
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
        self.inter = inter
        self.intra = intra

    def divergence(self, ours: Tensor, theirs: Tensor, batch: Batch) -> Tensor:
        p, q = (logits.log_softmax(-1).exp() for logits in (ours, theirs))
        inter = 1 - row_correlation(p, q)
        intra = 1 - row_correlation(p.T, q.T)  # (k, b): a row for each class
        return self.inter * inter + self.intra * intra


def row_correlation(first: Tensor, second: Tensor) -> Tensor:
    """The Pearson correlation of each row of two matrices of one shape, the mean over the rows.

    1e-8 is added to the denominator, as in the authors' code: a row without variance has none.
    """
    first = first - first.mean(-1, keepdim=True)
    second = second - second.mean(-1, keepdim=True)
    norms = first.norm(dim=-1) * second.norm(dim=-1)
    return ((first * second).sum(-1) / (norms + 1e-8)).mean()
