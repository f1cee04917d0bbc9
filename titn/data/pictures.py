"""One image file or cell, of any format, size and mode, as an array."""

import io
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms


class PictureError(ValueError):
    """The bytes are not an image that can be read to its end."""


def read_picture(source: Path | bytes) -> Image.Image:
    """The image as a person sees it, in mode L or RGB.

    Turned as its EXIF says; transparency on white; 16 bits and floating point brought to 8; of
    an animation the first frame. Raises PictureError, with the reason.
    """
    try:
        with warnings.catch_warnings():
            # Pillow only warns of images that are too large to be believed, up to a point.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
                image.load()
                return _as_seen(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise PictureError("of no known image format") from None
    except Exception as error:
        # Whatever a format's reader stumbles over, in whatever way: the file is what is wrong.
        raise PictureError(getattr(error, "strerror", None) or str(error) or repr(error)) from None


def _as_seen(image: Image.Image) -> Image.Image:
    if image.mode in ("1", "L"):
        return image.convert("L")
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_to_bytes(np.asarray(image)))
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, opaque).convert("RGB")
    return image.convert("RGB")


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """Grey values of more than 8 bits on 0 to 255: of 16 bits, or of [0, 1] in floating point."""
    top = 1.0 if values.dtype.kind == "f" and values.max(initial=0) <= 1 else 65535.0
    return (np.clip(values / top, 0, 1) * 255).round().astype(np.uint8)


def picture(source: Path | bytes, size: int) -> Tensor:
    """(3, size, size) uint8, as a data set's images are brought to the size that networks see."""
    pixels = torch.from_numpy(np.array(read_picture(source).convert("RGB")))
    return resized(pixels.permute(2, 0, 1), size).contiguous()


def resized(pixels: Tensor, size: int) -> Tensor:
    """(..., h, w) to (..., size, size): the whole image, bilinear, antialiased.

    Proportions are not kept, so that nothing is cut off.
    """
    if tuple(pixels.shape[-2:]) == (size, size):
        return pixels
    # In parts: the resampling works in floating point, four bytes for every one.
    parts = pixels.split(8192)
    return torch.cat([transforms.resize(part, [size, size], antialias=True) for part in parts])
