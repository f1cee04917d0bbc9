"""airbench and ResNet-9 against their layers written out one after another."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from titn.models.airbench import airbench
from titn.models.resnet9 import resnet9
from titn.models.whitening import EPSILON, whitening_filters
from titn.types import ImageSpec

# Photographs have neighbouring pixels that are alike; a running sum of noise has, too.
NOISE = torch.randn(40, 3, 32, 32, generator=torch.Generator().manual_seed(0)).cumsum(-1)
SAMPLE = (128 + 8 * NOISE).clamp(0, 255).to(torch.uint8)
SPEC = ImageSpec(num_classes=7, mean=(0.5, 0.4, 0.6), std=(0.2, 0.3, 0.25), sample=SAMPLE)


def normalised(images: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(values).reshape(-1, 1, 1) for values in (SPEC.mean, SPEC.std))
    return (images / 255 - mean) / std


def weights_in_order(network: nn.Module):
    """Its parameters in the order in which an image meets them."""
    return iter(list(network.net.parameters()))


def batch_norm(x, weight, bias):
    return F.batch_norm(x, None, None, weight, bias, training=True)


def test_airbench94_is_its_layers_one_after_another():
    torch.manual_seed(1)
    network = airbench(images=SPEC).train()
    weights = weights_in_order(network)
    x = F.gelu(F.conv2d(normalised(SAMPLE), next(weights), next(weights)))
    for _ in range(3):
        x = F.max_pool2d(F.conv2d(x, next(weights), padding=1), 2)
        x = F.gelu(batch_norm(x, next(weights), next(weights)))
        x = F.conv2d(x, next(weights), padding=1)
        x = F.gelu(batch_norm(x, next(weights), next(weights)))
    assert x.shape[2:] == (3, 3)
    expected = F.max_pool2d(x, 3).flatten(1) @ next(weights).T / 9
    torch.testing.assert_close(network(SAMPLE).cls, expected)


def test_airbench96_adds_a_groups_first_convolution_before_its_last_activation():
    torch.manual_seed(1)
    widths = {"width1": 8, "width2": 16, "width3": 24}
    network = airbench(images=SPEC, **widths, depth=3, residual=True).train()
    weights = weights_in_order(network)
    x = F.gelu(F.conv2d(normalised(SAMPLE), next(weights), next(weights)))
    for _ in range(3):
        x = F.max_pool2d(F.conv2d(x, next(weights), padding=1), 2)
        first = F.gelu(batch_norm(x, next(weights), next(weights)))
        x = F.conv2d(first, next(weights), padding=1)
        x = F.gelu(batch_norm(x, next(weights), next(weights)))
        x = F.conv2d(x, next(weights), padding=1)
        x = F.gelu(batch_norm(x, next(weights), next(weights)) + first)
    expected = x.amax((2, 3)) @ next(weights).T / 9
    torch.testing.assert_close(network(SAMPLE).cls, expected)


def test_resnet9_is_its_layers_one_after_another():
    torch.manual_seed(1)
    network = resnet9(images=SPEC, width=4).train()
    weights = weights_in_order(network)

    def convolution(x):
        x = F.conv2d(x, next(weights), padding=1)
        return F.relu(batch_norm(x, next(weights), next(weights)))

    x = convolution(normalised(SAMPLE))
    for is_residual in (True, False, True):
        x = F.max_pool2d(convolution(x), 2)
        if is_residual:
            x = x + convolution(convolution(x))
    expected = F.max_pool2d(x, 4).flatten(1) @ next(weights).T / 8
    torch.testing.assert_close(network(SAMPLE).cls, expected)


def test_a_whitening_layer_gives_uncorrelated_values_of_unit_variance():
    filters = whitening_filters(SPEC, size=2, epsilon=0.0)
    found = F.conv2d(normalised(SAMPLE), filters)[:, :12]  # (40, 12, 31, 31)
    values = found.double().movedim(1, 0).reshape(12, -1).numpy()
    np.testing.assert_allclose(values @ values.T / values.shape[1], np.eye(12), atol=2e-3)


def test_whitening_filters_are_those_of_numpy_and_their_negatives():
    patches = np.lib.stride_tricks.sliding_window_view(
        normalised(SAMPLE).double().numpy(), (2, 2), axis=(2, 3)
    )  # (40, 3, 31, 31, 2, 2)
    rows = patches.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 12)
    variances, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    expected = (vectors / np.sqrt(variances + EPSILON)).T[::-1]
    found = whitening_filters(SPEC, size=2).reshape(24, 12).double().numpy()
    signs = np.sign((expected * found[:12]).sum(1, keepdims=True))
    np.testing.assert_allclose(found[:12], signs * expected, atol=1e-4)
    np.testing.assert_array_equal(found[12:], -found[:12])


def test_the_whitening_layer_and_the_factors_of_normalisation_do_not_learn():
    network = airbench(images=SPEC).train()
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, weight_decay=0.1)
    network(SAMPLE[:8]).cls.logsumexp(-1).sum().backward()
    optimizer.step()
    fixed = {
        name for name, parameter in network.named_parameters() if parameter.equal(before[name])
    }
    norms = [name for name, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert fixed == {"net.first.weight", *(f"{name}.weight" for name in norms)}


@pytest.mark.parametrize("first_layer", ["whitening", "plain"])
def test_a_convolution_of_airbench_begins_by_passing_its_input_on(first_layer):
    network = airbench(images=SPEC, first_layer=first_layer)
    conv = network.net.groups[1].reduce[0]
    x = torch.randn(2, 64, 5, 5)
    assert torch.equal(conv(x)[:, :64], x)
