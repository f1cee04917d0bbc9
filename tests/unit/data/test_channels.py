"""Images of one, three and four channels; expected values are Pillow's."""

import numpy as np
import pytest
import torch
from PIL import Image

from titn.data.channels import to_channels

RGBA = np.random.default_rng(0).integers(256, size=(64, 64, 4), dtype=np.uint8)


def converted(array: np.ndarray, channels: int) -> np.ndarray:
    pixels = torch.from_numpy(array).permute(2, 0, 1)
    return to_channels(pixels, channels).permute(1, 2, 0).numpy()


def test_grey_is_the_luma_of_pillow():
    expected = np.asarray(Image.fromarray(RGBA[..., :3]).convert("L"))
    assert np.array_equal(converted(RGBA[..., :3], 1)[..., 0], expected)


def test_transparency_is_put_on_white():
    """Pillow rounds twice on its way, so one level is no difference."""
    image = Image.fromarray(RGBA)
    expected = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    assert np.abs(converted(RGBA, 3).astype(int) - np.asarray(expected).astype(int)).max() <= 1


def test_what_has_no_transparency_is_opaque():
    grey = RGBA[..., :1]
    expected = np.concatenate([grey, grey, grey, np.full_like(grey, 255)], 2)
    assert np.array_equal(converted(grey, 4), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_floating_point_is_converted_as_bytes_are(channels):
    pixels = torch.from_numpy(RGBA).permute(2, 0, 1)
    exact = to_channels(pixels / 255, channels) * 255
    assert (exact - to_channels(pixels, channels)).abs().max() <= 1.01
