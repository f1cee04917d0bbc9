"""Augmentation of whole batches. A view is a pure function of (seed, epoch, sample).

The randomness of an epoch is a table with one row for each training sample, drawn on the CPU before
the first batch; `apply` is then deterministic. So a resumed run sees the views that it would have
seen, two runs of one seed see the same views whatever else differs, and a teacher's answers to them
can be cached.
"""

from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from titn.config.annotations import Fraction, NonNegative, ProperFraction, Slope, Whole
from titn.data import autoaugment

Rows = dict[str, Tensor]

# The weights of red, green and blue in grey (ITU-R 601), with as many digits as torchvision has.
LUMA = (0.2989, 0.587, 0.114)


class View(Protocol):
    """What the engine asks of an augmentation."""

    def draw(self, num_samples: int, rng: np.random.Generator) -> Rows:
        """The random numbers of an epoch: named columns, (num_samples, ...) each, on the CPU."""

    def apply(self, images: Tensor, rows: Rows) -> Tensor:
        """images (b, c, h, w) uint8 to the same shape and type, on any device.

        rows: the rows of the table that belong to these b samples, on the CPU.
        """


class Plain:
    """The images as they are."""

    def draw(self, num_samples: int, rng: np.random.Generator) -> Rows:
        return {}

    def apply(self, images: Tensor, rows: Rows) -> Tensor:
        return images


class CropFlip:
    """Random crop after zero padding, random horizontal flip, AutoAugment (section 3.4).

    padding: pixels on every side before a crop of the image's own size; 4 is usual for CIFAR, the
    paper prints none. flip: its probability, in [0, 1]. autoaugment: whether to apply AutoAugment's
    CIFAR-10 policy after both.
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
        corner, flip = (rows[name].to(images.device) for name in ("corner", "flip"))  # (b, 2), (b,)
        images = crop(F.pad(images, [self.padding] * 4), corner, images.shape[-1])
        images = torch.where(flip.reshape(-1, 1, 1, 1), images.flip(-1), images)
        return autoaugment.apply(images, rows) if self.autoaugment else images


class AffineJitter:
    """Random crop, rotation, affine map and colour jitter, as for MNIST in the paper (section 4.1).

    The paper prints no strengths; these defaults are ours. Its resize, 28 to 32, is done once when
    the data set is loaded. Departures: rotation and affine map are one bilinear resampling with
    black outside, because two would blur twice; and colour jitter has no saturation and hue, which
    do nothing to grey images.

    padding: pixels on every side before a crop of the image's own size. degrees: rotation, uniform
    in +-degrees. translate: shift in +-translate of width and height. scale: size in 1 +- scale.
    shear: horizontal shear in +-shear degrees. brightness, contrast: factors in 1 +- each, the
    contrast around the mean of the grey image, as in torchvision.
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
        # Each column of the table is uniform over an interval: half its width, and its centre.
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
    """Shear, scale, rotate and shift each image (b, c, h, w) about its centre, bilinearly.

    rows: (b,) each: degrees, shear (in degrees), scale, and x and y as fractions of width and
    height. Positive degrees turn clockwise, as in `torchvision.transforms.functional.affine`.
    """
    angle, slope = rows["degrees"].deg2rad(), rows["shear"].deg2rad().tan()
    cos, sin = angle.cos() / rows["scale"], angle.sin() / rows["scale"]
    # The inverse map, from each pixel of the output back to its place in the input: (b, 4) to
    # (b, 2, 2). Coordinates run from -1 to 1 along both axes, so it holds for square images.
    linear = torch.stack([cos - slope * sin, slope * cos + sin, -sin, cos], -1).reshape(-1, 2, 2)
    # A fraction x of the width is 2 x in these coordinates: (b, 2, 2) @ (b, 2, 1) -> (b, 2, 1).
    shift = -2 * linear @ torch.stack([rows["x"], rows["y"]], -1)[:, :, None]
    grid = F.affine_grid(torch.cat([linear, shift], -1), list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", align_corners=False)


def jitter(pixels: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """mean + contrast (brightness pixels - mean), mean that of the brightened image in grey.

    pixels (b, c, h, w) of one channel or three, floating point in 0..255, to the same, clamped
    after either step. brightness, contrast: (b,) factors.
    """
    brightness, contrast = brightness.reshape(-1, 1, 1, 1), contrast.reshape(-1, 1, 1, 1)
    pixels = (pixels * brightness).clamp(0, 255)
    weights = torch.tensor(LUMA, device=pixels.device).reshape(-1, 1, 1)
    mean = (pixels * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    return (mean + contrast * (pixels - mean)).clamp(0, 255)


def crop(images: Tensor, corner: Tensor, size: int) -> Tensor:
    """A size x size window of each image (b, c, h, w); corner (b, 2) is its top left (y, x)."""
    span = torch.arange(size, device=images.device)
    ys, xs = (corner[:, axis, None] + span for axis in (0, 1))  # (b, size) each
    sample = torch.arange(len(images), device=images.device)
    # The indices (b, 1, 1), (b, size, 1) and (b, 1, size) broadcast to (b, size, size). They stand
    # on both sides of a slice, so NumPy's rule puts the sliced axis last: (b, size, size, c).
    window = images[sample[:, None, None], :, ys[:, :, None], xs[:, None, :]]
    return window.permute(0, 3, 1, 2).contiguous()
