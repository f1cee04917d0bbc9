"""What the numbers in an image file mean where they are not 0 to 255.

Pillow hands on 16 and 32 bits and floating point as they are, and cuts colours of 16 bits to their
upper 8. Which number is white is what the file says; where it does not say, the file is refused.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

# Numbers of TIFF's tags, and of two of the kinds that SampleFormat knows.
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339
SIGNED, FLOATING_POINT = 2, 3
# Formats other than TIFF of which Pillow's integers run from 0 to 65535. FITS has no white at all.
UP_TO_65535 = ("PNG", "PPM", "JPEG2000")
# Numbers that end at this part of white are of fewer bits than their file: 12 bits in 16.
DARKEST = 1 / 16


class ImageError(ValueError):
    """The bytes are not a complete image that can be read."""


class Coding(NamedTuple):
    """What a file says of its numbers. white: the largest; None if it does not say."""

    white: float | None
    signed: bool
    zero_is_white: bool


def coding(image: Image.Image) -> Coding:
    """To be asked before the pixels are loaded, which Pillow then has in another form."""
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        kind = tags.get(SAMPLE_FORMAT, (1,))[0]
        bits = tags.get(BITS_PER_SAMPLE, (1,))[0]
        white = 1.0 if kind == FLOATING_POINT else 2.0**bits - 1
        return Coding(white, kind == SIGNED, tags.get(PHOTOMETRIC) == 0)
    known: float | None = 65535.0 if ";16" in _raw_mode(image) else 255.0
    if image.mode.startswith("I"):
        known = 65535.0 if image.format in UP_TO_65535 else None
    return Coding(1.0 if image.mode == "F" else known, signed=False, zero_is_white=False)


def check_colours(image: Image.Image, coded: Coding) -> None:
    """ImageError if a loaded image of 8 bits is not what its file has."""
    if coded.signed:
        raise ImageError("its integers are signed, and no file says which of those is white")
    if coded.white is not None and coded.white > 255:
        bands = [band for band in image.getbands() if band != "A"]
        highest = max(int(np.asarray(image.getchannel(band)).max()) for band in bands)
        if highest < 256 * DARKEST:
            raise _too_dark(f"end below {256 * (highest + 1)}", coded.white)


def grey_levels(image: Image.Image, coded: Coding) -> Image.Image:
    """An image of one channel with more than 8 bits, in mode L; ImageError if white is unknown."""
    if coded.signed or coded.white is None:
        raise ImageError("its integers have a sign or an offset, so no number is known as white")
    values = np.asarray(image)
    if values.dtype == np.int32:
        values = values.view(np.uint32)  # as which they are in the file
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= coded.white):  # nor if one is not a number
        raise ImageError(
            f"its floating-point values go from {low:g} to {high:g}, and only of 0 to 1 is known "
            "which is white; store it so, or with 8 bits"
        )
    if 0 < high <= coded.white * DARKEST:
        raise _too_dark(f"end at {high:g}", coded.white)
    levels = np.round(values / np.float64(coded.white) * 255).astype(np.uint8)
    if coded.zero_is_white:
        levels = 255 - levels
    if (transparent := image.info.get("transparency")) is not None:
        levels[values == transparent] = 255
    return Image.fromarray(levels)


def mend_transparency(image: Image.Image) -> None:
    """Bring the colour that a PNG calls transparent to 8 bits, as Pillow does with the pixels."""
    transparent, raw = image.info.get("transparency"), _raw_mode(image)
    if isinstance(transparent, tuple) and ";16" in raw:
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    for name, bits in (("L;2", 2), ("L;4", 4)):
        if raw == name and isinstance(transparent, int) and transparent < 2**bits:
            image.info["transparency"] = transparent * 255 // (2**bits - 1)


def _raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file, in Pillow's words; empty for formats without such words."""
    tiles = getattr(image, "tile", None)
    options = tiles[0][3] if tiles else ""
    first = options[0] if isinstance(options, tuple) and options else options
    return first if isinstance(first, str) else ""


def _too_dark(what: str, white: float) -> ImageError:
    return ImageError(
        f"its values {what}, where white is {white:g}, so it would be nearly of one shade; "
        "store it with 8 bits, or scaled to white"
    )
