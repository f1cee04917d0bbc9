"""Image files of every format, size and mode, and files that are none."""

import io

import numpy as np
import pytest
from PIL import Image

from titn.data.pictures import PictureError, picture, read_picture


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("1", 1, 255),
        ("L", 77, 77),
        ("RGB", (1, 2, 3), (1, 2, 3)),
        ("RGBA", (9, 9, 9, 0), (255, 255, 255)),
        ("RGBA", (1, 2, 3, 255), (1, 2, 3)),
        ("LA", (9, 0), (255, 255, 255)),
        ("I;16", 257 * 77, 77),
    ],
)
def test_every_mode_is_seen_as_it_looks(mode, colour, seen):
    picture = read_picture(encoded(Image.new(mode, (3, 2), colour)))
    assert picture.mode == ("RGB" if isinstance(seen, tuple) else "L")
    assert picture.getpixel((0, 0)) == seen


def test_a_palette_is_looked_up():
    image = Image.new("P", (2, 2))
    image.putpalette([10, 20, 30])
    assert read_picture(encoded(image)).getpixel((0, 0)) == (10, 20, 30)


def test_cmyk_becomes_rgb():
    assert read_picture(encoded(Image.new("CMYK", (4, 4)), "JPEG")).mode == "RGB"


def test_floating_point_in_0_to_1_is_brought_to_0_to_255():
    image = Image.fromarray(np.full((2, 2), 0.2, dtype=np.float32))
    assert read_picture(encoded(image, "TIFF")).getpixel((0, 0)) == 51


def test_exif_turns_the_image():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    assert read_picture(encoded(Image.new("RGB", (4, 2)), "JPEG", exif=exif)).size == (2, 4)


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("L", (2, 2), shade) for shade in (0, 255)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_picture(data).convert("L").getpixel((0, 0)) == 0


def test_a_file_that_is_no_image_says_so(tmp_path):
    (tmp_path / "note.png").write_text("hello")
    with pytest.raises(PictureError, match="of no known image format"):
        read_picture(tmp_path / "note.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_a_truncated_file_is_refused(kind):
    noise = np.random.default_rng(0).integers(256, size=(40, 40, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(PictureError):
        read_picture(data[: len(data) // 2])


def test_a_directory_is_not_an_image(tmp_path):
    with pytest.raises(PictureError, match=r"^Is a directory$"):
        read_picture(tmp_path)


def test_an_image_that_claims_to_be_enormous_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(PictureError, match="exceeds limit"):
        read_picture(encoded(Image.new("L", (4, 4))))


def test_resizing_keeps_the_whole_image_and_its_colour():
    image = Image.new("RGB", (10, 4), (200, 0, 0))
    image.paste((0, 0, 200), (5, 0, 10, 4))
    small = picture(encoded(image), 2)
    assert small.shape == (3, 2, 2)
    assert small[0, :, 0].min() > 150 > small[0, :, 1].max()


@pytest.mark.parametrize("size", [5, 20, 33])
def test_resizing_is_pillows_within_a_grey_level(size):
    noise = np.random.default_rng(0).integers(256, size=(20, 20, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    theirs = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)).astype(int)
    ours = picture(encoded(image), size).permute(1, 2, 0).numpy()
    assert np.abs(ours - theirs).max() <= 1


def test_grey_becomes_three_equal_channels():
    assert picture(encoded(Image.new("L", (5, 5), 9)), 3).unique().tolist() == [9]
