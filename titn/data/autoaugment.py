"""AutoAugment's CIFAR-10 policy on batches of uint8 images, from a table of draws made beforehand.

Source: Cubuk et al., "AutoAugment: Learning Augmentation Strategies from Data", CVPR 2019,
appendix, table 7. The yardstick for what a level means and for every pixel is torchvision's class
`torchvision.transforms.AutoAugment` on a tensor: nearest interpolation, black fill, shear anchored
at the top left corner.

Deliberate departures from that class, none of which changes a pixel on the CPU:

- The randomness is a table, so that a view is a pure function of (seed, epoch, sample); samples
  that share an operation are transformed together.
- An operation applies where its draw is < p, not <= p, so that p = 0 means never.
- Equalize comes from transforms.v2, which does a batch at once. The other operations are not v2's:
  its Color, Contrast, Sharpness and AutoContrast round differently and are off by one grey level
  in places.
- Sharpness's blur sums whole numbers instead of convolving with 1/13ths, so that neither the
  device, nor TF32, nor the batch it is in can change its rounding.
- ShearX is left out: the policy does not use it.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d
from torchvision.transforms import functional as F
from torchvision.transforms.v2.functional import equalize


class Operation(NamedTuple):
    """One step of a sub-policy; `level` is in 0..9, None where the operation has no magnitude."""

    name: str
    probability: float
    level: int | None


# fmt: off
POLICY: tuple[tuple[Operation, Operation], ...] = tuple(
    (Operation(*first), Operation(*second))
    for first, second in (
        (("Invert", 0.1, None), ("Contrast", 0.2, 6)),
        (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9)),
        (("Sharpness", 0.8, 1), ("Sharpness", 0.9, 3)),
        (("ShearY", 0.5, 8), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.5, None), ("Equalize", 0.9, None)),
        (("ShearY", 0.2, 7), ("Posterize", 0.3, 7)),
        (("Color", 0.4, 3), ("Brightness", 0.6, 7)),
        (("Sharpness", 0.3, 9), ("Brightness", 0.7, 9)),
        (("Equalize", 0.6, None), ("Equalize", 0.5, None)),
        (("Contrast", 0.6, 7), ("Sharpness", 0.6, 5)),
        (("Color", 0.7, 7), ("TranslateX", 0.5, 8)),
        (("Equalize", 0.3, None), ("AutoContrast", 0.4, None)),
        (("TranslateY", 0.4, 3), ("Sharpness", 0.2, 6)),
        (("Brightness", 0.9, 6), ("Color", 0.2, 8)),
        (("Solarize", 0.5, 2), ("Invert", 0.0, None)),
        (("Equalize", 0.2, None), ("AutoContrast", 0.6, None)),
        (("Equalize", 0.2, None), ("Equalize", 0.6, None)),
        (("Color", 0.9, 9), ("Equalize", 0.6, None)),
        (("AutoContrast", 0.8, None), ("Solarize", 0.2, 8)),
        (("Brightness", 0.1, 3), ("Color", 0.7, 0)),
        (("Solarize", 0.4, 5), ("AutoContrast", 0.9, None)),
        (("TranslateY", 0.9, 9), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.9, None), ("Solarize", 0.8, 3)),
        (("Equalize", 0.8, None), ("Invert", 0.1, None)),
        (("TranslateY", 0.7, 9), ("AutoContrast", 0.9, None)),
    )
)
# fmt: on

NUM_LEVELS = 10
# The magnitude at the last level of the operations whose sign is drawn; at level 0 it is 0.
# Translations are in units of the image's width or height.
SIGNED_MAXIMUM = {
    "ShearY": 0.3,
    "TranslateX": 150 / 331,
    "TranslateY": 150 / 331,
    "Rotate": 30.0,
    "Brightness": 0.9,
    "Color": 0.9,
    "Contrast": 0.9,
    "Sharpness": 0.9,
}


def draw(num_samples: int, rng: np.random.Generator) -> dict[str, Tensor]:
    """One row of draws per sample, n = num_samples.

    subpolicy: (n,) int64 in [0, 25).
    apply: (n, 2) bool, whether each of the sub-policy's two operations happens.
    negate: (n, 2) bool, whether its magnitude is negative, where it has a sign.
    """
    subpolicy = rng.integers(len(POLICY), size=num_samples)
    probability = np.array([[operation.probability for operation in pair] for pair in POLICY])
    happens = rng.random((num_samples, 2)) < probability[subpolicy]
    negate = rng.random((num_samples, 2)) < 0.5
    return {
        "subpolicy": torch.from_numpy(subpolicy),
        "apply": torch.from_numpy(happens),
        "negate": torch.from_numpy(negate),
    }


def apply(images: Tensor, rows: dict[str, Tensor]) -> Tensor:
    """The augmented images, (b, c, h, w) uint8 like `images`, which stay as they are.

    images: (b, c, h, w) uint8 of one channel or three, h and w at least 3, on any device. Grey in
    one channel ends up to two levels from grey in three, whose luma is rounded.
    rows: the draws of these b samples, as `draw` names them.
    """
    output = images.clone()
    subpolicy, happens, negate = (rows[key].tolist() for key in ("subpolicy", "apply", "negate"))
    for position in range(2):
        groups = defaultdict(list)
        for sample, pair in enumerate(subpolicy):
            name, _, level = POLICY[pair][position]
            if happens[sample][position]:
                negative = name in SIGNED_MAXIMUM and negate[sample][position]
                groups[name, level, negative].append(sample)
        for (name, level, negative), samples in groups.items():
            magnitude = _magnitude(name, level, negative, *images.shape[-2:])
            index = torch.tensor(samples, device=images.device)
            output[index] = _TRANSFORMS[name](output[index], magnitude)
    return output


def _magnitude(name: str, level: int | None, negative: bool, height: int, width: int) -> float:
    """What `level` means to the operation; 0 if it has none. float32 steps, as in torchvision."""
    if level is None:
        return 0.0
    if name == "Posterize":
        return 8.0 - round(level / ((NUM_LEVELS - 1) / 4))
    if name == "Solarize":
        return torch.linspace(255.0, 0.0, NUM_LEVELS)[level].item()
    unit = {"TranslateX": width, "TranslateY": height}.get(name, 1)
    magnitude = torch.linspace(0.0, SIGNED_MAXIMUM[name] * unit, NUM_LEVELS)[level].item()
    return -magnitude if negative else magnitude


def _affine(images: Tensor, *, x: float = 0.0, y: float = 0.0, slope: float = 0.0) -> Tensor:
    """Moved by x and y pixels, cut to whole ones towards 0, or sheared vertically by `slope`."""
    shear = [0.0, math.degrees(math.atan(slope))]
    moved: Tensor = F.affine(images, 0.0, [int(x), int(y)], 1.0, shear, center=[0, 0])
    return moved


def _sharpen(images: Tensor, factor: float) -> Tensor:
    """Away from (factor > 1) or towards the blurred image."""
    pixels = images.float()
    return (factor * pixels + (1 - factor) * blurred(images)).clamp(0, 255).to(torch.uint8)


def blurred(images: Tensor) -> Tensor:
    """Images (b, c, h, w) blurred by the 3x3 kernel of ones around a 5, whole numbers in float32.

    The sum is exact in float32, and as a whole number over 13 it never lies halfway between two
    grey levels. The border is not blurred.
    """
    pixels = images.float()
    output = pixels.clone()
    total = avg_pool2d(pixels, 3, stride=1, divisor_override=1) + 4 * pixels[..., 1:-1, 1:-1]
    output[..., 1:-1, 1:-1] = (total / 13).round()
    return output


# By name: (n, c, h, w) uint8 images and a magnitude to the images transformed.
_TRANSFORMS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "ShearY": lambda images, slope: _affine(images, slope=slope),
    "TranslateX": lambda images, pixels: _affine(images, x=pixels),
    "TranslateY": lambda images, pixels: _affine(images, y=pixels),
    "Rotate": lambda images, degrees: F.rotate(images, degrees),
    "Brightness": lambda images, change: F.adjust_brightness(images, 1 + change),
    "Color": lambda images, change: F.adjust_saturation(images, 1 + change),
    "Contrast": lambda images, change: F.adjust_contrast(images, 1 + change),
    "Sharpness": lambda images, change: _sharpen(images, 1 + change),
    "Posterize": lambda images, bits: F.posterize(images, int(bits)),
    "Solarize": lambda images, threshold: F.solarize(images, threshold),
    "AutoContrast": lambda images, _: F.autocontrast(images),
    "Equalize": lambda images, _: equalize(images),
    "Invert": lambda images, _: F.invert(images),
}
