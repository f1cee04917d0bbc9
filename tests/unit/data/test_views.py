"""Views are pure functions of (seed, epoch, sample)."""

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

from titn.data.streams import stream
from titn.data.views import AffineJitter, CropFlip, Plain, affine, crop, jitter

IMAGES = torch.randint(0, 256, (8, 3, 6, 6), dtype=torch.uint8)


def take(rows, indices):
    return {name: column[indices] for name, column in rows.items()}


def test_a_crop_is_the_window_at_its_corner():
    corner = torch.tensor([[0, 2], [1, 0]] * 4)
    windows = crop(IMAGES, corner, 4)
    for i, (y, x) in enumerate(corner.tolist()):
        assert torch.equal(windows[i], IMAGES[i, :, y : y + 4, x : x + 4])


def test_a_centred_crop_without_a_flip_changes_nothing():
    rows = {"corner": torch.full((8, 2), 2), "flip": torch.zeros(8, dtype=torch.bool)}
    assert torch.equal(CropFlip(padding=2, flip=0.0).apply(IMAGES, rows), IMAGES)


def test_what_a_shift_leaves_free_is_black():
    rows = {"corner": torch.zeros(8, 2, dtype=torch.int64), "flip": torch.zeros(8).bool()}
    moved = CropFlip(padding=2, flip=0.0).apply(IMAGES, rows)
    assert torch.equal(moved, F.pad(IMAGES, [2, 0, 2, 0])[..., :6, :6])


def test_a_flip_is_left_to_right():
    rows = {"corner": torch.full((8, 2), 2), "flip": torch.arange(8) < 4}
    flipped = CropFlip(padding=2, flip=0.5).apply(IMAGES, rows)
    assert torch.equal(flipped[:4], IMAGES[:4].flip(-1))
    assert torch.equal(flipped[4:], IMAGES[4:])


def test_a_view_does_not_depend_on_the_rest_of_its_batch():
    view = CropFlip(padding=2, flip=0.5, autoaugment=True)
    images = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    rows = view.draw(8, stream("views", 0, 0))
    whole = view.apply(images, rows)
    for i in range(8):
        assert torch.equal(whole[i : i + 1], view.apply(images[i : i + 1], take(rows, [i])))


def test_draws_reach_every_shift_and_no_further():
    corners = CropFlip(padding=1).draw(500, stream("views", 0, 0))["corner"]
    assert {tuple(pair) for pair in corners.tolist()} == {
        (y, x) for y in range(3) for x in range(3)
    }


def test_plain_is_the_image_itself():
    assert Plain().apply(IMAGES, Plain().draw(8, stream("views", 0, 0))) is IMAGES


# --- the paper's for MNIST ------------------------------------------------------------------------

# Far wider than the defaults, so that a wrong sign or centre shows.
WIDE = AffineJitter(
    padding=0, degrees=40, translate=0.2, scale=0.3, shear=30, brightness=0.5, contrast=0.5
)
PICTURES = torch.randint(0, 256, (16, 3, 20, 20), dtype=torch.uint8)
ROWS = WIDE.draw(16, stream("views", 0, 0))


@pytest.mark.parametrize("i", range(16))
def test_an_affine_map_is_torchvisions(i):
    row = {name: column[i].tolist() for name, column in ROWS.items()}
    theirs = transforms.affine(
        PICTURES[i].float(), row["degrees"], [row["x"] * 20, row["y"] * 20], row["scale"],
        [row["shear"], 0.0], InterpolationMode.BILINEAR,
    )  # fmt: skip
    torch.testing.assert_close(affine(PICTURES.float(), ROWS)[i], theirs, atol=0.01, rtol=0)


@pytest.mark.parametrize("i", range(16))
def test_jitter_is_torchvisions_but_for_its_rounding(i):
    brightness, contrast = ROWS["brightness"], ROWS["contrast"]
    brighter = transforms.adjust_brightness(PICTURES[i] / 255, brightness[i].item())
    theirs = 255 * transforms.adjust_contrast(brighter, contrast[i].item())
    ours = jitter(PICTURES.float(), brightness, contrast)[i]
    torch.testing.assert_close(ours, theirs, atol=0.01, rtol=0)


def test_affine_jitter_of_nothing_changes_nothing():
    view = AffineJitter(
        padding=0, degrees=0, translate=0, scale=0, shear=0, brightness=0, contrast=0
    )
    assert torch.equal(view.apply(PICTURES, view.draw(16, stream("views", 0, 0))), PICTURES)


def test_affine_jitter_does_not_depend_on_the_rest_of_its_batch():
    whole = WIDE.apply(PICTURES, ROWS)
    for i in range(16):
        assert torch.equal(whole[i : i + 1], WIDE.apply(PICTURES[i : i + 1], take(ROWS, [i])))


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [
        ("degrees", -40, 40), ("x", -0.2, 0.2), ("y", -0.2, 0.2), ("scale", 0.7, 1.3),
        ("shear", -30, 30), ("brightness", 0.5, 1.5), ("contrast", 0.5, 1.5),
    ],
)  # fmt: skip
def test_draws_fill_their_interval_and_no_more(column, low, high):
    drawn = WIDE.draw(1000, stream("views", 0, 0))[column]
    width = high - low
    assert low <= drawn.min() < low + 0.02 * width
    assert high - 0.02 * width < drawn.max() <= high


def test_a_shear_that_flattens_is_refused():
    with pytest.raises(ValueError, match=r"^shear=90: should be less than 90"):
        AffineJitter(shear=90)
