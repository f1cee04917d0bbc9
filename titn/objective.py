"""What a training step minimises: student, frozen teacher and loss on one mixed batch."""

from torch import Tensor, nn

from titn.losses.terms import Loss, Terms
from titn.outputs import Batch, Output


class Objective:
    """Batch to named terms: "loss", what it is made of, and "accuracy".

    student: a module that returns Output. teacher: one that returns (b, k) logits and takes no
    gradients, of exactly the images that the student sees; None where the loss needs none.
    """

    def __init__(self, student: nn.Module, loss: Loss, teacher: nn.Module | None = None):
        if loss.needs_teacher and teacher is None:
            raise ValueError("this loss needs a teacher")
        self.student = student
        self.loss = loss
        self.teacher = teacher

    def __call__(self, batch: Batch) -> Terms:
        output: Output = self.student(batch.images)
        teacher = None
        if self.teacher is not None and self.loss.needs_teacher:
            teacher = self.teacher(batch.images)
        terms = self.loss(output, batch, teacher)
        return terms | {"accuracy": mixed_accuracy(output.cls.detach(), batch)}


def mixed_accuracy(logits: Tensor, batch: Batch) -> Tensor:
    """The share of predictions that name a label of the image, each label counting its share."""
    predicted = logits.argmax(-1)
    first = (predicted == batch.labels).float().mean()
    second = (predicted == batch.partners).float().mean()
    return batch.lam * first + (1 - batch.lam) * second
