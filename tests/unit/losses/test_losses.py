"""Loss terms against values worked out by hand.

With logits log(p) a softmax gives p back, so a cross-entropy is -log of a chosen probability.
"""

import math

import pytest
import torch

from titn.losses.correlation import CorrelationDistillation
from titn.losses.decoupled import DecoupledDistillation
from titn.losses.distillation import HardDistillation, SoftDistillation
from titn.losses.supervised import Supervised
from titn.losses.terms import mixed_cross_entropy
from titn.types import Batch, Output

# Two images, three classes.
CLS = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]).log()
DIST = torch.tensor([[0.2, 0.4, 0.4], [0.6, 0.3, 0.1]]).log()
TEACHER = torch.tensor([[0.0, 3.0, 1.0], [5.0, 4.0, -1.0]])
TAUGHT = torch.tensor([1, 0])  # its argmax
LABELS = torch.tensor([0, 2])
PARTNERS = torch.tensor([2, 0])
IMAGES = torch.zeros(2, 3, 4, 4)

PLAIN = Batch(IMAGES, LABELS, LABELS, 1.0)
MIXED = Batch(IMAGES, LABELS, PARTNERS, 0.75)

DISTILLATIONS = [
    HardDistillation,
    SoftDistillation,
    DecoupledDistillation,
    CorrelationDistillation,
]

CE_CLS = -(math.log(0.5) + math.log(0.7)) / 2
CE_CLS_PARTNERS = -(math.log(0.25) + math.log(0.1)) / 2
CE_DIST = -(math.log(0.2) + math.log(0.1)) / 2
CE_TEACHER = -(math.log(0.4) + math.log(0.6)) / 2  # of dist, against the teacher's labels
CE_TEACHER_CLS = -(math.log(0.25) + math.log(0.1)) / 2
CM_CLS = 0.75 * CE_CLS + 0.25 * CE_CLS_PARTNERS  # equation 9


def value(loss: object, batch: Batch, teacher: torch.Tensor | None = None) -> float:
    return loss(Output(CLS, DIST), batch, teacher)["loss"].item()


def test_equation_9_weighs_the_two_labels():
    assert mixed_cross_entropy(CLS, MIXED).item() == pytest.approx(CM_CLS, rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "batch", "expected"),
    [
        (HardDistillation(), PLAIN, 0.5 * CE_CLS + 0.5 * CE_TEACHER),
        # The mix is in the label term only, and the teacher's label is not mixed.
        (HardDistillation(alpha=0.3), MIXED, 0.3 * CM_CLS + 0.7 * CE_TEACHER),
        # Algorithm 2 adds the terms of equation 10 up.
        (HardDistillation(scale=2.0), PLAIN, CE_CLS + CE_TEACHER),
        (HardDistillation(token="cls"), PLAIN, 0.5 * CE_CLS + 0.5 * CE_TEACHER_CLS),
    ],
)
def test_equation_10_by_hand(loss, batch, expected):
    assert value(loss, batch, TAUGHT) == pytest.approx(expected, rel=1e-6)


def test_the_terms_are_the_parts_before_weighing():
    terms = HardDistillation(alpha=0.3)(Output(CLS, DIST), PLAIN, TAUGHT)
    assert terms["task"].item() == pytest.approx(CE_CLS, rel=1e-6)
    assert terms["distill"].item() == pytest.approx(CE_TEACHER, rel=1e-6)


def test_supervised_is_the_mean_over_the_tokens():
    assert value(Supervised(), PLAIN) == pytest.approx((CE_CLS + CE_DIST) / 2, rel=1e-6)


def test_supervised_without_a_distillation_token_is_plain_cross_entropy():
    loss = Supervised()(Output(CLS, CLS), PLAIN, None)["loss"].item()
    assert loss == pytest.approx(CE_CLS, rel=1e-6)


# Smoothed by 0.3 the target of class c is 0.7 for it and 0.1 for each of the three, c included.
ALL_CLS = -math.log(0.5 * 0.25 * 0.25 * 0.1 * 0.2 * 0.7) / 2  # the mean over two images
ALL_DIST = -math.log(0.2 * 0.4 * 0.4 * 0.6 * 0.3 * 0.1) / 2
SMOOTH_CLS = 0.7 * CE_CLS + 0.1 * ALL_CLS
SMOOTH_DIST = 0.7 * CE_DIST + 0.1 * ALL_DIST


@pytest.mark.parametrize(
    ("loss", "batch", "expected"),
    [
        (Supervised(label_smoothing=0.3), PLAIN, (SMOOTH_CLS + SMOOTH_DIST) / 2),
        # The teacher's label stays as it is.
        (HardDistillation(label_smoothing=0.3), PLAIN, (SMOOTH_CLS + CE_TEACHER) / 2),
        (HardDistillation(label_smoothing=0.3, scale=2.0), PLAIN, SMOOTH_CLS + CE_TEACHER),
        # Both labels of a mixed image are smoothed, and so is their mix.
        (
            HardDistillation(label_smoothing=0.3),
            MIXED,
            (0.7 * CM_CLS + 0.1 * ALL_CLS + CE_TEACHER) / 2,
        ),
    ],
)
def test_smoothed_labels_by_hand(loss, batch, expected):
    assert value(loss, batch, TAUGHT) == pytest.approx(expected, rel=1e-6)


