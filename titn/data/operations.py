"""The operations of RandAugment and TrivialAugment on batches, each image with its own magnitude.

The yardstick for every pixel is what `torchvision.transforms` does to one image as a tensor:
nearest interpolation, black fill, shears anchored at the top left corner. Departure: sharpness
blurs with whole numbers, see `titn.data.autoaugment`.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import grid_sample
from torchvision.transforms import functional as F
from torchvision.transforms.v2.functional import equalize

from titn.data.autoaugment import blurred

# In the order of torchvision's RandAugment and TrivialAugmentWide.
NAMES = (
    "Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color",
    "Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize",
)  # fmt: skip
SIGNED = NAMES[1:10]  # those whose magnitude has a sign


def apply(images: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """One operation for each image; `images` stay as they are.

    images: (b, c, h, w) uint8 of one channel or three, on any device. operation: (b,) indices into
    `NAMES`, magnitude: (b,) float64, both on the CPU. A magnitude is a slope, pixels, degrees, a
    change of a factor, bits or a threshold.
    """
    output = images.clone()
    for number in operation.unique().tolist():
        chosen = (operation == number).nonzero()[:, 0]
        index = chosen.to(images.device)
        output[index] = TRANSFORMS[NAMES[number]](output[index], magnitude[chosen])
    return output


def _geometric(images: Tensor, matrices: Tensor) -> Tensor:
    """Nearest pixels; matrices: (n, 2, 3) float64, from places in the output to the input.

    In pixels from the centre. Computed as torchvision does it, from float32 on.
    """
    height, width = images.shape[-2:]
    theta = matrices.float().transpose(1, 2)  # (n, 3, 2)
    theta = (theta / torch.tensor([0.5 * width, 0.5 * height])).to(images.device)
    x, y = (
        torch.linspace(-0.5 * side + 0.5, 0.5 * side - 0.5, side, device=images.device)
        for side in (width, height)
    )
    ones = torch.ones(height, width, device=images.device)
    base = torch.stack([x.expand(height, -1), y[:, None].expand(-1, width), ones], -1)
    grid = base.reshape(1, -1, 3).expand(len(images), -1, -1).bmm(theta)  # (n, h w, 2)
    grid = grid.view(-1, height, width, 2)
    return grid_sample(images.float(), grid, mode="nearest", align_corners=False).to(torch.uint8)


def _matrices(**entries: Tensor) -> Tensor:
    """(n, 2, 3): the identity with some entries; they are named by row and column."""
    n = len(next(iter(entries.values())))
    matrices = torch.eye(2, 3, dtype=torch.float64).repeat(n, 1, 1)
    for name, values in entries.items():
        matrices[:, int(name[1]), int(name[2])] = values
    return matrices


def _shear_x(images: Tensor, slope: Tensor) -> Tensor:
    return _geometric(images, _matrices(_01=slope, _02=slope * images.shape[-2] / 2))


def _shear_y(images: Tensor, slope: Tensor) -> Tensor:
    return _geometric(images, _matrices(_10=slope, _12=slope * images.shape[-1] / 2))


def _rotate(images: Tensor, degrees: Tensor) -> Tensor:
    cos, sin = degrees.deg2rad().cos(), degrees.deg2rad().sin()
    return _geometric(images, _matrices(_00=cos, _01=-sin, _10=sin, _11=cos))


def _blend(images: Tensor, other: Tensor, change: Tensor) -> Tensor:
    """(1 + change) images - change other, of (n, 3, h, w) uint8 and (n, 1 or 3, h or 1, w or 1)."""
    factor = 1 + change
    ours, theirs = (
        part.float().reshape(-1, 1, 1, 1).to(images.device) for part in (factor, 1 - factor)
    )
    return (ours * images + theirs * other).clamp(0, 255).to(torch.uint8)


def _contrast(images: Tensor, change: Tensor) -> Tensor:
    grey = F.rgb_to_grayscale(images).float().mean((1, 2, 3), keepdim=True)
    return _blend(images, grey, change)


def _posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Only the first `bits` of the eight stay."""
    mask = 256 - 2 ** (8 - bits.long())
    return images & mask.to(torch.uint8).reshape(-1, 1, 1, 1).to(images.device)


def _solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """The negative of what is not below the threshold."""
    threshold = threshold.float().reshape(-1, 1, 1, 1).to(images.device)
    return torch.where(images >= threshold, 255 - images, images)


# By name: (n, c, h, w) uint8 images and (n,) magnitudes to the images transformed.
TRANSFORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Identity": lambda images, _: images,
    "ShearX": _shear_x,
    "ShearY": _shear_y,
    "TranslateX": lambda images, x: _geometric(images, _matrices(_02=-x.trunc())),
    "TranslateY": lambda images, y: _geometric(images, _matrices(_12=-y.trunc())),
    "Rotate": _rotate,
    "Brightness": lambda images, change: _blend(images, torch.zeros_like(images), change),
    "Color": lambda images, change: _blend(images, F.rgb_to_grayscale(images), change),
    "Contrast": _contrast,
    "Sharpness": lambda images, change: _blend(images, blurred(images), change),
    "Posterize": _posterize,
    "Solarize": _solarize,
    "AutoContrast": lambda images, _: F.autocontrast(images),
    "Equalize": lambda images, _: equalize(images),
}
