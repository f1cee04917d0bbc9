"""Learning from labels and from a teacher.

`token` says whose logits follow the teacher: "dist" those of the distillation token, which are the
class token's in a model that has none (classic distillation, so that ViT and TNT can be
distilled too), "cls" the class token's in every model; a distillation token is then not trained.
"""

import torch.nn.functional as F
from torch import Tensor

from titn.config.annotations import Fraction, Positive, Token
from titn.losses.terms import Terms, TokenWeights, mixed_cross_entropy
from titn.types import Batch, Output


class HardDistillation:
    """scale (alpha CM(cls, label) + (1 - alpha) CE(token, teacher's label)) (equation 10).

    CM is equation 9, the teacher's label its argmax on the same mixed image. Section 3.6 speaks
    of soft labels; equation 10 and the text above it have hard ones, as here. DeiT's hard form
    (its equation 3) is this one at alpha 0.5.

    alpha: the weight of the label term, 0.5 in the paper. scale: 1 in equation 10; algorithm 2
    adds its terms up, which is 2 at alpha 0.5.
    """

    needs_teacher = True
    hard_labels = True

    def __init__(self, *, alpha: Fraction = 0.5, scale: Positive = 1.0, token: Token = "dist"):
        self.alpha = alpha
        self.scale = scale
        self.token = token
        self.token_weights = token_weights(alpha, token)

    def __call__(self, output: Output, batch: Batch, teacher: Tensor | None) -> Terms:
        task = mixed_cross_entropy(output.cls, batch)
        distill = F.cross_entropy(getattr(output, self.token), given(teacher))
        return weighed(self.alpha, self.scale, task, distill)


class SoftDistillation:
    """alpha CM(cls, label) + (1 - alpha) T^2 KL(teacher / T || token / T).

    DeiT's equation 2 (Touvron et al., 2021), after Hinton et al. (2015): the divergence of the
    softmaxes of the logits over T, its mean over the batch. Public code of DeiT divides by the
    number of logits instead, k times less. The factor T^2 keeps the gradient's size where T
    changes.

    alpha: the weight of the label term. temperature: T, 3 in DeiT.
    """

    needs_teacher = True
    hard_labels = False

    def __init__(
        self, *, alpha: Fraction = 0.5, temperature: Positive = 3.0, token: Token = "dist"
    ):
        self.alpha = alpha
        self.temperature = temperature
        self.token = token
        self.token_weights = token_weights(alpha, token)

    def __call__(self, output: Output, batch: Batch, teacher: Tensor | None) -> Terms:
        # float32: a bf16 logit has three digits, and T^2 multiplies what they lose.
        theirs = (given(teacher).float() / self.temperature).log_softmax(-1)
        ours = (getattr(output, self.token).float() / self.temperature).log_softmax(-1)
        divergence = F.kl_div(ours, theirs, reduction="batchmean", log_target=True)
        task = mixed_cross_entropy(output.cls, batch)
        return weighed(self.alpha, 1.0, task, self.temperature**2 * divergence)


def token_weights(alpha: float, token: Token) -> TokenWeights:
    """What each token's logits weigh when the teacher speaks to `token`."""
    if token == "cls":
        return TokenWeights(cls=1.0, dist=0.0)
    return TokenWeights(cls=alpha, dist=1 - alpha)


def weighed(alpha: float, scale: float, task: Tensor, distill: Tensor) -> Terms:
    """scale (alpha task + (1 - alpha) distill), and the two as they are."""
    loss = scale * (alpha * task + (1 - alpha) * distill)
    return {"loss": loss, "task": task.detach(), "distill": distill.detach()}


def given(teacher: Tensor | None) -> Tensor:
    """The teacher's answer; ValueError without any."""
    if teacher is None:
        raise ValueError("distillation needs the teacher's answer")
    return teacher
