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

from titn.config.annotations import Fraction, NonNegative, ProperFraction, Slope, Whole
from titn.data import autoaugment

Rows = dict[str, Tensor]

# Grey of red, green and blue (ITU-R 601), with torchvision's digits.
LUMA = (0.2989, 0.587, 0.114)


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


class AffineJitter:
    """Random crop, rotation, affine map and colour jitter: the paper's for MNIST (section 4.1).

    Its resize is the data set's (28 to 32). Rotation and affine map are one resampling, bilinear,
    black outside: two would blur twice.

    padding: pixels on every side before a crop of the image's own size. degrees: rotation in
    +-degrees. translate: shift in +-translate of width and height. scale: size in 1 +- scale.
    shear: horizontal shear in +-shear degrees. brightness, contrast: factors in 1 +- each; the
    contrast is that around the mean of the grey image, as in torchvision. On grey images saturation
    and hue, the rest of colour jitter, do nothing.
    """

    def __init__(
        self,
        *,
        padding: Whole = 2,
        degrees: NonNegative = 7.5,
        translate: ProperFraction = 0.0,
        scale: ProperFraction = 0.1,
        shear: Slope = 5.0,
        brightness: Fraction = 0.2,
        contrast: Fraction = 0.2,
    ):
        if shear >= 90:
            raise ValueError(f"shear={shear}: should be less than 90")
        self.padding = padding
        # Column by column: half the width of the interval, and its centre.
        self.intervals = {
            "degrees": (degrees, 0.0),
            "x": (translate, 0.0),
            "y": (translate, 0.0),
            "scale": (scale, 1.0),
            "shear": (shear, 0.0),
            "brightness": (brightness, 1.0),
            "contrast": (contrast, 1.0),
        }

    def draw(self, num_samples: int, rng: np.random.Generator) -> Rows:
        corner = rng.integers(2 * self.padding + 1, size=(num_samples, 2))
        rows = {"corner": torch.from_numpy(corner)}
        for name, (half, centre) in self.intervals.items():
            column = rng.uniform(centre - half, centre + half, size=num_samples)
            rows[name] = torch.from_numpy(column.astype(np.float32))
        return rows

    def apply(self, images: Tensor, rows: Rows) -> Tensor:
        rows = {name: column.to(images.device) for name, column in rows.items()}
        images = crop(F.pad(images, [self.padding] * 4), rows["corner"], images.shape[-1])
        pixels = affine(images.float(), rows)
        return jitter(pixels, rows["brightness"], rows["contrast"]).round().to(torch.uint8)


def affine(pixels: Tensor, rows: Rows) -> Tensor:
    """Each image (b, c, h, w) sheared, scaled, rotated and moved about its centre, bilinearly.

    degrees, shear (in degrees), scale, x and y (in parts of width and height): (b,) each. Positive
    degrees turn clockwise, as in `torchvision.transforms.functional.affine`.
    """
    angle, slope = rows["degrees"].deg2rad(), rows["shear"].deg2rad().tan()
    cos, sin = angle.cos() / rows["scale"], angle.sin() / rows["scale"]
    # From each pixel of the output back to where it comes from. Coordinates run from -1 to 1, so
    # that a part of the width is twice as much.
    linear = torch.stack([cos - slope * sin, slope * cos + sin, -sin, cos], -1).reshape(-1, 2, 2)
    shift = -2 * linear @ torch.stack([rows["x"], rows["y"]], -1)[:, :, None]
    grid = F.affine_grid(torch.cat([linear, shift], -1), list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", align_corners=False)


def jitter(pixels: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """Times `brightness`, then away from the grey image's mean times `contrast`; (b,) factors.

    pixels (b, 3, h, w), floating point in 0..255, to the same.
    """
    brightness, contrast = brightness.reshape(-1, 1, 1, 1), contrast.reshape(-1, 1, 1, 1)
    pixels = (pixels * brightness).clamp(0, 255)
    weights = torch.tensor(LUMA, device=pixels.device).reshape(-1, 1, 1)
    mean = (pixels * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    return (mean + contrast * (pixels - mean)).clamp(0, 255)


def crop(images: Tensor, corner: Tensor, size: int) -> Tensor:
    """A size x size window of each image (b, c, h, w); corner (b, 2) is its top left (y, x)."""
    span = torch.arange(size, device=images.device)
    ys, xs = (corner[:, axis, None] + span for axis in (0, 1))
    sample = torch.arange(len(images), device=images.device)
    # Indices on both sides of a slice put the sliced axis, the channels, last.
    window = images[sample[:, None, None], :, ys[:, :, None], xs[:, None, :]]
    return window.permute(0, 3, 1, 2).contiguous()
