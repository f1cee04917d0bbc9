"""The types that cross rooms: b images in a batch, k classes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

# Takes a function and returns a faster one that computes the same, as `torch.compile` does.
Compiler = Callable[[Callable], Callable]


class Features(NamedTuple):
    """What a network computes on its way to the logits, for losses that compare it.

    maps: (b, d, h, w) each, from the first layers to the last; d, h and w differ between networks
    and stages. cls, dist: (b, d), what the heads of the two tokens read; equal in a model without a
    distillation token.
    """

    maps: tuple[Tensor, ...]
    cls: Tensor
    dist: Tensor


class Output(NamedTuple):
    """What every model returns: (b, k) logits of the class and of the distillation token.

    A model without a distillation token has its class logits in both places, so that one loss
    serves token distillation and classic distillation. features: where they were asked for.
    """

    cls: Tensor
    dist: Tensor
    features: Features | None = None


class Batch(NamedTuple):
    """A mixed training batch; an unmixed one has `lam` 1 and each label as its own partner.

    images: (b, c, h, w), uint8 in 0..255 or floating point in [0, 1].
    labels, partners: (b,) int64, the two labels of each image (l1 and l2 of equation 9).
    lam: the share of `labels` in each image, in [0, 1] (lambda of equation 9).
    at: the epoch and the step within it, both from 0. With the seed they decide the images.
    """

    images: Tensor
    labels: Tensor
    partners: Tensor
    lam: float
    at: tuple[int, int] = (0, 0)


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """What a model has to know about the images; the data set supplies it, not the configuration.

    size: the side in pixels. mean, std: per channel, of images in [0, 1]; they become buffers of
    the network. sample: some of the training images, (N, c, h, w) uint8, for a network that begins
    with their statistics; None where its weights are going to be loaded, or do not matter.
    """

    num_classes: int
    size: int = 32
    channels: int = 3
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.25, 0.25, 0.25)
    sample: Tensor | None = field(default=None, compare=False, repr=False)


def image_spec(dataset: dict[str, Any], num_classes: int) -> ImageSpec:
    """The images that a data set's configuration describes, for networks that need no statistics.

    dataset: its node, of a record or a command line.
    """
    channels = dataset.get("channels", 3)
    return ImageSpec(
        num_classes=num_classes,
        size=dataset["image_size"],
        channels=channels,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )
