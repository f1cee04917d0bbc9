"""Images as programs have them, against what the same values are as a file."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from titn.api.pixels import stack_images
from titn.data.channels import decode_channels
from titn.data.decoding import decode_image
from titn.system.errors import ConfigError

PIXELS = np.random.default_rng(0).integers(256, size=(6, 4, 3), dtype=np.uint8)


def as_file(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


TRANSPARENT = np.dstack([PIXELS, PIXELS[..., 0]])


@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[..., 0], TRANSPARENT])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_one_image_is_the_same_in_every_form(tmp_path, pixels, channels):
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    expected = decode_channels(path, 8, channels)[None]
    tensor = torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1)
    for one in (path, str(path), Image.fromarray(pixels), Image.open(path), pixels, tensor):
        assert torch.equal(stack_images(one, 8, channels), expected)


def test_several_are_a_list_an_array_or_a_tensor():
    expected = torch.stack([torch.from_numpy(PIXELS).permute(2, 0, 1)] * 2)
    square = expected[..., :4, :]
    as_array = np.stack([PIXELS[:4]] * 2)
    for several in (as_array, square, list(as_array), (Image.fromarray(one) for one in as_array)):
        assert torch.equal(stack_images(several, 4), square)


def test_grey_becomes_three_equal_channels():
    grey = PIXELS[:4, :, 0]
    expected = torch.from_numpy(grey).expand(1, 3, 4, 4)
    for one in (grey, grey[..., None], torch.from_numpy(grey), torch.from_numpy(grey)[None]):
        assert torch.equal(stack_images(one, 4), expected)


def test_floating_point_stays_and_takes_the_others_along():
    half = np.full((4, 4), 0.5)
    found = stack_images([half, np.full((4, 4), 51, dtype=np.uint8), half > 0], 4)
    assert found.dtype == torch.float32
    assert found[:, 0, 0, 0].tolist() == pytest.approx([0.5, 0.2, 1.0])


def test_a_pillow_image_is_read_as_its_file_would_be():
    """Transparency on white, 16 bits scaled, turned as its EXIF data say."""
    transparent = Image.fromarray(np.dstack([PIXELS, np.full((6, 4), 100, dtype=np.uint8)]))
    deep = Image.open(io.BytesIO(as_file(Image.fromarray(np.full((4, 4), 51400, np.uint16)))))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG", exif=exif)
    turned = Image.open(buffer)
    for image, data in (
        (transparent, as_file(transparent)),
        (deep, as_file(Image.fromarray(np.full((4, 4), 51400, np.uint16)))),
        (turned, buffer.getvalue()),
    ):
        assert torch.equal(stack_images(image, 8)[0], decode_image(data, 8))


def test_a_caller_keeps_his_images():
    array, tensor = PIXELS.copy(), torch.from_numpy(PIXELS.copy()).permute(2, 0, 1)
    stack_images([array, tensor], 8)
    assert np.array_equal(array, PIXELS)
    assert torch.equal(tensor, torch.from_numpy(PIXELS).permute(2, 0, 1))


def test_arrays_may_be_views_and_of_either_byte_order():
    expected = stack_images(np.ascontiguousarray(PIXELS[::-1]), 8)
    assert torch.equal(stack_images(PIXELS[::-1], 8), expected)
    swapped = np.full((4, 4), 0.5).astype(">f4")
    assert stack_images(swapped, 4).unique().tolist() == [0.5]


def test_arrays_that_must_not_be_written_to_are_read_without_a_warning(recwarn):
    array = np.asarray(Image.fromarray(PIXELS))
    assert not array.flags.writeable
    warned_before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # torch says it once in a process
    try:
        assert torch.equal(stack_images(array, 8), stack_images(PIXELS, 8))
    finally:
        torch.set_warn_always(warned_before)
    assert not recwarn.list


def test_none_at_all():
    assert stack_images([], 8).shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    ("images", "line"),
    [
        (
            [np.zeros((3, 8, 8), np.uint8)],
            "images[0]: is not an image that can be read (an array of shape (3, 8, 8); "
            "give (h, w) or (h, w, c), c of 1, 3, 4; of several images (n, h, w, c))",
        ),
        (
            [torch.zeros(8, 8, 3)],
            "images[0]: is not an image that can be read (a tensor of shape (8, 8, 3); "
            "give (h, w) or (c, h, w), c of 1, 3, 4; of several images (n, c, h, w))",
        ),
        (
            [np.zeros((2, 2)), np.full((2, 2), 255.0)],
            "images[1]: is not an image that can be read (its values go from 255 to 255; "
            "give uint8, or floating point in [0, 1])",
        ),
        (
            np.full((2, 2), np.nan),
            "images[0]: is not an image that can be read (its values go from nan to nan; "
            "give uint8, or floating point in [0, 1])",
        ),
        (
            np.zeros((2, 2), np.int64),
            "images[0]: is not an image that can be read (its values are torch.int64; "
            "give uint8, or floating point in [0, 1])",
        ),
        (
            np.array([["a.png", "b.png"]]),
            "images[0]: is not an image that can be read (can't convert np.ndarray of type "
            "numpy.str_. The only supported types are: float64, float32, float16, complex64, "
            "complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool.)",
        ),
        (
            np.zeros((0, 2)),
            "images[0]: is not an image that can be read (it has no pixels)",
        ),
        (
            [3],
            "images[0]: a int is not an image; give a path, a PIL image, an array (h, w, c) or a "
            "tensor (c, h, w)",
        ),
        (
            {"cat": 1},
            "images: a dict is none; give a path, a PIL image, an array (h, w, c) or a "
            "tensor (c, h, w), or a list of them",
        ),
    ],
)  # fmt: skip
def test_what_is_no_image_is_named(images, line):
    with pytest.raises(ConfigError) as caught:
        stack_images(images, 8)
    assert str(caught.value) == line


def test_a_file_that_is_no_image_is_named(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no image")
    with pytest.raises(ConfigError, match=r"notes\.txt: is not an image that can be read \(of no"):
        stack_images([path], 8)
    with pytest.raises(ConfigError, match="nowhere"):
        stack_images("nowhere.png", 8)
