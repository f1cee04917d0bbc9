"""Mixing of a batch's images. A mix is a pure function of (seed, epoch, step)."""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from titn.outputs import Batch
from titn.values import Fraction, Positive


class Mix(Protocol):
    def mix(self, images: Tensor, labels: Tensor, rng: np.random.Generator) -> Batch:
        """images (b, c, h, w) and labels (b,) of the whole global batch to a mixed Batch."""


class Unmixed:
    """Every image with its own label."""

    def mix(self, images: Tensor, labels: Tensor, rng: np.random.Generator) -> Batch:
        return Batch(images, labels, labels, 1.0)


class Box(NamedTuple):
    """Rows top to bottom and columns left to right, the ends excluded."""

    top: int
    bottom: int
    left: int
    right: int


class CutMix:
    """Paste a box of each image's partner over it (Yun et al., 2019; section 3.5.2).

    One lambda ~ Beta(alpha, alpha), one box and one permutation of partners for a batch. The box
    has the share 1 - lambda of the image's area and a uniform centre; it is clipped to the image
    and lambda is then corrected to the share that really remains.

    alpha: 0.5 in the paper. probability: of mixing a batch at all.
    """

    def __init__(self, *, alpha: Positive = 0.5, probability: Fraction = 1.0):
        self.alpha = alpha
        self.probability = probability

    def mix(self, images: Tensor, labels: Tensor, rng: np.random.Generator) -> Batch:
        # All is drawn before anything is decided: the same numbers serve every probability.
        skip = rng.random() >= self.probability
        height, width = images.shape[2:]
        box = draw_box(rng.beta(self.alpha, self.alpha), height, width, rng)
        partner = torch.from_numpy(rng.permutation(len(images))).to(images.device)
        if skip:
            return Batch(images, labels, labels, 1.0)
        lam = 1 - (box.bottom - box.top) * (box.right - box.left) / (height * width)
        return Batch(paste(images, images[partner], box), labels, labels[partner], lam)


def draw_box(lam: float, height: int, width: int, rng: np.random.Generator) -> Box:
    """A box of share 1 - lam of the area before clipping, its centre uniform over the pixels."""
    side = (1 - lam) ** 0.5
    spans = []
    for length in (height, width):
        centre, half = int(rng.integers(length)), int(length * side) // 2
        spans += [max(centre - half, 0), min(centre + half, length)]
    return Box(*spans)


def paste(images: Tensor, partners: Tensor, box: Box) -> Tensor:
    """`images` with the box filled from `partners`; neither is changed."""
    mixed = images.clone()
    window = (..., slice(box.top, box.bottom), slice(box.left, box.right))
    mixed[window] = partners[window]
    return mixed
