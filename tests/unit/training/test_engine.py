"""Evaluation, and means over an epoch."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from titn.data.images import Images
from titn.training.engine import DivergenceError, RunningMeans, evaluate, take_step
from titn.types import Output

IMAGES = Images(torch.randint(0, 256, (300, 3, 2, 2), dtype=torch.uint8), torch.arange(300) % 4)


class Dropping(nn.Module):
    """Drops its whole input in training, nothing in evaluation."""

    has_distillation_token = True

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 4)
        self.dropout = nn.Dropout(1.0)

    def forward(self, images):
        logits = self.layer(self.dropout(images.flatten(1) / 255))
        return Output(logits, logits + 1)


def test_an_evaluation_is_in_evaluation_mode_and_leaves_training_mode_as_it_was():
    model = Dropping().train()
    predictions = evaluate(model, IMAGES)
    assert model.training
    expected = model.layer(IMAGES.pixels.flatten(1) / 255).log_softmax(-1)
    torch.testing.assert_close(predictions.cls, expected)


def test_predictions_are_those_of_all_images_in_order():
    predictions = evaluate(Dropping(), IMAGES)
    assert predictions.cls.shape == predictions.dist.shape == (300, 4)
    assert torch.equal(predictions.labels, IMAGES.labels)


def test_a_teachers_classes_are_kept():
    predictions = evaluate(Dropping(), IMAGES, lambda pixels: pixels.flatten(1)[:, :4].float())
    assert torch.equal(predictions.teacher, IMAGES.pixels.flatten(1)[:, :4].argmax(-1))


def test_a_model_without_a_token_has_no_distillation_predictions():
    model = Dropping()
    model.has_distillation_token = False
    assert evaluate(model, IMAGES).dist is None


def test_running_means_by_hand():
    means = RunningMeans()
    for loss in (1.0, 2.0, 6.0):
        means.add({"loss": torch.tensor(loss), "task": torch.tensor(1.0)})
    assert means.compute(epoch=1) == {"loss": 3.0, "task": 1.0}


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_mean_that_is_not_finite_stops_the_run(loss):
    means = RunningMeans()
    means.add({"loss": torch.tensor(loss)})
    with pytest.raises(DivergenceError, match=r"in epoch 3: the run has diverged"):
        means.compute(epoch=3)


def test_a_gradient_that_is_infinite_stops_a_run_whose_loss_is_finite():
    means = RunningMeans()
    means.add({"loss": torch.tensor(1.0), "grad_norm": torch.tensor(float("inf"))})
    with pytest.raises(DivergenceError, match=r"^the gradient's norm is inf in epoch 1: "):
        means.compute(epoch=1)


@pytest.mark.parametrize(
    ("clip_grad", "moved"),
    [(1.0, (0.6, 0.8)), (10.0, (3.0, 4.0)), (None, (3.0, 4.0))],
)
def test_a_step_with_clipped_gradients_by_hand(clip_grad, moved):
    # Two parameters in two groups, whose gradients are one vector of length 5.
    first, second = (nn.Parameter(torch.zeros(1)) for _ in range(2))
    first.grad, second.grad = torch.tensor([3.0]), torch.tensor([4.0])
    optimizer = torch.optim.SGD([{"params": [first]}, {"params": [second]}], lr=1.0)
    task = SimpleNamespace(clip_grad=clip_grad, optimizer=optimizer, average=None)
    terms = take_step(task, step=0)
    assert (-first.item(), -second.item()) == pytest.approx(moved, rel=1e-5)
    assert {name: norm.item() for name, norm in terms.items()} == (
        {} if clip_grad is None else {"grad_norm": 5.0}
    )
