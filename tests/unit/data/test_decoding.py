"""Image files of every format, size and mode, and files that are none."""

import io
import os
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps, PngImagePlugin

from titn.data.decoding import ImageError, decode_image, read_image


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG's."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


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
        ("I;16", 0, 0),
    ],
)
def test_every_mode_is_seen_as_it_looks(mode, colour, seen):
    picture = read_image(encoded(Image.new(mode, (3, 2), colour)))
    assert picture.mode == ("RGB" if isinstance(seen, tuple) else "L")
    assert picture.getpixel((0, 0)) == seen


def test_a_palette_is_looked_up():
    image = Image.new("P", (2, 2))
    image.putpalette([10, 20, 30])
    assert read_image(encoded(image)).getpixel((0, 0)) == (10, 20, 30)


def test_cmyk_becomes_rgb():
    assert read_image(encoded(Image.new("CMYK", (4, 4)), "JPEG")).mode == "RGB"


# --- numbers that are not 0 to 255 ----------------------------------------------------------------


def tiff(values: np.ndarray, tags: dict[int, int] | None = None) -> bytes:
    """A file with these pixels, some of its tags set to what Pillow would not write."""
    image = Image.fromarray(values)
    data = encoded(image, "TIFF", tiffinfo={262: 1})
    for tag, value in (tags or {}).items():
        # An entry of the directory: tag, type (SHORT), count, value.
        (entry,) = re.findall(re.escape(struct.pack("<HHI", tag, 3, 1)) + b"(?s:.{4})", data)
        data = data.replace(entry, entry[:8] + struct.pack("<I", value))
    return data


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (tiff(np.full((2, 2), 0.2, np.float32)), 51),
        (tiff(np.full((2, 2), 257 * 77, np.uint16)), 77),
        (tiff(np.full((2, 2), 2**31 - 1, np.int32), {339: 1}), 127),
        # As the file has it, and as libtiff says: 0 is white.
        (tiff(np.full((2, 2), 257 * 77, np.uint16), {262: 0}), 178),
        # A PGM whose white is 1023, and a PFM, of which 1 is white.
        (b"P5 1 1 1023\n" + struct.pack(">H", 512), 128),
        (b"Pf 1 1 -1.0\n" + struct.pack("<f", 0.2), 51),
    ],
)
def test_a_grey_value_is_scaled_by_the_white_of_its_file(data, seen):
    assert read_image(data).getpixel((0, 0)) == seen


def test_twelve_bits_are_scaled_by_4095():
    # A pixel of 12 bits begins its row of 16: 0x800 of 0xfff.
    data = tiff(np.array([[0x0080]], np.uint16), {258: 12})
    assert read_image(data).getpixel((0, 0)) == 128


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(np.array([[0, 255]], np.float32)), "floating-point values go from 0 to 255, and"),
        (tiff(np.array([[-0.1, 1]], np.float32)), "floating-point values go from -0.1 to 1, and"),
        (tiff(np.array([[np.nan, 1]], np.float32)), "floating-point values go from nan to nan"),
        (tiff(np.array([[0, 255]], np.int32)), "its integers have a sign"),
        (tiff(np.array([[0, 255]], np.int32), {339: 1}), "values end at 255, where white"),
        (tiff(np.array([[0, 255]], np.int16)), "its integers have a sign"),
        (encoded(Image.new("L", (2, 2)), "TIFF", tiffinfo={339: 2}), "its integers are signed"),
        (encoded(Image.fromarray(np.array([[0, 4095]], np.uint16))), "values end at 4095, where"),
        (tiff(np.array([[0.01, 0.06]], np.float32)), "values end at 0.06, where white is 1, so"),
    ],
)
def test_an_image_whose_white_is_not_known_is_refused(data, reason):
    with pytest.raises(ImageError, match=reason):
        read_image(data)


def png(depth: int, colours: int, row: bytes, transparent: bytes = b"") -> bytes:
    """One row of pixels, each of which has `depth` bits for each of its numbers."""
    per_pixel = {0: 1, 2: 3, 4: 2, 6: 4}[colours] * depth
    width = len(row) * 8 // per_pixel
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colours, 0, 0, 0))
    tail = chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + (transparent and chunk(b"tRNS", transparent)) + tail


