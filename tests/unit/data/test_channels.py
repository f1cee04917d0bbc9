"""Images of one, three and four channels; expected values are Pillow's."""

import numpy as np
import pytest
import torch
from PIL import Image

from titn.data.channels import decode_channels, to_channels, with_transparency

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


def test_damaged_exif_data_leave_an_image_with_transparency_as_it_is(tmp_path):
    file = tmp_path / "a.png"
    Image.fromarray(RGBA).save(file, exif=b"Exif\0\0nothing")
    assert np.array_equal(decode_channels(file, 64, 4).permute(1, 2, 0).numpy(), RGBA)


def test_an_open_image_is_as_its_file(tmp_path):
    """Of 16 bits, whose white only the file's format says."""
    file = tmp_path / "grey.png"
    Image.fromarray(RGBA[..., 0].astype(np.uint16) * 257).save(file)
    with Image.open(file) as image:
        found = np.asarray(with_transparency(image))
    assert np.array_equal(found, decode_channels(file, 64, 4).permute(1, 2, 0).numpy())
