"""A network of one's own is tried before it is trained."""

import pytest
import torch
from torch import nn

from titn.cells.network_check import check_network
from titn.system.errors import ConfigError
from titn.types import ImageSpec, Output

SPEC = ImageSpec(num_classes=10, size=8)


class Own(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer
        self.linear = nn.Linear(3 * 8 * 8, 10)
        self.norm = nn.BatchNorm1d(10)

    def forward(self, images):
        return self.answer(self, images)


def both(logits: torch.Tensor) -> Output:
    return Output(logits, logits)


def trained(answer, target: str = "mine.Own", batch_size: int = 32, accumulate: int = 1) -> None:
    run = {"model": {"_target_": target}, "batch_size": batch_size, "accumulate": accumulate}
    check_network(Own(answer), run, SPEC, num_images=100)


def test_one_that_does_as_it_should_is_taken():
    trained(lambda own, images: both(own.linear(images.float().flatten(1))))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda own, x: both(own.linear(x.flatten(1))), r"cannot take \(2, 3, 8, 8\) torch.uint8 "),
        (lambda own, x: own.linear(x.float().flatten(1)), "returns a Tensor; a model returns titn"),
        (lambda own, x: (x, x), "returns a tuple; "),
        (lambda own, x: Output(1, 2), "returns an Output of no tensors; "),
        (lambda own, x: both(torch.ones(2, 7)), r"for two images logits of shape \(2, 7\); "),
        (lambda own, x: both(torch.ones(10)), r"for two images logits of shape \(10,\); "),
        (lambda own, x: own.missing, r"cannot take .* \(AttributeError: 'Own' object has no"),
    ],
)
def test_what_is_expected_of_one_is_said(answer, reason):
    with pytest.raises(ConfigError, match=rf"^model\._target_=mine\.Own: .*{reason}"):
        trained(answer)


def normalised(own, images):
    return both(own.norm(own.linear(images.float().flatten(1))))


def test_a_batch_of_one_image_is_too_few_for_batch_normalisation():
    with pytest.raises(ConfigError, match=r"^batch_size=1: .*; give 2 or more$"):
        trained(normalised, "titn.models.any", batch_size=1)
    with pytest.raises(ConfigError, match=r"^accumulate=3: .*; give 2 or less$"):
        trained(normalised, "titn.models.any", batch_size=5, accumulate=3)
    trained(normalised, "titn.models.any", batch_size=2)


def test_titns_own_networks_are_not_tried():
    trained(lambda own, images: None, "titn.models.any")
