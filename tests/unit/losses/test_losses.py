"""Loss terms against values worked out by hand.

With logits log(p) a softmax gives p back, so a cross-entropy is -log of a chosen probability.
"""

import math

import pytest
import torch

from titn.losses.distillation import HardDistillation
from titn.losses.supervised import Supervised
from titn.losses.terms import mixed_cross_entropy
from titn.outputs import Batch, Output

# Two images, three classes.
CLS = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]).log()
DIST = torch.tensor([[0.2, 0.4, 0.4], [0.6, 0.3, 0.1]]).log()
TEACHER = torch.tensor([[0.0, 3.0, 1.0], [5.0, 4.0, -1.0]])  # says 1, then 0
LABELS = torch.tensor([0, 2])
PARTNERS = torch.tensor([2, 0])
IMAGES = torch.zeros(2, 3, 4, 4)

PLAIN = Batch(IMAGES, LABELS, LABELS, 1.0)
MIXED = Batch(IMAGES, LABELS, PARTNERS, 0.75)

CE_CLS = -(math.log(0.5) + math.log(0.7)) / 2
CE_CLS_PARTNERS = -(math.log(0.25) + math.log(0.1)) / 2
CE_DIST = -(math.log(0.2) + math.log(0.1)) / 2
CE_TEACHER = -(math.log(0.4) + math.log(0.6)) / 2


def value(loss: object, batch: Batch, teacher: torch.Tensor | None = None) -> float:
    return loss(Output(CLS, DIST), batch, teacher)["loss"].item()


def test_equation_9_weighs_the_two_labels():
    expected = 0.75 * CE_CLS + 0.25 * CE_CLS_PARTNERS
    assert mixed_cross_entropy(CLS, MIXED).item() == pytest.approx(expected, rel=1e-6)


def test_equation_10_at_alpha_one_half():
    expected = 0.5 * CE_CLS + 0.5 * CE_TEACHER
    assert value(HardDistillation(alpha=0.5), PLAIN, TEACHER) == pytest.approx(expected, rel=1e-6)


def test_equation_10_mixes_the_class_token_only():
    expected = 0.3 * (0.75 * CE_CLS + 0.25 * CE_CLS_PARTNERS) + 0.7 * CE_TEACHER
    assert value(HardDistillation(alpha=0.3), MIXED, TEACHER) == pytest.approx(expected, rel=1e-6)


def test_the_terms_are_the_parts_before_weighing():
    terms = HardDistillation(alpha=0.3)(Output(CLS, DIST), PLAIN, TEACHER)
    assert terms["task"].item() == pytest.approx(CE_CLS, rel=1e-6)
    assert terms["distill"].item() == pytest.approx(CE_TEACHER, rel=1e-6)


def test_supervised_is_the_mean_over_the_tokens():
    assert value(Supervised(), PLAIN) == pytest.approx((CE_CLS + CE_DIST) / 2, rel=1e-6)


def test_supervised_without_a_distillation_token_is_plain_cross_entropy():
    loss = Supervised()(Output(CLS, CLS), PLAIN, None)["loss"].item()
    assert loss == pytest.approx(CE_CLS, rel=1e-6)


def test_alpha_changes_the_loss():
    low = value(HardDistillation(alpha=0.25), PLAIN, TEACHER)
    high = value(HardDistillation(alpha=0.75), PLAIN, TEACHER)
    assert high - low == pytest.approx(0.5 * (CE_CLS - CE_TEACHER), rel=1e-5)


def test_the_mix_changes_the_loss():
    plain = value(HardDistillation(), PLAIN, TEACHER)
    assert value(HardDistillation(), MIXED, TEACHER) != pytest.approx(plain)


def test_the_teacher_changes_the_loss():
    one = value(HardDistillation(), PLAIN, TEACHER)
    assert value(HardDistillation(), PLAIN, TEACHER.flip(-1)) != pytest.approx(one)


def test_only_the_teachers_argmax_counts():
    one = value(HardDistillation(), PLAIN, TEACHER)
    assert value(HardDistillation(), PLAIN, TEACHER * 0.1) == pytest.approx(one)


def test_a_token_without_weight_gets_no_gradient():
    dist = DIST.clone().requires_grad_()
    cls = CLS.clone().requires_grad_()
    HardDistillation(alpha=1.0)(Output(cls, dist), PLAIN, TEACHER)["loss"].backward()
    assert dist.grad.abs().max() == 0
    assert cls.grad.abs().max() > 0


def test_distillation_without_a_teacher_is_refused():
    with pytest.raises(ValueError, match="teacher"):
        HardDistillation()(Output(CLS, DIST), PLAIN, None)
