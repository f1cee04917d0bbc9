"""DKD, DIST and standardised logits against values that their authors' code gave, in float64.

Called were `dkd_loss` of mdistiller, `DIST` of hunto/DIST_KD and `kd_loss` and `dkd_loss` of
sunshangquan/logit-standardization-KD, with the logits and labels below.
"""

import pytest
import torch
import torch.nn.functional as F

from titn.losses.correlation import CorrelationDistillation
from titn.losses.decoupled import DecoupledDistillation
from titn.losses.distillation import SoftDistillation
from titn.losses.terms import Loss
from titn.types import Batch, Output

STUDENT = torch.tensor([[2.0, -1.0, 0.5, 0.0], [0.3, 1.2, -0.7, 2.5], [-1.5, 0.4, 3.0, 0.1]])
TEACHER = torch.tensor([[4.0, -2.0, 1.0, 0.5], [-1.0, 3.5, 0.2, 2.0], [0.0, 1.0, 5.0, -3.0]])
LABELS = torch.tensor([0, 3, 2])
PARTNERS = torch.tensor([2, 0, 3])
IMAGES = torch.zeros(3, 3, 4, 4)
# The class token says something else: what follows the teacher is the other one.
CLS = STUDENT.flip(1)


def distill(
    loss: Loss,
    labels: torch.Tensor = LABELS,
    partners: torch.Tensor = PARTNERS,
    lam: float = 1.0,
    epoch: int = 100,
) -> float:
    """The teacher's term of a loss."""
    batch = Batch(IMAGES, labels, partners, lam, at=(epoch, 0))
    return loss(Output(CLS, STUDENT), batch, TEACHER)["distill"].item()


# TCKD and NCKD with T^2, of the labels and of the partners, by temperature and standardisation.
DECOUPLED = {
    (1.0, False): ((0.26713954470, 0.28750803849), (0.05423900703, 0.30670340959)),
    (4.0, False): ((0.40367018721, 0.91457886014), (0.46924461667, 0.52445878531)),
    (1.0, True): ((0.07493746817, 0.11225991087), (0.01849074999, 0.12309889039)),
    (4.0, True): ((0.04697177008, 0.16120218999), (0.05680577105, 0.12553010604)),
}
# The inter- and the intra-class term without T^2, by the same.
CORRELATION = {
    (1.0, False): (0.31135318682, 0.00708845029),
    (4.0, False): (0.18684645603, 0.07310237296),
    (1.0, True): (0.24100828206, 0.05352446516),
    (4.0, True): (0.20390593911, 0.10194694905),
}


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (1.0, 8.0)])
@pytest.mark.parametrize(("temperature", "standardize"), DECOUPLED)
def test_dkd(temperature, standardize, weights):
    loss = DecoupledDistillation(
        temperature=temperature,
        standardize=standardize,
        target_weight=weights[0],
        other_weight=weights[1],
    )
    of_labels, of_partners = (
        sum(weight * term for weight, term in zip(weights, terms, strict=True))
        for terms in DECOUPLED[temperature, standardize]
    )
    assert distill(loss) == pytest.approx(of_labels, rel=1e-5)
    mixed = 0.3 * of_labels + 0.7 * of_partners
    assert distill(loss, lam=0.3) == pytest.approx(mixed, rel=1e-5)


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (2.0, 3.0)])
@pytest.mark.parametrize(("temperature", "standardize"), CORRELATION)
def test_dist(temperature, standardize, weights):
    inter, intra = weights
    loss = CorrelationDistillation(
        temperature=temperature, standardize=standardize, inter=inter, intra=intra
    )
    expected = CORRELATION[temperature, standardize]
    expected = temperature**2 * (inter * expected[0] + intra * expected[1])
    assert distill(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("temperature", "standardize", "expected"),
    [(1.0, False, 0.35726720), (1.0, True, 0.13432798), (4.0, True, 0.15899884)],
)
def test_soft_labels_of_standardised_logits(temperature, standardize, expected):
    loss = SoftDistillation(temperature=temperature, standardize=standardize)
    assert distill(loss) == pytest.approx(expected, rel=1e-5)


def test_soft_distillation_is_tckd_and_the_others_share_of_nckd():
    """Zhao et al. (2022), equation 6, for one image."""
    image, label = slice(1, 2), LABELS[1:2]
    batch = Batch(IMAGES[image], label, label, 1.0)
    output = Output(CLS[image], STUDENT[image])
    share = 1 - TEACHER[image].softmax(-1)[0, label].item()
    soft = SoftDistillation(temperature=1.0)
    decoupled = DecoupledDistillation(
        temperature=1.0, target_weight=1.0, other_weight=share, ramp_epochs=0
    )
    terms = [loss(output, batch, TEACHER[image])["distill"].item() for loss in (soft, decoupled)]
    assert terms[0] == pytest.approx(terms[1], rel=1e-5)


@pytest.mark.parametrize(
    ("ramp_epochs", "epoch", "share"), [(4, 0, 0.25), (4, 2, 0.75), (4, 9, 1), (0, 0, 1)]
)
def test_dkd_grows_over_its_first_epochs(ramp_epochs, epoch, share):
    loss = DecoupledDistillation(ramp_epochs=ramp_epochs)
    assert distill(loss, epoch=epoch) == pytest.approx(share * distill(loss), rel=1e-6)


@pytest.mark.parametrize("loss", [DecoupledDistillation, CorrelationDistillation])
def test_published_weights_are_the_sum_of_both_terms(loss):
    batch = Batch(IMAGES, LABELS, LABELS, 1.0, at=(100, 0))
    terms = loss()(Output(CLS, STUDENT), batch, TEACHER)
    task = F.cross_entropy(CLS, LABELS).item()
    assert terms["task"].item() == pytest.approx(task, rel=1e-6)
    assert terms["loss"].item() == pytest.approx(task + terms["distill"].item(), rel=1e-6)


@pytest.mark.parametrize("loss", [DecoupledDistillation, CorrelationDistillation])
def test_a_sure_teacher_and_an_equal_one_give_finite_gradients(loss):
    for logits in (100 * TEACHER, STUDENT):
        student = STUDENT.clone().requires_grad_()
        batch = Batch(IMAGES, LABELS, LABELS, 1.0, at=(100, 0))
        loss(alpha=0.0)(Output(CLS, student), batch, logits)["loss"].backward()
        assert student.grad.isfinite().all()
        # What is equal to its teacher stays where it is.
        moved = student.grad.abs().max().item()
        assert moved < 1e-4 if logits is STUDENT else moved > 1e-3
