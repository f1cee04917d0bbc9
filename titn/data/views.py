"""Augmentation of whole batches. A view is a pure function of (seed, epoch, sample).

The randomness of an epoch is a table with one row per training sample, drawn on the CPU before
the first batch; `apply` is then deterministic. So a resumed run sees the views that it would have
seen, and two runs of one seed see the same, whatever else they do.
"""

from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from titn.data import autoaugment
from titn.values import Fraction, Whole

Rows = dict[str, Tensor]


class View(Protocol):
    def draw(self, num_samples: int, rng: np.random.Generator) -> Rows:
        """The draws of an epoch: named columns, (num_samples, ...) each."""

    def apply(self, images: Tensor, rows: Rows) -> Tensor:
        """images (b, c, h, w) uint8 to the same; rows, on the CPU, are those of these samples."""


class Plain:
    """The images as they are."""

    def draw(self, num_samples: int, rng: np.random.Generator) -> Rows:
        return {}

    def apply(self, images: Tensor, rows: Rows) -> Tensor:
        return images


class CropFlip:
    """Random crop after zero padding, random horizontal flip, AutoAugment (section 3.4).

    padding: pixels on every side before a crop of the image's own size; 4 is the usual for CIFAR.
    flip: its probability. autoaugment: the CIFAR-10 policy, applied last.
    """

    def __init__(self, *, padding: Whole = 4, flip: Fraction = 0.5, autoaugment: bool = False):
        self.padding = padding
        self.flip = flip
        self.autoaugment = autoaugment

    def draw(self, num_samples: int, rng: np.random.Generator) -> Rows:
        rows = {
            "corner": torch.from_numpy(rng.integers(2 * self.padding + 1, size=(num_samples, 2))),
            "flip": torch.from_numpy(rng.random(num_samples) < self.flip),
        }
        return rows | (autoaugment.draw(num_samples, rng) if self.autoaugment else {})

    def apply(self, images: Tensor, rows: Rows) -> Tensor:
        corner, flip = (rows[name].to(images.device) for name in ("corner", "flip"))
        images = crop(F.pad(images, [self.padding] * 4), corner, images.shape[-1])
        images = torch.where(flip.reshape(-1, 1, 1, 1), images.flip(-1), images)
        return autoaugment.apply(images, rows) if self.autoaugment else images


def crop(images: Tensor, corner: Tensor, size: int) -> Tensor:
    """A size x size window of each image (b, c, h, w); corner (b, 2) is its top left (y, x)."""
    span = torch.arange(size, device=images.device)
    ys, xs = (corner[:, axis, None] + span for axis in (0, 1))
    sample = torch.arange(len(images), device=images.device)
    # Indices on both sides of a slice put the sliced axis, the channels, last.
    window = images[sample[:, None, None], :, ys[:, :, None], xs[:, None, :]]
    return window.permute(0, 3, 1, 2).contiguous()
