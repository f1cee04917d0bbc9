"""Random erasing (Zhong et al., 2020): a rectangle of random pixels."""

import math

import numpy as np
import torch
from torch import Tensor

# Part of the image's area, and height over width: torchvision's; the authors' code goes to 0.4
# of the area.
AREA, ASPECT = (0.02, 0.33), (0.3, 3.3)
ATTEMPTS = 10  # a rectangle may be larger than the image; then another is taken, as in torchvision


def draw(num_samples: int, rng: np.random.Generator, probability: float) -> dict[str, Tensor]:
    """One row of draws per sample, n = num_samples.

    erase: (n,) bool, whether a rectangle is erased. area, aspect: (n, 10), what is tried in turn.
    place: (n, 2) in [0, 1), where it lies of all places where it can. noise: (n,) int64.
    """
    shape = (num_samples, ATTEMPTS)
    low, high = (math.log(bound) for bound in ASPECT)
    return {
        "erase": torch.from_numpy(rng.random(num_samples) < probability),
        "area": torch.from_numpy(rng.uniform(*AREA, size=shape)),
        "aspect": torch.from_numpy(np.exp(rng.uniform(low, high, size=shape))),
        "place": torch.from_numpy(rng.random((num_samples, 2))),
        "noise": torch.from_numpy(rng.integers(2**31, size=num_samples)),
    }


def apply(images: Tensor, rows: dict[str, Tensor]) -> Tensor:
    """The erased images, (b, c, h, w) uint8 like `images`, on any device."""
    top, left, height, width = (
        side.reshape(-1, 1, 1).to(images.device) for side in rectangles(rows, *images.shape[-2:])
    )
    y = torch.arange(images.shape[-2], device=images.device)[:, None]
    x = torch.arange(images.shape[-1], device=images.device)
    inside = (y >= top) & (y < top + height) & (x >= left) & (x < left + width)  # (b, h, w)
    return torch.where(inside[:, None], noise(rows["noise"].to(images.device), images), images)


def rectangles(rows: dict[str, Tensor], height: int, width: int) -> tuple[Tensor, ...]:
    """Top, left, height and width of each rectangle, (b,) int64 in pixels; empty if there is none.

    As torchvision's `RandomErasing`: sides of round(sqrt(area aspect)) and round(sqrt(area /
    aspect)), and the first attempt that is smaller than the image in both.
    """
    area = height * width * rows["area"]
    heights = (area * rows["aspect"]).sqrt().round().long()  # (b, 10)
    widths = (area / rows["aspect"]).sqrt().round().long()
    fits = (heights < height) & (widths < width)
    first = fits.int().argmax(-1, keepdim=True)
    erased = rows["erase"] & fits.any(-1)
    sides = [side.gather(-1, first)[:, 0] * erased for side in (heights, widths)]
    corner = [
        (place * (whole - side + 1)).long()
        for place, whole, side in zip(rows["place"].T, (height, width), sides, strict=True)
    ]
    return corner[0], corner[1], sides[0], sides[1]


def noise(seeds: Tensor, images: Tensor) -> Tensor:
    """Random bytes like `images`, a function of each image's seed; seeds: (b,) int64 below 2^31.

    A hash of seed and position, so that they are the same on any device and in any batch.
    """
    position = torch.arange(images[0].numel(), device=images.device)
    value = seeds[:, None] * 0x9E3779B1 + position * 0x85EBCA6B
    for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39), (15, 1)):
        value = ((value & 0xFFFFFFFF) ^ ((value & 0xFFFFFFFF) >> shift)) * factor
    return (value >> 8 & 255).to(torch.uint8).reshape(images.shape)
