"""A batch that goes through memory in parts has the loss and the gradients of the whole."""

import pytest
import torch
from torch import nn

from titn.losses.correlation import CorrelationDistillation
from titn.losses.distillation import HardDistillation, SoftDistillation
from titn.losses.features import Guidance
from titn.losses.supervised import Supervised
from titn.losses.terms import BOTH_TOKENS
from titn.training.accumulation import (
    AccumulatedObjective,
    micro_batch_sizes,
    micro_batches,
    whole_batch_is_seen,
)
from titn.training.objective import Objective
from titn.training.teacher import Frozen
from titn.types import Batch, Features, Output


class Network(nn.Module):
    """Two tokens, a map, and a parameter that nothing uses; it remembers how many images came."""

    has_distillation_token = True

    def __init__(self):
        super().__init__()
        self.cls, self.dist = nn.Linear(12, 3), nn.Linear(12, 3)
        self.unused = nn.Parameter(torch.ones(2))
        self.seen = []

    def forward(self, images, num_maps=None):
        self.seen.append(len(images))
        flat = images.flatten(1)
        output = Output(self.cls(flat), self.dist(flat))
        if num_maps is None:
            return output
        map = self.cls(flat)[:, :, None, None]
        return output._replace(features=Features((map,) * num_maps, flat, flat))


@pytest.fixture
def batch():
    torch.manual_seed(0)
    labels = torch.tensor([0, 1, 2, 1, 0, 2, 1])
    return Batch(torch.rand(7, 3, 2, 2), labels, labels.flip(0), 0.75)


@pytest.mark.parametrize(
    ("num_images", "num_parts", "sizes"),
    [(8, 4, [2] * 4), (10, 4, [3, 3, 2, 2]), (3, 5, [1, 1, 1]), (7, 1, [7])],
)
def test_parts_are_even_and_never_empty(num_images, num_parts, sizes):
    assert micro_batch_sizes(num_images, num_parts) == sizes


def test_parts_have_the_lambda_and_the_partners_of_the_whole_batch(batch):
    parts = list(micro_batches(batch._replace(at=(2, 5)), 3))
    assert [(part.lam, part.at, len(part.images)) for part in parts] == [
        (0.75, (2, 5), 3), (0.75, (2, 5), 2), (0.75, (2, 5), 2)
    ]  # fmt: skip
    for name in ("images", "labels", "partners"):
        joined = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(joined, getattr(batch, name))


class Mean:
    """The loss w x of each image, averaged: its gradient is the mean of x."""

    needs_teacher = hard_labels = False
    token_weights = BOTH_TOKENS

    def __call__(self, output, batch, teacher):
        return {"loss": output.cls.mean()}


def test_parts_count_by_their_images_by_hand():
    weight = nn.Parameter(torch.tensor(2.0))

    def student(images):
        return Output(*[weight * images.flatten(1)] * 2)

    images = torch.tensor([1.0, 2.0, 6.0]).reshape(3, 1, 1, 1)
    labels = torch.zeros(3, dtype=torch.int64)
    objective = AccumulatedObjective(Objective(student, Mean()), 2, [weight])
    terms = objective.gradients(Batch(images, labels, labels, 1.0), torch.Tensor.backward)
    # (1 + 2 + 6) / 3; parts of two images and of one, each counted once, would be 3.75.
    assert (terms["loss"].item(), weight.grad.item()) == (6.0, 3.0)


@pytest.mark.parametrize("num_parts", [2, 3, 7])
@pytest.mark.parametrize(
    "loss", [Supervised(label_smoothing=0.1), HardDistillation(), SoftDistillation(), Guidance()]
)
def test_terms_and_gradients_are_those_of_the_whole_batch(batch, loss, num_parts):
    network, teacher = Network().double(), Network().double()
    batch = batch._replace(images=batch.images.double())
    parameters = list(network.parameters())
    if isinstance(loss, nn.Module):  # a loss that learns
        features = network(batch.images[:1], loss.num_maps).features
        loss.connect(features, features)
        parameters += list(loss.double().parameters())
    whole = Objective(network, loss, Frozen(teacher, torch.float64))
    expected = whole.gradients(batch, torch.Tensor.backward)
    gradients = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None

    in_parts = AccumulatedObjective(whole, num_parts, parameters)
    found = in_parts.gradients(batch, torch.Tensor.backward)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close([parameter.grad for parameter in parameters], gradients)
    assert None in gradients  # of the parameter that nothing uses


def test_neither_network_sees_more_than_a_part_at_once(batch):
    network, teacher = Network(), Network()
    objective = Objective(network, SoftDistillation(), Frozen(teacher))
    in_parts = AccumulatedObjective(objective, 3, list(network.parameters()))
    in_parts.gradients(batch, torch.Tensor.backward)
    assert network.seen == teacher.seen == [3, 2, 2]


def test_the_teachers_answers_are_cached_for_whole_batches(batch):
    network, teacher, asked = Network(), Network(), []

    class Cache:
        def answer_to(self, batch, ask):
            asked.append((len(batch.images), ask().shape))
            return torch.full((7,), 1)

    whole = Objective(network, HardDistillation(), Frozen(teacher), Cache())
    in_parts = AccumulatedObjective(whole, 2, list(network.parameters()))
    found = in_parts.gradients(batch, torch.Tensor.backward)
    assert asked == [(7, (7,))]
    torch.testing.assert_close(found["distill"], whole(batch)["distill"].detach())


@pytest.mark.parametrize(
    ("model", "loss", "said"),
    [
        (nn.Linear(1, 1), Supervised(), []),
        (nn.Sequential(nn.BatchNorm2d(1)), Supervised(), ["batch normalisation"]),
        (nn.Linear(1, 1), CorrelationDistillation(), ["the loss, which compares images,"]),
    ],
)
def test_what_would_see_the_whole_batch_is_known(model, loss, said):
    assert whole_batch_is_seen(model, loss) == said
