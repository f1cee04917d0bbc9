"""The types that cross rooms."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

# Takes a function and returns one that computes the same, as `torch.compile` does.
Compiler = Callable[[Callable], Callable]


class Output(NamedTuple):
    """What every model returns: two (b, k) logits.

    A model without a distillation token puts its class logits in both places, so that one loss
    serves token distillation and classic distillation.
    """

    cls: Tensor
    dist: Tensor


class Batch(NamedTuple):
    """A mixed training batch; an unmixed one has `lam` 1 and each label as its own partner.

    images: (b, c, h, w), uint8 in 0..255 or floating point in [0, 1].
    labels, partners: (b,) int64, the two labels of each image (l1 and l2 of equation 9).
    lam: the share of `labels` in each image, in [0, 1].
    at: epoch and step within it, both from 0: with the seed, what the images were drawn from.
    """

    images: Tensor
    labels: Tensor
    partners: Tensor
    lam: float
    at: tuple[int, int] = (0, 0)


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """What a model has to know of the images: the data set supplies it, never the configuration.

    mean, std: per channel, of images in [0, 1]; they become buffers of the network.
    """

    num_classes: int
    size: int = 32
    channels: int = 3
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.25, 0.25, 0.25)
