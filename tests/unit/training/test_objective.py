"""Teacher and student in one step."""

import pytest
import torch
from torch import nn

from titn.losses.distillation import HardDistillation, SoftDistillation
from titn.losses.features import Guidance
from titn.losses.supervised import Supervised
from titn.losses.terms import TokenWeights
from titn.training.objective import Objective, mixed_accuracy, rounded
from titn.training.teacher import Frozen
from titn.types import Batch, Features, Output

CLS_ONLY = TokenWeights(cls=1.0, dist=0.0)


class Linear(nn.Module):
    """Images to two logits, remembering the images."""

    has_distillation_token = True

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3 * 4 * 4, 2)
        self.norm = nn.BatchNorm1d(48)
        self.seen = []

    def forward(self, images):
        self.seen.append(images)
        logits = self.layer(self.norm(images.flatten(1)))
        return Output(logits, -logits)


@pytest.fixture
def batch():
    images = torch.rand(6, 3, 4, 4)
    return Batch(images, torch.tensor([0, 1] * 3), torch.tensor([1, 0] * 3), 0.5)


def test_teacher_and_student_see_exactly_the_same_image(batch):
    student, teacher = Linear(), Linear()
    Objective(student, HardDistillation(), Frozen(teacher))(batch)
    assert student.seen[0] is batch.images
    assert teacher.seen[0] is batch.images


class Mapped(Linear):
    """With a map of as many channels as it was asked for, the mean of the image."""

    def forward(self, images, num_maps):
        output = super().forward(images)
        map = images.mean((1, 2, 3), keepdim=True).expand(-1, num_maps, 1, 1)
        return output._replace(features=Features((map,), output.cls, output.dist))


def test_features_are_asked_of_both_networks_where_a_loss_reads_them(batch):
    student, teacher, loss = Mapped(), Mapped(), Guidance(stages=3)
    objective = Objective(student, loss, Frozen(teacher))
    features = student(batch.images, 3).features
    loss.connect(features, features)
    terms = objective(batch)
    assert terms["guidance"] > 0
    assert student.seen[-1] is batch.images
    assert teacher.seen[-1] is batch.images
    terms["loss"].backward()
    assert all(parameter.grad is not None for parameter in loss.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_a_frozen_teacher_stays_in_evaluation_mode_whoever_trains_its_holder():
    holder = nn.ModuleDict({"teacher": Frozen(Linear())})
    holder.train()
    assert not any(module.training for module in holder["teacher"].modules())


def test_a_frozen_teacher_does_not_learn_its_batch_statistics(batch):
    teacher = Linear()
    Frozen(teacher).train()(batch.images)
    assert teacher.norm.running_mean.abs().max() == 0


def test_bf16_weights_give_the_logits_of_autocast(batch):
    network = Linear().eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        expected = network(batch.images).cls
        frozen = Frozen(network, torch.bfloat16, CLS_ONLY)
        assert frozen.network.layer.weight.dtype == torch.bfloat16
        assert torch.equal(frozen(batch.images), expected)


def test_weights_that_a_layer_changes_before_it_uses_them_are_not_rounded():
    class Standardised(nn.Conv2d):
        """As timm's StdConv2d."""

    network = nn.Sequential(Standardised(3, 2, 1), nn.Conv2d(2, 2, 1))
    network.has_distillation_token = False
    Frozen(network, torch.bfloat16)
    assert [layer.weight.dtype for layer in network] == [torch.float32, torch.bfloat16]


@pytest.mark.parametrize(("alpha", "token"), [(0.5, 1), (0.0, -1)])
def test_the_accuracy_is_that_of_a_token_that_learns(batch, alpha, token):
    student = Linear()
    labels = student(batch.images).cls.argmax(-1)  # those of the distillation token are negative
    batch = batch._replace(labels=labels, lam=1.0)
    terms = Objective(student, HardDistillation(alpha=alpha), Frozen(Linear()))(batch)
    assert terms["accuracy"] == (1.0 if token == 1 else 0.0)


def test_no_gradient_reaches_the_teacher(batch):
    student, teacher = Linear(), Linear()
    terms = Objective(student, HardDistillation(), Frozen(teacher))(batch)
    terms["loss"].backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert student.layer.weight.grad is not None


def test_a_teacher_that_the_loss_does_not_ask_is_not_run(batch):
    teacher = Linear()
    Objective(Linear(), Supervised(), Frozen(teacher))(batch)
    assert teacher.seen == []


def test_a_loss_that_needs_a_teacher_is_refused_without_one():
    with pytest.raises(ValueError, match="teacher"):
        Objective(Linear(), HardDistillation())


class FakeCache:
    """Class 1 for every image; with `asks` the answers of the teacher itself."""

    def __init__(self, asks=False):
        self.asks = asks

    def answer_to(self, batch, ask):
        return ask() if self.asks else torch.ones(len(batch.images), dtype=torch.int64)


def test_hard_labels_are_the_teachers_argmax(batch):
    student, teacher = Linear(), Linear()
    frozen = Frozen(teacher)
    loss = HardDistillation(alpha=0.0)
    term = Objective(student, loss, frozen)(batch)["loss"]
    logits = student(batch.images).dist
    expected = nn.functional.cross_entropy(logits, frozen(batch.images).argmax(-1))
    torch.testing.assert_close(term, expected)


def test_a_teacher_whose_labels_are_cached_is_not_run(batch):
    teacher = Linear()
    Objective(Linear(), HardDistillation(), Frozen(teacher), FakeCache())(batch)
    assert teacher.seen == []


def test_cached_labels_are_learned_from(batch):
    student = Linear()
    loss = HardDistillation(alpha=0.0)
    term = Objective(student, loss, Frozen(Linear()), FakeCache())(batch)["loss"]
    ones = torch.ones(6, dtype=torch.int64)
    torch.testing.assert_close(term, nn.functional.cross_entropy(student(batch.images).dist, ones))


def test_a_cache_can_ask_the_teacher(batch):
    teacher = Linear()
    Objective(Linear(), HardDistillation(), Frozen(teacher), FakeCache(asks=True))(batch)
    assert len(teacher.seen) == 1


def test_a_loss_that_wants_logits_has_them_cached(batch):
    seen = []

    class Cache:
        def answer_to(self, batch, ask):
            seen.append(ask())
            return seen[0]

    frozen = Frozen(Linear())
    Objective(Linear(), SoftDistillation(), frozen, Cache())(batch)
    assert torch.equal(seen[0], rounded(frozen(batch.images)))


def test_the_terms_are_named(batch):
    terms = Objective(Linear(), HardDistillation(), Frozen(Linear()))(batch)
    assert set(terms) == {"loss", "task", "distill", "accuracy"}


def test_accuracy_of_a_mixed_batch_counts_each_label_by_its_share():
    logits = torch.tensor([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0]])  # says 0, 0, 1
    labels, partners = torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1])
    batch = Batch(torch.zeros(3, 1, 1, 1), labels, partners, 0.75)
    # Image by image: 0.75, 0.25, 1.
    assert mixed_accuracy(logits, batch).item() == pytest.approx(2 / 3)


def test_logits_are_rounded_to_float16_as_far_as_it_reaches():
    logits = torch.tensor([[1 / 3, -2049.0, 65504.0, 65520.0, -1e9]])
    # Eleven binary digits: 1365 / 4096, and 2049 lies half way between two even numbers.
    assert rounded(logits).tolist() == [[1365 / 4096, -2048.0, 65504.0, 65520.0, -1e9]]
