"""Images as programs have them, made what networks take: (n, c, s, s), uint8 or in [0, 1]."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from titn.config.annotations import CHANNELS
from titn.data.channels import decode_channels, to_channels, with_transparency
from titn.data.decoding import ImageError, as_seen, resize
from titn.system.errors import ConfigError, first_line
from titn.system.files import local_path

KINDS = "a path, a PIL image, an array (h, w, c) or a tensor (c, h, w)"


def stack_images(images: Any, size: int, channels: int = 3) -> Tensor:
    """One image or several, as `titn.api.run.Run.predict` takes them, to (n, channels, size, size).

    uint8 if all of them are, else float32 in [0, 1]. ConfigError names the one that is no image.
    """
    given = [images] if _is_one(images) else images
    if not isinstance(given, Iterable) or isinstance(given, dict | bytes):
        raise ConfigError(f"images: a {_kind(images)} is none; give {KINDS}, or a list of them")
    pixels = [_pixels(one, size, channels, f"images[{i}]") for i, one in enumerate(given)]
    if not pixels:
        return torch.zeros(0, channels, size, size, dtype=torch.uint8)
    if any(one.is_floating_point() for one in pixels):
        pixels = [one if one.is_floating_point() else one / 255 for one in pixels]
    return torch.stack(pixels)


def _is_one(images: Any) -> bool:
    """Whether it is an image, and not several."""
    if isinstance(images, np.ndarray | Tensor):
        return images.ndim < 4
    return isinstance(images, str | os.PathLike | Image.Image)


def _pixels(image: Any, size: int, channels: int, place: str) -> Tensor:
    """(channels, size, size), uint8 or float32."""
    try:
        if isinstance(image, str | os.PathLike):
            place = os.fsdecode(image)
            return decode_channels(local_path(place), size, channels)
        if isinstance(image, Image.Image):
            seen = with_transparency(image) if channels == 4 else as_seen(image).convert("RGB")
            found = torch.from_numpy(np.array(seen)).permute(2, 0, 1)  # (h, w, c) -> (c, h, w)
        elif isinstance(image, np.ndarray):
            found = _from_array(image)
        elif isinstance(image, Tensor):
            found = _from_tensor(image)
        else:
            raise ConfigError(f"{place}: a {_kind(image)} is not an image; give {KINDS}")
        return _resized(found, size, channels)
    except (ImageError, ValueError, TypeError, NotImplementedError) as error:
        if isinstance(error, ConfigError):
            raise
        reason = first_line(error)
        raise ConfigError(f"{place}: is not an image that can be read ({reason})") from None


def _resized(pixels: Tensor, size: int, channels: int) -> Tensor:
    """(c, h, w) to (channels, size, size), rounded in the order in which files are."""
    if channels != 1 or len(pixels) == 1:
        return resize(to_channels(pixels, channels), size).contiguous()
    return to_channels(resize(to_channels(pixels, 3), size), 1).contiguous()


def _from_array(image: np.ndarray) -> Tensor:
    """(h, w) or (h, w, c) to (c, h, w)."""
    channels_last = image[..., None] if image.ndim == 2 else image
    if channels_last.ndim != 3 or channels_last.shape[-1] not in CHANNELS:
        raise ImageError(
            f"an array of shape {image.shape}; give (h, w) or (h, w, c), c of 1, 3, 4; of several "
            "images (n, h, w, c)"
        )
    # torch has no arrays of other byte orders, or with steps that go back.
    native = np.ascontiguousarray(channels_last, channels_last.dtype.newbyteorder("="))
    if not native.flags.writeable:  # as np.asarray(PIL image) is, of which torch warns
        native = native.copy()
    return _checked(torch.from_numpy(native).permute(2, 0, 1))


def _from_tensor(image: Tensor) -> Tensor:
    """(h, w) or (c, h, w) to (c, h, w)."""
    channels_first = image[None] if image.ndim == 2 else image
    if channels_first.ndim != 3 or channels_first.shape[0] not in CHANNELS:
        shape = tuple(image.shape)
        raise ImageError(
            f"a tensor of shape {shape}; give (h, w) or (c, h, w), c of 1, 3, 4; of several images "
            "(n, c, h, w)"
        )
    return _checked(channels_first.detach().cpu())


def _checked(pixels: Tensor) -> Tensor:
    """The pixels (c, h, w), uint8 or float32; ImageError for values that no image has."""
    if not pixels.numel():
        raise ImageError("it has no pixels")
    if pixels.is_floating_point():
        low, high = pixels.min().item(), pixels.max().item()
        if not (low >= 0 and high <= 1):  # nor if one is not a number
            raise ImageError(
                f"its values go from {low:g} to {high:g}; give uint8, or floating point in [0, 1]"
            )
        pixels = pixels.float()
    elif pixels.dtype == torch.bool:
        pixels = pixels * torch.tensor(255, dtype=torch.uint8)
    elif pixels.dtype != torch.uint8:
        raise ImageError(f"its values are {pixels.dtype}; give uint8, or floating point in [0, 1]")
    return pixels


def _kind(value: Any) -> str:
    return type(value).__name__