@pytest.mark.parametrize("colours", [2, 4, 6])
def test_colours_of_12_bits_in_16_are_refused_and_of_16_not(colours):
    # Pillow keeps the upper 8 bits; the last of a pixel with transparency says that it is opaque.
    opaque = [65535] if colours > 2 else []
    numbers = {2: 3, 4: 1, 6: 3}[colours]

    def pixel(value: int) -> bytes:
        return struct.pack(f">{numbers + len(opaque)}H", *[value] * numbers, *opaque)

    assert read_image(png(16, colours, pixel(257 * 77))).convert("L").getpixel((0, 0)) == 77
    with pytest.raises(ImageError, match="its values end below 4096, where white is 65535"):
        read_image(png(16, colours, pixel(4095)))


@pytest.mark.parametrize(
    ("depth", "colours", "row", "transparent"),
    [
        (1, 0, b"\x80", [1]),
        (2, 0, b"\x40", [1]),
        (4, 0, b"\x50", [5]),
        (8, 0, b"\x09\x08", [9]),
        (16, 0, b"\x70\x70\x80\x80", [0x7070]),
        (8, 2, b"\x01\x02\x03\x04\x05\x06", [1, 2, 3]),
        (16, 2, b"\x70\x70\x80\x80\x90\x90\x01\x02\x03\x04\x05\x06", [0x7070, 0x8080, 0x9090]),
    ],
)
def test_a_colour_that_is_called_transparent_is_white_at_every_depth(
    depth, colours, row, transparent
):
    image = read_image(png(depth, colours, row, struct.pack(f">{len(transparent)}H", *transparent)))
    first, second = (image.convert("RGB").getpixel((x, 0)) for x in (0, 1))
    assert first == (255, 255, 255) != second


def test_exif_turns_the_image():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    assert read_image(encoded(Image.new("RGB", (4, 2)), "JPEG", exif=exif)).size == (2, 4)


