"""One image file or cell, of any format, size and mode, as an array."""

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from titn.data.paths import why_not_a_file
from titn.system.errors import ConfigError, error_text
from titn.system.text import printable

# To read these, Pillow has another program run what is in them.
PROGRAM_FORMATS = ("EPS",)

# Of a side; from here on a number of pixels is more than torch can count.
MAX_SIZE = 2**31


class ImageError(ValueError):
    """The bytes are not an image that can be read to its end."""


def read_image(source: Path | bytes) -> Image.Image:
    """The image as a person sees it, in mode L or RGB.

    Turned as its EXIF says; transparency on white; 16 bits and floating point brought to 8; of
    an animation the first frame. Raises ImageError, with the reason in one line.
    """
    if isinstance(source, Path) and (reason := why_not_a_file(source)):
        raise ImageError(reason)
    try:
        with warnings.catch_warnings():
            # What Pillow has to say of a file that it reads all the same is nothing for a terminal.
            warnings.simplefilter("ignore")
            # But it also only warns of images that are too large to be believed, up to a point.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
                if image.format in PROGRAM_FORMATS:
                    raise ImageError(f"{image.format} is a program, not an image")
                with _silenced(image.format == "TIFF"):
                    image.load()
                return _as_seen(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise ImageError("of no known image format") from None
    except Exception as error:
        # Whatever a format's reader stumbles over, in whatever way: the file is what is wrong.
        raise ImageError(printable(error_text(error))) from None


@contextmanager
def _silenced(libtiff: bool) -> Iterator[None]:
    """libtiff complains on the terminal itself, past Python, of what is an error here anyway."""
    if not libtiff:
        yield
        return
    sys.stderr.flush()
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)


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


def decode_image(source: Path | bytes, size: int) -> Tensor:
    """(3, size, size) uint8, as a data set's images are brought to the size that networks see."""
    pixels = torch.from_numpy(np.array(read_image(source).convert("RGB")))
    return resize(pixels.permute(2, 0, 1), size).contiguous()


def resize(pixels: Tensor, size: int) -> Tensor:
    """(..., h, w) to (..., size, size): the whole image, bilinear, antialiased.

    Proportions are not kept, so that nothing is cut off. ConfigError if there is not the memory.
    """
    if tuple(pixels.shape[-2:]) == (size, size):
        return pixels
    # In parts: the resampling works in floating point, four bytes for every one.
    parts = pixels.split(8192)
    with explain_memory_errors(size):
        return torch.cat([transforms.resize(part, [size, size], antialias=True) for part in parts])


@contextmanager
def explain_memory_errors(size: int) -> Iterator[None]:
    """ConfigError if images of this size do not fit into the memory."""
    try:
        if size >= MAX_SIZE:
            raise MemoryError
        yield
    except (RuntimeError, MemoryError):  # the first is what torch raises
        raise ConfigError(
            f"image_size={size}: the images do not fit into the memory; choose a smaller one"
        ) from None