def test_a_token_without_weight_gets_no_gradient():
    dist = DIST.clone().requires_grad_()
    cls = CLS.clone().requires_grad_()
    HardDistillation(alpha=1.0)(Output(cls, dist), PLAIN, TAUGHT)["loss"].backward()
    assert dist.grad.abs().max() == 0
    assert cls.grad.abs().max() > 0


# --- which token, and how ------------------------------------------------------------------------

# Temperature 1 with logits that are log-probabilities: the divergence is sum q log(q / p).
SOFT_TEACHER = torch.tensor([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
KL_DIST = (
    0.5 * math.log(0.5 / 0.2) + 2 * 0.25 * math.log(0.25 / 0.4)
    + 0.25 * math.log(0.25 / 0.6) + 0.25 * math.log(0.25 / 0.3) + 0.5 * math.log(0.5 / 0.1)
) / 2  # fmt: skip


def test_a_student_without_a_distillation_token_is_taught_through_its_class_token():
    loss = HardDistillation()(Output(CLS, CLS), PLAIN, TAUGHT)["loss"].item()
    assert loss == pytest.approx(0.5 * CE_CLS + 0.5 * CE_TEACHER_CLS, rel=1e-6)


@pytest.mark.parametrize(
    ("alpha", "batch", "expected"),
    [
        (0.25, PLAIN, 0.25 * CE_CLS + 0.75 * KL_DIST),
        (0.5, MIXED, 0.5 * CM_CLS + 0.5 * KL_DIST),  # the mix is in the label term only
    ],
)
def test_soft_labels_at_temperature_1_by_hand(alpha, batch, expected):
    loss = SoftDistillation(alpha=alpha, temperature=1.0)
    assert value(loss, batch, SOFT_TEACHER.log()) == pytest.approx(expected, rel=1e-5)


def test_soft_labels_at_temperature_2_by_hand():
    # Logits twice the log-probabilities: at temperature 2 they are the log-probabilities again,
    # and what is left of the temperature is its square in front.
    loss = SoftDistillation(alpha=0.0, temperature=2.0)
    output = Output(CLS, 2 * DIST)
    got = loss(output, PLAIN, 2 * SOFT_TEACHER.log())["loss"].item()
    assert got == pytest.approx(4 * KL_DIST, rel=1e-5)


def test_the_probabilities_of_a_teacher_are_not_smoothed():
    loss = SoftDistillation(alpha=0.25, temperature=1.0, label_smoothing=0.3)
    expected = 0.25 * SMOOTH_CLS + 0.75 * KL_DIST
    assert value(loss, PLAIN, SOFT_TEACHER.log()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [SoftDistillation, DecoupledDistillation, CorrelationDistillation])
def test_the_mean_is_over_the_batch_and_not_over_the_classes(loss):
    loss = loss(alpha=0.0, temperature=1.0)
    doubled = Batch(torch.cat([IMAGES, IMAGES]), LABELS.repeat(2), LABELS.repeat(2), 1.0)
    output = Output(CLS.repeat(2, 1), DIST.repeat(2, 1))
    once = value(loss, PLAIN, SOFT_TEACHER.log())
    twice = loss(output, doubled, SOFT_TEACHER.log().repeat(2, 1))["loss"].item()
    assert twice == pytest.approx(once, rel=1e-6)


def test_a_soft_teacher_counts_beyond_its_argmax():
    loss = SoftDistillation()
    quieter = value(loss, PLAIN, TEACHER * 0.1)
    assert value(loss, PLAIN, TEACHER) != pytest.approx(quieter)


@pytest.mark.parametrize("loss", DISTILLATIONS)
def test_with_token_cls_the_distillation_token_is_not_trained(loss):
    dist = DIST.clone().requires_grad_()
    cls = CLS.clone().requires_grad_()
    loss = loss(token="cls")
    loss(Output(cls, dist), PLAIN, TAUGHT if loss.hard_labels else TEACHER)["loss"].backward()
    assert dist.grad is None
    assert loss.token_weights == (1.0, 0.0)


@pytest.mark.parametrize("loss", DISTILLATIONS)
def test_token_weights_follow_alpha(loss):
    assert loss(alpha=0.25).token_weights == (0.25, 0.75)


@pytest.mark.parametrize("loss", DISTILLATIONS)
def test_distillation_without_a_teacher_is_refused(loss):
    with pytest.raises(ValueError, match="teacher"):
        loss()(Output(CLS, DIST), PLAIN, None)
