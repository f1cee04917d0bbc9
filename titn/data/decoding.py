"""Decode an image of any format, size and mode, and resize images."""

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from titn.data.paths import LFS_POINTER, is_lfs_pointer, why_not_a_file
from titn.data.pixel_values import (
    Coding,
    ImageError,
    check_colours,
    coding,
    grey_levels,
    mend_transparency,
)
from titn.system.errors import ConfigError, error_text
from titn.system.text import printable

# Formats that are programs: Pillow has Ghostscript run the file to render it.
PROGRAM_FORMATS = ("EPS",)

# What brings an image upright, by the number in its EXIF data.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# The side of an image; from here on the number of pixels is more than torch can count.
MAX_SIZE = 2**31


def read_image(source: Path | bytes) -> Image.Image:
    """The image as a person sees it, in mode L or RGB.

    It is turned as its EXIF data say, transparency is put on white, 16 bits and floating point are
    scaled to 8 bits by what the file says is white, and of an animation the first frame is taken.
    Raises ImageError with the reason in one line, also if the file does not say what is white.
    """
    if isinstance(source, Path) and (reason := why_not_a_file(source)):
        raise ImageError(reason)
    try:
        with warnings.catch_warnings():
            # Warnings about files that Pillow reads all the same do not belong on a terminal.
            warnings.simplefilter("ignore")
            # But Pillow only warns of some images that are too large to be true; refuse them.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
                if image.format in PROGRAM_FORMATS:
                    raise ImageError(f"{image.format} is a program, not an image")
                coded = coding(image)
                mend_transparency(image)
                with _silenced(image.format == "TIFF"):
                    image.load()
                return _as_seen(_upright(image), coded)
    except UnidentifiedImageError:
        raise ImageError(_what_it_is(source)) from None
    except Exception as error:
        # The readers of the formats raise anything on a damaged file; the file is what is wrong.
        raise ImageError(printable(error_text(error))) from None


def as_seen(image: Image.Image) -> Image.Image:
    """An image that is open already, as `read_image` returns that of a file; it raises the same."""
    try:
        coded = coding(image)
        mend_transparency(image)
        image.load()
        return _as_seen(_upright(image), coded)
    except ImageError:
        raise
    except Exception as error:  # what the readers of the formats make of a damaged file
        raise ImageError(printable(error_text(error))) from None


def _what_it_is(source: Path | bytes) -> str:
    """What has no pixels to show."""
    if is_lfs_pointer(source):
        return LFS_POINTER
    if isinstance(source, Path) and source.suffix == ".icloud":
        return "in iCloud and not yet on this machine"
    return "of no known image format"


@contextmanager
def _silenced(libtiff: bool) -> Iterator[None]:
    """Keep libtiff, which writes past Python, off the terminal; its errors are raised anyway."""
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


def _upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF data say; as it is if those cannot be read.

    Pillow's exif_transpose also writes all of these data again, and fails over any other of them.
    """
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return image
    return image if turn is None else image.transpose(turn)


def _as_seen(image: Image.Image, coded: Coding) -> Image.Image:
    """The image in mode L or RGB."""
    if image.mode.startswith(("I", "F")):
        return grey_levels(image, coded)
    check_colours(image, coded)
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        if opaque.getchannel("A").getbbox() is None and opaque.convert("RGB").getcolors(1) is None:
            raise ImageError("its colours are all transparent; save it without transparency")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, opaque).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def decode_image(source: Path | bytes, size: int) -> Tensor:
    """An image as a tensor (3, size, size) uint8, as networks see it."""
    pixels = torch.from_numpy(np.array(read_image(source).convert("RGB")))
    return resize(pixels.permute(2, 0, 1), size).contiguous()  # (h, w, 3) -> (3, h, w)


def resize(pixels: Tensor, size: int) -> Tensor:
    """(..., h, w) to (..., size, size): the whole image, bilinear and antialiased.

    Proportions are not kept, so that nothing is cut off. ConfigError if memory does not suffice.
    """
    if tuple(pixels.shape[-2:]) == (size, size):
        return pixels
    # In parts, because resampling works in float32, which takes four times the memory.
    parts = pixels.split(8192)
    with explain_memory_errors(size):
        return torch.cat([transforms.resize(part, [size, size], antialias=True) for part in parts])


@contextmanager
def explain_memory_errors(size: int) -> Iterator[None]:
    """Turn a failed allocation of images of this size into a ConfigError."""
    try:
        if size >= MAX_SIZE:
            raise MemoryError
        yield
    except (RuntimeError, MemoryError):  # the first is what torch raises
        raise ConfigError(
            f"image_size={size}: the images do not fit into the memory; choose a smaller one"
        ) from None
