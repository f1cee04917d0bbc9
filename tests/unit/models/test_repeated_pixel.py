"""A VGG in training sums the weights that a repeated pixel meets, and nothing else changes."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from titn.models import cnn
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=10)


def batch(size: int) -> tuple[Tensor, Tensor]:
    images = torch.rand(6, 3, size, size, generator=torch.Generator().manual_seed(1))
    return images, torch.arange(6)


def gradients(network: nn.Module, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    F.cross_entropy(logits, labels).backward()
    found = {name: one.grad.clone() for name, one in network.named_parameters()}
    network.zero_grad()
    return found


def vgg(stem: str) -> cnn.CNN:
    torch.manual_seed(0)
    # Without batch normalisation, behind which the gradient of a bias is nothing but rounding.
    return cnn.vgg16(images=SPEC, stem=stem, dropout=0.0).train()


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
def test_the_gradients_are_those_of_torchvision(stem):
    network = vgg(stem)
    images, labels = batch(32)
    plain = gradients(network, network.net(network.normalise(images)), labels)
    quick = gradients(network, network(images).cls, labels)
    for name, expected in plain.items():
        scale = expected.abs().max().item()
        torch.testing.assert_close(quick[name], expected, rtol=0, atol=1e-3 * scale, msg=name)


def test_larger_images_are_not_summed():
    assert not cnn.vgg16(images=ImageSpec(num_classes=10, size=64)).repeats_pixel


def test_evaluation_is_torchvisions():
    network = vgg("imagenet").eval()
    images, _ = batch(32)
    with torch.no_grad():
        assert torch.equal(network(images).cls, network.net(network.normalise(images)))