@pytest.mark.parametrize(
    "exif",
    [
        b"garbage",
        b"II*\0\xff\xff\xff\xff",  # its directory is beyond its end
        # Two entries: to be turned by a quarter, and a resolution that divides by zero.
        struct.pack("<2sHIH", b"II", 42, 8, 2)
        + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
        + struct.pack("<HHII", 0x011A, 5, 1, 38)
        + struct.pack("<III", 0, 72, 0),
    ],
)
def test_exif_data_that_are_damaged_do_not_cost_the_image(exif):
    data = encoded(Image.new("RGB", (4, 2)), "JPEG", exif=b"Exif\0\0" + exif)
    assert read_image(data).size == ((2, 4) if b"\x12\x01" in exif else (4, 2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_turn_is_pillows(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(
        Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40), "PNG", exif=exif
    )
    theirs = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(np.asarray(read_image(data)), np.asarray(theirs))


def test_colours_that_are_all_transparent_do_not_become_white():
    image = Image.new("RGBA", (2, 2), (1, 2, 3, 0))
    image.putpixel((0, 0), (200, 2, 3, 0))
    with pytest.raises(ImageError, match="its colours are all transparent; save it without"):
        read_image(encoded(image))


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("L", (2, 2), shade) for shade in (0, 255)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_image(data).convert("L").getpixel((0, 0)) == 0


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_truncated_file_is_refused(kind):
    noise = np.random.default_rng(0).integers(256, size=(40, 40, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(ImageError):
        read_image(data[: len(data) // 2])


def test_an_image_that_claims_to_be_enormous_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ImageError, match="exceeds limit"):
        read_image(encoded(Image.new("L", (4, 4))))


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    )


SIDE = 16_000


def claiming(kind: str) -> bytes:
    """A small file whose header says that it has 16,000 by 16,000 pixels, which is a gigabyte."""
    if kind == "PNG":
        pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
        return png_header(SIDE, SIDE) + pixels + chunk(b"IEND", b"")
    content = encoded(Image.new("RGB", (258, 259)), kind, lossless=True)
    sizes = {
        "JPEG": [(">HH", (259, 258), (SIDE, SIDE))],
        "GIF": [("<HH", (258, 259), (SIDE, SIDE))],
        "BMP": [("<II", (258, 259), (SIDE, SIDE))],
        # Of each entry: tag, type, count, value.
        "TIFF": [
            ("<HHII", (tag, 4, 1, n), (tag, 4, 1, SIDE)) for tag, n in ((256, 258), (257, 259))
        ],
        # 14 bits each, one less.
        "WEBP": [("<I", (257 | 258 << 14,), (SIDE - 1 | (SIDE - 1) << 14,))],
    }
    for form, small, large in sizes[kind]:
        assert struct.pack(form, *small) in content
        content = content.replace(struct.pack(form, *small), struct.pack(form, *large))
    return content


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_an_image_that_says_it_is_enormous_is_refused_before_it_is_decoded(kind, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ImageError, match=r"256000000 pixels\) exceeds limit"):
        read_image(claiming(kind))


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_text_that_swells_is_refused(kind):
    swollen = zlib.compress(bytes(20_000_000))
    image = (
        png_header(2, 2)
        + chunk(kind, b"name\0\0" + swollen)
        + chunk(b"IDAT", zlib.compress(bytes(14)))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(ImageError, match=r"[Dd]ecompressed data too large|too large"):
        read_image(image)


def test_texts_that_swell_together_are_refused():
    swollen = zlib.compress(bytes(1_000_000))
    texts = b"".join(chunk(b"zTXt", b"name%d\0\0" % number + swollen) for number in range(100))
    image = (
        png_header(2, 2) + texts + chunk(b"IDAT", zlib.compress(bytes(14))) + chunk(b"IEND", b"")
    )
    with pytest.raises(ImageError, match="Too much memory used in text chunks"):
        read_image(image)


def test_of_many_frames_one_is_decoded(monkeypatch):
    frames = [Image.new("L", (9, 9), shade % 256) for shade in range(300)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    decoded = []
    real = PngImagePlugin.PngImageFile.load_prepare
    monkeypatch.setattr(
        PngImagePlugin.PngImageFile, "load_prepare", lambda self: (decoded.append(1), real(self))[1]
    )
    assert read_image(data).getpixel((0, 0)) == 0
    assert len(decoded) == 1


def test_a_program_is_not_run():
    with pytest.raises(ImageError, match="EPS is a program, not an image"):
        read_image(encoded(Image.new("L", (4, 4)), "EPS"))


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("note.png", lambda path: path.write_text("hello"), "of no known image format"),
        ("empty.png", lambda path: path.touch(), "of no known image format"),
        (
            "pointer.png",
            lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\nsize 12\n"),
            "a Git LFS pointer; `git lfs pull` fetches the file",
        ),
        (".a.png.icloud", lambda path: path.touch(), "in iCloud and not yet on this machine"),
        ("directory.png", lambda path: path.mkdir(), "Is a directory"),
        ("pipe.png", os.mkfifo, "not a file"),  # opening it would wait for ever
        ("missing.png", lambda path: None, "No such file or directory"),
        ("x" * 300, lambda path: None, "File name too long"),
    ],
)
def test_what_is_no_image_file_is_refused_with_the_reason(tmp_path, name, make, reason):
    make(tmp_path / name)
    with pytest.raises(ImageError, match=rf"^{reason}$"):
        read_image(tmp_path / name)


def test_a_disk_that_fails_is_named(tmp_path, monkeypatch):
    def fails(*_):
        raise OSError(5, "Input/output error")

    (tmp_path / "a.png").touch()
    monkeypatch.setattr(Image, "open", fails)
    with pytest.raises(ImageError, match=r"^Input/output error$"):
        read_image(tmp_path / "a.png")


def test_libtiff_does_not_write_past_us_to_the_terminal(capfd):
    noise = np.random.default_rng(0).integers(256, size=(40, 40, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), "TIFF", compression="tiff_lzw")
    with pytest.raises(ImageError):
        read_image(data[:8] + bytes(200) + data[208:])
    assert capfd.readouterr().err == ""


def test_resizing_keeps_the_whole_image_and_its_colour():
    image = Image.new("RGB", (10, 4), (200, 0, 0))
    image.paste((0, 0, 200), (5, 0, 10, 4))
    small = decode_image(encoded(image), 2)
    assert small.shape == (3, 2, 2)
    assert small[0, :, 0].min() > 150 > small[0, :, 1].max()


@pytest.mark.parametrize("size", [5, 20, 33])
def test_resizing_is_pillows_within_a_grey_level(size):
    noise = np.random.default_rng(0).integers(256, size=(20, 20, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    theirs = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)).astype(int)
    ours = decode_image(encoded(image), size).permute(1, 2, 0).numpy()
    assert np.abs(ours - theirs).max() <= 1


def test_grey_becomes_three_equal_channels():
    assert decode_image(encoded(Image.new("L", (5, 5), 9)), 3).unique().tolist() == [9]
