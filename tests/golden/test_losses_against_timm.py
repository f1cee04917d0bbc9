"""Distillation losses against timm's task and DeiT's printed equations."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from timm.data.mixup import mixup_target
from timm.loss import LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from timm.task.token_distillation import TokenDistillationTask
from torch import nn

from titn.losses.distillation import HardDistillation, SoftDistillation
from titn.losses.supervised import Supervised
from titn.losses.terms import Loss, mixed_cross_entropy
from titn.types import Batch, Output

RNG = np.random.default_rng(0)
CLS, DIST, TEACHER = (RNG.normal(scale=3, size=(6, 10)) for _ in range(3))
LABELS = RNG.integers(10, size=6)


def ours(loss: Loss) -> float:
    labels = torch.tensor(LABELS)
    batch = Batch(torch.zeros(6, 3, 4, 4), labels, labels, 1.0)
    output = Output(torch.tensor(CLS), torch.tensor(DIST))
    logits = torch.tensor(TEACHER)
    answer = logits.argmax(-1) if loss.hard_labels else logits
    return loss(output, batch, answer)["loss"].item()


class Says(nn.Module):
    """A network that answers what it was given, with what timm wants to know of networks."""

    pretrained_cfg = {"mean": (0.5,), "std": (0.5,)}  # noqa: RUF012
    num_classes = 10
    in_chans = 1

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def set_distilled_training(self, enable):
        pass

    def forward(self, _):
        return self.answer


@pytest.mark.parametrize("alpha", [0.5, 0.9])
@pytest.mark.parametrize(
    ("loss", "kind", "temperature"),
    [
        (HardDistillation, "hard", 1.0),
        (SoftDistillation, "soft", 3.0),
        (SoftDistillation, "soft", 1.0),
    ],
)
def test_a_distillation_token_is_taught_as_timm_does(loss, kind, temperature, alpha):
    task = TokenDistillationTask(
        Says((torch.tensor(CLS), torch.tensor(DIST))),
        Says(torch.tensor(TEACHER)),
        criterion=nn.CrossEntropyLoss(),
        distill_type=kind,
        task_loss_weight=alpha,
        temperature=temperature,
        verbose=False,
    )
    theirs = task(torch.zeros(6, 1, 4, 4), torch.tensor(LABELS))["loss"].item()
    options = {"temperature": temperature} if kind == "soft" else {}
    assert ours(loss(alpha=alpha, **options)) == pytest.approx(theirs, rel=1e-5)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return -log_softmax(logits, axis=1)[np.arange(6), labels].mean()


@pytest.mark.parametrize(("weight", "temperature"), [(0.1, 3.0), (0.7, 1.5)])
def test_deits_equation_2_on_the_class_token(weight, temperature):
    """(1 - lambda) CE(psi(Z_s), y) + lambda tau^2 KL(psi(Z_s / tau), psi(Z_t / tau))."""
    student, teacher = (log_softmax(z / temperature, axis=1) for z in (CLS, TEACHER))
    divergence = (np.exp(teacher) * (teacher - student)).sum(1).mean()
    printed = (1 - weight) * cross_entropy(CLS, LABELS) + weight * temperature**2 * divergence
    loss = SoftDistillation(alpha=1 - weight, temperature=temperature, token="cls")
    assert ours(loss) == pytest.approx(printed, rel=1e-5)


def test_deits_equation_3_on_the_class_token():
    """CE(psi(Z_s), y) / 2 + CE(psi(Z_s), y_t) / 2."""
    printed = (cross_entropy(CLS, LABELS) + cross_entropy(CLS, TEACHER.argmax(1))) / 2
    assert ours(HardDistillation(token="cls")) == pytest.approx(printed, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.1, 0.6])
def test_labels_are_smoothed_as_timm_does(smoothing):
    theirs = LabelSmoothingCrossEntropy(smoothing)
    expected = sum(theirs(torch.tensor(z), torch.tensor(LABELS)).item() for z in (CLS, DIST)) / 2
    assert ours(Supervised(label_smoothing=smoothing)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("lam", [1.0, 0.3])
def test_smoothed_labels_are_mixed_as_timm_does(smoothing, lam):
    labels = torch.tensor(LABELS)
    batch = Batch(torch.zeros(6, 3, 4, 4), labels, labels.flip(0), lam)
    # timm's partner of an image is the one at the same place from the end.
    targets = mixup_target(labels, num_classes=10, lam=lam, smoothing=smoothing)
    expected = SoftTargetCrossEntropy()(torch.tensor(CLS), targets).item()
    got = mixed_cross_entropy(torch.tensor(CLS), batch, smoothing).item()
    assert got == pytest.approx(expected, rel=1e-6)
