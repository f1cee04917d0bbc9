"""Images of one channel (grey), three (colours) or four (colours and transparency)."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image
from torch import Tensor

from titn.data.decoding import TURNS, as_seen, decode_image, read_image, resize
from titn.data.images import Dataset, Images
from titn.data.pixel_values import mend_transparency

# Red, green and blue in grey as Pillow's mode L has them (ITU-R 601), in 65536ths.
GREY = (19595, 38470, 7471)
# How many images are made grey at once: their sums take eight times the memory.
AT_ONCE = 8192


def decode_channels(source: Path | bytes, size: int, channels: int) -> Tensor:
    """An image file as (channels, size, size) uint8; ImageError if it is none."""
    if channels != 4:
        return to_channels(decode_image(source, size), channels)
    pixels = torch.from_numpy(np.array(read_rgba(source)))
    return resize(pixels.permute(2, 0, 1), size).contiguous()  # (h, w, 4) -> (4, h, w)


def read_rgba(source: Path | bytes) -> Image.Image:
    """The image that `read_image` returns, with its transparency where it has some."""
    seen = read_image(source)  # which says what is wrong with a file
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        return _with_transparency_of(image, seen)


def with_transparency(image: Image.Image) -> Image.Image:
    """An image that is open already, as `read_rgba` returns that of a file; it raises the same."""
    seen = as_seen(image)  # before a copy, which does not know of what format the file is
    return _with_transparency_of(image, seen)


def _with_transparency_of(image: Image.Image, seen: Image.Image) -> Image.Image:
    """An image in mode RGBA, upright. seen: as `read_image` returns it, without transparency."""
    mend_transparency(image)
    image.load()
    if not image.has_transparency_data or image.mode.startswith(("I", "F")):
        return seen.convert("RGBA")
    colours = image.convert("RGBA")
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # of EXIF data that are damaged: as it is, like an image of three channels
        return colours
    return colours if turn is None else colours.transpose(turn)


def to_channels(pixels: Tensor, channels: int) -> Tensor:
    """(..., c, h, w) of 1, 3 or 4 channels to (..., channels, h, w); uint8, or in [0, 1].

    Colours become grey by their luma; transparency is put on white, and is full where there was
    none.
    """
    if pixels.shape[-3] == channels:
        return pixels
    if pixels.shape[-3] == 4:
        return to_channels(_on_white(pixels), channels)
    if channels == 1:
        return _grey(pixels)
    colours = pixels.expand(*pixels.shape[:-3], 3, -1, -1)
    if channels == 3:
        return colours.contiguous()
    return torch.cat([colours, torch.full_like(colours[..., :1, :, :], _white(pixels))], -3)


def dataset_in_channels(dataset: Dataset, channels: int) -> Dataset:
    """A prepared data set with images of so many channels."""

    def converted(images: Images) -> Images:
        parts = [to_channels(part, channels) for part in images.pixels.split(AT_ONCE)]
        return Images(torch.cat(parts), images.labels)

    if dataset.train.pixels.shape[1] == channels:
        return dataset
    train, evaluated = converted(dataset.train), converted(dataset.evaluated)
    return replace(dataset, train=train, evaluated=evaluated)


def _grey(pixels: Tensor) -> Tensor:
    """(..., 3, h, w) to (..., 1, h, w); equal channels stay as they are."""
    weights = torch.tensor(GREY, device=pixels.device).reshape(3, 1, 1)
    if pixels.is_floating_point():
        return (pixels * (weights / 2**16)).sum(-3, keepdim=True)
    total = (pixels.to(torch.int64) * weights).sum(-3, keepdim=True)
    return ((total + 0x8000) >> 16).to(torch.uint8)


def _on_white(pixels: Tensor) -> Tensor:
    """(..., 4, h, w) to (..., 3, h, w): colour times opacity, and white for the rest."""
    if pixels.is_floating_point():
        return pixels[..., :3, :, :] * pixels[..., 3:, :, :] + (1 - pixels[..., 3:, :, :])
    colours, opacity = pixels[..., :3, :, :].to(torch.int32), pixels[..., 3:, :, :].to(torch.int32)
    # Rounded to the nearest level: all is in 255ths of 0..255.
    return ((colours * opacity + 255 * (255 - opacity) + 127) // 255).to(torch.uint8)


def _white(pixels: Tensor) -> int:
    return 1 if pixels.is_floating_point() else 255
