"""Convolutional networks for images of 32x32 that train in minutes, after Keller Jordan (2024).

"94% on CIFAR-10 in 3.29 seconds on a single GPU". His table of features says what each is worth
there: 94% takes 35 epochs of the plain network, 21 with the whitening first layer, 18 with
convolutions that begin as the identity, 13.5 with biases that learn 64 times faster
(`optimizer.bias_factor`).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from titn.config.annotations import Count, FirstLayer, Positive
from titn.models.cnn import CNN
from titn.models.whitening import whitening_filters
from titn.types import ImageSpec


def airbench(
    *,
    images: ImageSpec,
    width1: Count = 64,
    width2: Count = 256,
    width3: Count = 256,
    depth: Count = 2,
    residual: bool = False,
    first_layer: FirstLayer = "whitening",
    logit_scale: Positive = 1 / 9,
) -> CNN:
    """Three groups of convolutions, each of which halves the map; the defaults are airbench94's.

    width1, width2, width3: channels of the groups. depth: convolutions in a group. residual: the
    group's first convolution is added to what the others make of it, as in airbench96.
    first_layer: `whitening`, 2x2 and fixed (`titn.models.whitening`), or `plain`, 3x3 and learned.
    logit_scale: what the logits are multiplied by.

    Departures: batch normalisation has PyTorch's own epsilon, where airbench has 1e-12; and the
    bias of the first layer learns to the end, where airbench stops it after three epochs.
    """
    net = Airbench(images, (width1, width2, width3), depth, residual, first_layer, logit_scale)
    return CNN(images, net, None, ("classifier.",))


class Airbench(nn.Module):
    """Normalised images (b, c, h, w) to (b, k) logits."""

    def __init__(
        self,
        images: ImageSpec,
        widths: tuple[int, int, int],
        depth: int,
        residual: bool,
        first_layer: FirstLayer,
        logit_scale: float,
    ):
        super().__init__()
        self.first = _first_layer(images, first_layer)
        channels = [self.first.out_channels, *widths]
        self.groups = nn.Sequential(
            *(Group(before, width, depth, residual) for before, width in pairwise(channels))
        )
        self.activation = nn.GELU()
        # Of the whole map: 3x3 after the whitening layer, 4x4 after the plain one.
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.classifier = nn.Linear(widths[-1], images.num_classes, bias=False)
        self.logit_scale = logit_scale

    def forward(self, x: Tensor) -> Tensor:
        # 32x32 -> 31x31 by the whitening layer, and in the groups -> 15x15 -> 7x7 -> 3x3.
        x = self.groups(self.activation(self.first(x)))
        # (b, width3, h, w) -> (b, width3) -> (b, k)
        return self.classifier(self.pool(x).flatten(1)) * self.logit_scale

    def reorder_for_inference(self) -> None:
        """Change the order of layers in place, so that every normalisation can be folded."""
        for group in self.groups:
            if isinstance(group, Group):
                group.pool_after_norm()


class Group(nn.Module):
    """A convolution and a pooling that halves the map, then `depth` - 1 further convolutions.

    (b, channels, h, w) to (b, width, h / 2, w / 2), rounded down.
    """

    def __init__(self, channels: int, width: int, depth: int, residual: bool):
        super().__init__()
        # Pooling before normalisation leaves a quarter of the elements to normalise.
        self.reduce = nn.Sequential(
            _convolution(channels, width), nn.MaxPool2d(2), _normalisation(width)
        )
        self.convs = nn.ModuleList(
            nn.Sequential(_convolution(width, width), _normalisation(width))
            for _ in range(depth - 1)
        )
        self.residual = residual and depth > 1
        self.activation = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        x = reduced = self.activation(self.reduce(x))
        for i, conv in enumerate(self.convs):
            x = conv(x)
            if self.residual and i == len(self.convs) - 1:
                x = x + reduced
            x = self.activation(x)
        return x

    def pool_after_norm(self) -> None:
        """Normalise before pooling, in place: the same result, for inference.

        The normalisation is increasing, since its factor is fixed at 1, and so it may change places
        with a maximum. Next to the convolution it can be folded into its weights.
        """
        conv, pool, norm = self.reduce
        self.reduce = nn.Sequential(conv, norm, pool)


def _convolution(channels: int, width: int) -> nn.Conv2d:
    """A 3x3 convolution without bias; as many of its filters as it has inputs pass them on."""
    conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
    # Identity ("dirac"); filters beyond the inputs stay as PyTorch drew them.
    nn.init.dirac_(conv.weight.data[:channels])
    return conv


def _normalisation(width: int) -> nn.BatchNorm2d:
    """Batch normalisation with a learned bias and a factor of 1."""
    norm = nn.BatchNorm2d(width)
    norm.weight.requires_grad_(False)
    return norm


def _first_layer(images: ImageSpec, kind: FirstLayer) -> nn.Conv2d:
    if kind == "plain":
        return nn.Conv2d(images.channels, 32, 3, padding=1, bias=False)
    filters = whitening_filters(images, size=2)  # (2 c 4, c, 2, 2)
    conv = nn.Conv2d(images.channels, len(filters), 2)
    conv.weight = nn.Parameter(filters, requires_grad=False)
    conv.bias = nn.Parameter(torch.zeros(len(filters)))
    return conv
