"""Mixing of a batch's images and labels. A mix is a pure function of (seed, epoch, step)."""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from titn.config.annotations import Fraction, Positive
from titn.types import Batch


class Mix(Protocol):
    def mix(self, images: Tensor, labels: Tensor, rng: np.random.Generator) -> Batch:
        """images (b, c, h, w) uint8 and labels (b,) of a whole batch to a mixed Batch."""


class Unmixed:
    """No mixing: every image with its own label, lambda 1."""

    def mix(self, images: Tensor, labels: Tensor, rng: np.random.Generator) -> Batch:
        return Batch(images, labels, labels, 1.0)


class Box(NamedTuple):
    """Rows top to bottom and columns left to right, in pixels; bottom and right are excluded."""

    top: int
    bottom: int
    left: int
    right: int


class CutMix:
    """Paste a box of each image's partner over it (Yun et al., 2019, algorithm 1; section 3.5.2).

    One lambda ~ Beta(alpha, alpha), one box and one permutation of partners serve the whole batch.
    The box covers the share 1 - lambda of the image and has a uniform centre. It is clipped to the
    image, and lambda is then corrected to the share of the image that remains.

    alpha: above 0; 0.5 in the paper, 1 in Yun et al. probability: that a batch is mixed at all,
    in [0, 1]; the paper does not say, Yun et al.'s code has 0.5 on CIFAR.
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
        # From the clipped box, so that labels are mixed in the proportion of the pixels.
        lam = 1 - (box.bottom - box.top) * (box.right - box.left) / (height * width)
        return Batch(paste(images, images[partner], box), labels, labels[partner], lam)


class MixUp:
    """lambda image + (1 - lambda) partner (Zhang et al., 2018; a row of table 3).

    One lambda ~ Beta(alpha, alpha) and one permutation of partners serve the whole batch. With the
    same seed and alpha they are those of CutMix before its correction, so that two such runs differ
    in how images are joined and in nothing else. The mixed images are floating point in [0, 1].

    alpha: above 0; the paper prints none. probability: that a batch is mixed at all, in [0, 1].
    """

    def __init__(self, *, alpha: Positive = 0.5, probability: Fraction = 1.0):
        self.alpha = alpha
        self.probability = probability

    def mix(self, images: Tensor, labels: Tensor, rng: np.random.Generator) -> Batch:
        pairing = draw_pairing(len(images), self.alpha, self.probability, rng)
        if pairing is None:
            return Batch(images, labels, labels, 1.0)
        partner = pairing.partner.to(images.device)
        unmixed = images.float() / 255
        # lerp(start, end, weight) = start + weight (end - start): weight 1 is the image itself.
        mixed = torch.lerp(unmixed[partner], unmixed, pairing.lam)
        return Batch(mixed, labels, labels[partner], pairing.lam)


class CutMixMixUp:
    """CutMix or MixUp, one of them for each batch: DeiT's mix, as timm draws it.

    A uniform number decides which, and the rest of the batch is what that one makes of the same
    generator: its own lambda, partners, and in CutMix its box.

    Departure: in timm an image's partner is the one at the same place from the end of the batch;
    here it is drawn, as everywhere else.

    mixup_alpha, cutmix_alpha: of Beta(alpha, alpha), above 0; 0.8 and 1 in DeiT.
    switch_probability: that a batch is for CutMix, in [0, 1]; 0.5 in DeiT. probability: that a
    batch is mixed at all, in [0, 1]; 1 in DeiT.
    """

    def __init__(
        self,
        *,
        mixup_alpha: Positive = 0.8,
        cutmix_alpha: Positive = 1.0,
        switch_probability: Fraction = 0.5,
        probability: Fraction = 1.0,
    ):
        self.switch_probability = switch_probability
        self.cutmix = CutMix(alpha=cutmix_alpha, probability=probability)
        self.mixup = MixUp(alpha=mixup_alpha, probability=probability)

    def mix(self, images: Tensor, labels: Tensor, rng: np.random.Generator) -> Batch:
        # Drawn whatever the probability is: runs that differ in it mix the batches alike that both
        # give to the same of the two.
        is_cutmix = rng.random() < self.switch_probability
        chosen = self.cutmix if is_cutmix else self.mixup
        return chosen.mix(images, labels, rng)


class Pairing(NamedTuple):
    """lam: the share of each image itself, in [0, 1]. partner: (b,) int64 on the CPU, its partner's
    index in the batch."""

    lam: float
    partner: Tensor


def draw_pairing(
    num_images: int, alpha: float, probability: float, rng: np.random.Generator
) -> Pairing | None:
    """lambda ~ Beta(alpha, alpha) and a permutation; None if the batch is not mixed."""
    # Everything is drawn before anything is decided, so that the draws do not depend on
    # `probability`: runs that differ in it mix the batches that both mix alike.
    skip = rng.random() >= probability
    lam = rng.beta(alpha, alpha)
    partner = torch.from_numpy(rng.permutation(num_images))
    return None if skip else Pairing(lam, partner)


def draw_box(lam: float, height: int, width: int, rng: np.random.Generator) -> Box:
    """A box of the share 1 - lam of the area, its centre uniform over the pixels, then clipped."""
    # Both sides are cut by the same factor, so the box has the proportions of the image.
    side = (1 - lam) ** 0.5
    spans = []
    for length in (height, width):
        centre, half = int(rng.integers(length)), int(length * side) // 2
        spans += [max(centre - half, 0), min(centre + half, length)]
    return Box(*spans)


def paste(images: Tensor, partners: Tensor, box: Box) -> Tensor:
    """`images` with the box filled from `partners`, both (b, c, h, w); neither is changed."""
    mixed = images.clone()
    window = (..., slice(box.top, box.bottom), slice(box.left, box.right))
    mixed[window] = partners[window]
    return mixed
