"""Views are pure functions of (seed, epoch, sample)."""

import torch
import torch.nn.functional as F

from titn.data.streams import stream
from titn.data.views import CropFlip, Plain, crop

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
