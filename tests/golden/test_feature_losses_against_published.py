"""Terms of features against values that published code gave, in float64.

Called were `at_loss` and `rkd_loss` of mdistiller, and what lkhl/tiny-transformers does in
`guidance_loss` with a linear transform, with the numbers below.
"""

import math

import pytest
import torch

from titn.losses.distillation import HardDistillation
from titn.losses.features import AttentionTransfer, Guidance, RelationalDistillation
from titn.types import Batch, Features, Output


def numbers(*shape: int, step: int, modulus: int) -> torch.Tensor:
    """Numbers between -0.4 and 0.6 that anyone can write down: (i step mod modulus) / modulus."""
    i = torch.arange(math.prod(shape))
    return ((i * step % modulus).double() / modulus - 0.4).reshape(shape).float()


STUDENT_MAPS = (numbers(2, 3, 4, 4, step=7, modulus=23), numbers(2, 3, 4, 4, step=5, modulus=19))
TEACHER_MAPS = (numbers(2, 5, 8, 8, step=11, modulus=29), numbers(2, 6, 2, 2, step=3, modulus=17))
STUDENT_READ = numbers(4, 3, step=7, modulus=11)
TEACHER_READ = numbers(4, 5, step=5, modulus=13)
STUDENT = Features(STUDENT_MAPS, STUDENT_READ.flip(0), STUDENT_READ)
TEACHER = Features(TEACHER_MAPS, TEACHER_READ, TEACHER_READ)


def test_attention_transfer():
    assert AttentionTransfer(stages=2).term(STUDENT, TEACHER).item() == pytest.approx(
        0.0289504943 + 0.0375999667, rel=1e-5
    )


@pytest.mark.parametrize(
    ("distance", "angle", "expected"),
    [(1.0, 0.0, 0.0978123332), (0.0, 1.0, 0.0676397172), (25.0, 50.0, 5.8272941932)],
)
def test_relations(distance, angle, expected):
    loss = RelationalDistillation(distance=distance, angle=angle)
    assert loss.term(STUDENT, TEACHER).item() == pytest.approx(expected, rel=1e-5)


def test_relations_of_the_class_token():
    loss = RelationalDistillation(token="cls")
    swapped = STUDENT._replace(cls=STUDENT_READ, dist=STUDENT_READ.flip(0))
    assert loss.term(swapped, TEACHER).item() == pytest.approx(5.8272941932, rel=1e-5)


def test_guidance():
    loss = Guidance(stages=2)
    loss.connect(STUDENT, TEACHER)
    for project, channels in zip(loss.projections, (5, 6), strict=True):
        project.weight.data = numbers(channels, 3, 1, 1, step=2, modulus=7)
        project.bias.data = numbers(channels, step=3, modulus=5)
    assert loss.term(STUDENT, TEACHER).item() == pytest.approx(
        0.1887469194 + 0.1806110104, rel=1e-5
    )


LOSSES = [Guidance(stages=2), AttentionTransfer(stages=2), RelationalDistillation()]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_term_is_added_to_equation_10(loss):
    loss.connect(STUDENT, TEACHER)
    batch = Batch(torch.zeros(4, 3, 8, 8), *(torch.tensor([0, 1, 2, 0]),) * 2, 1.0)
    cls, dist, taught = (numbers(4, 3, step=s, modulus=7) for s in (2, 3, 5))
    terms = loss(Output(cls, dist, STUDENT), batch, Output(taught, taught, TEACHER))
    plain = HardDistillation()(Output(cls, dist), batch, taught.argmax(-1))
    expected = plain["loss"].item() + loss.weight * loss.term(STUDENT, TEACHER).item()
    assert terms["loss"].item() == pytest.approx(expected, rel=1e-6)
    assert terms[loss.name].item() == pytest.approx(loss.term(STUDENT, TEACHER).item(), rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_term_moves_the_student_and_is_a_mean_over_the_batch(loss):
    loss.connect(STUDENT, TEACHER)
    maps, token = (m.clone().requires_grad_() for m in STUDENT.maps), STUDENT.dist.clone()
    ours = Features(tuple(maps), token.requires_grad_(), token)
    loss.term(ours, TEACHER).backward()
    moved = [value.grad for value in (*ours.maps, ours.dist) if value.grad is not None]
    assert moved
    assert all(grad.isfinite().all() and grad.abs().max() > 0 for grad in moved)
    if loss.num_maps:
        maps = [Features(tuple(m.repeat(3, 1, 1, 1) for m in f.maps), f.cls, f.dist)
                for f in (STUDENT, TEACHER)]  # fmt: skip
        once, thrice = loss.term(STUDENT, TEACHER).item(), loss.term(*maps).item()
        assert thrice == pytest.approx(once, rel=1e-5)


def test_images_that_are_the_same_have_finite_gradients():
    points = torch.ones(3, 4, requires_grad=True)
    same = Features((), points, points)
    RelationalDistillation().term(same, TEACHER._replace(cls=torch.ones(3, 5))).backward()
    assert points.grad.isfinite().all()
