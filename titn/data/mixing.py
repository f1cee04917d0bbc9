"""Mixing of a batch's images. A mix is a pure function of (seed, epoch, step)."""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from titn.config.annotations import Fraction, Positive
from titn.types import Batch


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
        pairing = draw_pairing(len(images), self.alpha, self.probability, rng)
        if pairing is None:
            return Batch(images, labels, labels, 1.0)
        height, width = images.shape[2:]
        box = draw_box(pairing.lam, height, width, rng)
        partner = pairing.partner.to(images.device)
        lam = 1 - (box.bottom - box.top) * (box.right - box.left) / (height * width)
        return Batch(paste(images, images[partner], box), labels, labels[partner], lam)


class MixUp:
    """lambda times each image plus 1 - lambda times its partner (Zhang et al., 2018; table 3).

    One lambda ~ Beta(alpha, alpha) and one permutation of partners for a batch: in a run of the
    same seed and alpha they are those of CutMix before its correction, so that the two differ in
    how images are joined and in nothing else. The mixed images are floating point in [0, 1].

    alpha: the paper prints none. probability: of mixing a batch at all.
    """

    def __init__(self, *, alpha: Positive = 0.5, probability: Fraction = 1.0):
        self.alpha = alpha
        self.probability = probability

    def mix(self, images: Tensor, labels: Tensor, rng: np.random.Generator) -> Batch:
        pairing = draw_pairing(len(images), self.alpha, self.probability, rng)
        if pairing is None:
            return Batch(images, labels, labels, 1.0)
        partner = pairing.partner.to(images.device)
        own = images.float() / 255
        mixed = torch.lerp(own[partner], own, pairing.lam)
        return Batch(mixed, labels, labels[partner], pairing.lam)


class Pairing(NamedTuple):
    """lam: the share of each image's own; partner: (b,) int64 on the CPU, whose the rest is."""

    lam: float
    partner: Tensor


def draw_pairing(
    num_images: int, alpha: float, probability: float, rng: np.random.Generator
) -> Pairing | None:
    """lambda ~ Beta(alpha, alpha) and a permutation; None where a batch stays as it is."""
    # All is drawn before anything is decided: the same numbers serve every probability.
    skip = rng.random() >= probability
    lam = rng.beta(alpha, alpha)
    partner = torch.from_numpy(rng.permutation(num_images))
    return None if skip else Pairing(lam, partner)


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
