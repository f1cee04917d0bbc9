"""Learning from labels and from a teacher."""

import torch.nn.functional as F
from torch import Tensor

from titn.losses.terms import Terms, TokenWeights, mixed_cross_entropy
from titn.outputs import Batch, Output
from titn.values import Fraction


class HardDistillation:
    """alpha CM(cls, label) + (1 - alpha) CE(dist, teacher's label) (equation 10).

    CM is equation 9, the teacher's label its argmax on the same mixed image. Section 3.6 speaks
    of soft labels; equation 10 and the text above it have hard ones, as here. For a model without
    a distillation token both terms act on the class logits.

    alpha: the weight of the label term, 0.5 in the paper.
    """

    needs_teacher = True

    def __init__(self, *, alpha: Fraction = 0.5):
        self.alpha = alpha
        self.token_weights = TokenWeights(cls=alpha, dist=1 - alpha)

    def __call__(self, output: Output, batch: Batch, teacher: Tensor | None) -> Terms:
        if teacher is None:
            raise ValueError("distillation needs the teacher's logits")
        task = mixed_cross_entropy(output.cls, batch)
        distill = F.cross_entropy(output.dist, teacher.argmax(-1))
        loss = self.alpha * task + (1 - self.alpha) * distill
        return {"loss": loss, "task": task.detach(), "distill": distill.detach()}
