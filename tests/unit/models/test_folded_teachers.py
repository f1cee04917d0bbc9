"""A convolutional network in its form for inference answers as it did."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from titn.models import cnn
from titn.models.airbench import airbench
from titn.models.folding import ConvAsLinear
from titn.models.resnet9 import resnet9
from titn.models.wide_resnet import wide_resnet28_10
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=10)
NETWORKS = {
    "vgg16": cnn.vgg16,
    "vgg16_bn": cnn.vgg16_bn,
    "resnet18": cnn.resnet18,
    "densenet121": cnn.densenet121,
    "mobilenet_v3": cnn.mobilenet_v3,
    "squeezenet": cnn.squeezenet,
    "airbench": partial(airbench, depth=3, residual=True),
    "resnet9": resnet9,
}


def trained(build, **settings) -> nn.Module:
    """With statistics that are not those of initialisation, which folding would not change."""
    torch.manual_seed(0)
    network = build(images=SPEC, **settings)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return network.eval()


def num_batch_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def num_weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@torch.no_grad()
def assert_same_answers(network: nn.Module, size: int = 32) -> None:
    images = torch.randint(0, 256, (4, 3, size, size), dtype=torch.uint8)
    before = network(images).cls
    after = network.folded()(images).cls
    scale = before.abs().max().item()
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_answers_as_before(name):
    assert_same_answers(trained(NETWORKS[name]))


def test_a_wide_resnet_answers_as_before():
    network = trained(wide_resnet28_10)
    # One group of its three is enough, and ten times faster.
    network.net.blocks = network.net.blocks[:4]
    network.net.norm = copy.deepcopy(network.net.blocks[-1].norm2)
    network.net.classifier = nn.Linear(160, 10)
    assert_same_answers(network)


@pytest.mark.parametrize("name", ["vgg16_bn", "resnet18", "mobilenet_v3", "airbench", "resnet9"])
def test_no_batch_normalisation_is_left(name):
    network = trained(NETWORKS[name])
    assert num_batch_norms(network) > 0
    assert num_batch_norms(network.folded()) == 0


def test_the_repeated_pixel_of_a_vgg_meets_summed_weights():
    network = trained(cnn.vgg16)
    before = num_weights(network)
    # 512 x 7 x 7 inputs of 4096 units become 512; each of three convolutions of 3x3 on maps of 2x2
    # becomes a matrix of 512 x 2 x 2 by as many, with as many biases.
    as_matrix = 2048**2 + 2048 - (512**2 * 9 + 512)
    assert num_weights(network.folded()) == before - 512 * 48 * 4096 + 3 * as_matrix


def test_a_convolution_on_a_map_smaller_than_its_kernel_is_a_matrix():
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, kernel_size=(3, 2), stride=(1, 2), padding=(1, 1), dilation=1)
    x = torch.randn(5, 3, 2, 2)
    torch.testing.assert_close(ConvAsLinear(conv, 2, 2)(x), conv(x), rtol=1e-5, atol=1e-6)


def test_a_larger_image_leaves_more_than_a_pixel_and_its_weights_apart():
    network = trained(lambda images: cnn.vgg16(images=ImageSpec(num_classes=10, size=64)))
    assert_same_answers(network, size=64)
    assert network.net.get_submodule("classifier.0").in_features == 512 * 7 * 7


def test_an_image_that_is_not_yet_twice_as_large_leaves_one_pixel():
    network = trained(lambda images: cnn.vgg16(images=ImageSpec(num_classes=10, size=48)))
    assert_same_answers(network, size=48)


def test_the_stem_for_small_images_answers_as_before():
    assert_same_answers(trained(cnn.vgg16_bn, stem="cifar"))
