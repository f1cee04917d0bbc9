"""RandAugment, TrivialAugment and random erasing against torchvision's, image by image."""

import math

import numpy as np
import pytest
import torch
from torchvision import transforms
from torchvision.transforms import functional as F
from torchvision.transforms.autoaugment import _apply_op

from titn.data import erasing, operations
from titn.data.policies import RandAugment, TrivialAugment, magnitudes

IMAGES = torch.randint(256, (64, 3, 32, 32), dtype=torch.uint8)
NOTHING = {"padding": 0, "flip": 0.0}
SPACES = {
    False: transforms.RandAugment()._augmentation_space(31, (32, 32)),
    True: transforms.TrivialAugmentWide()._augmentation_space(31),
}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("view", "num_operations", "wide"),
    [
        (RandAugment(**NOTHING, operations=3, magnitude=17), 3, False),
        (TrivialAugment(**NOTHING), 1, True),
    ],
)
def test_a_policy_does_what_torchvision_does_with_these_draws(view, num_operations, wide):
    rows = view.draw(len(IMAGES), rng())
    assert rows["operation"].shape == (len(IMAGES), num_operations)
    for i, (image, found) in enumerate(zip(IMAGES, view.apply(IMAGES, rows), strict=True)):
        for turn in range(num_operations):
            name = operations.NAMES[rows["operation"][i, turn]]
            values, signed = SPACES[wide][name]
            value = values[rows["bin"][i, turn]].item() if values.ndim else values.item()
            if signed and rows["negative"][i, turn]:
                value = -value
            image = _apply_op(image, name, value, F.InterpolationMode.NEAREST, None)
        assert torch.equal(found, image)


def test_rand_augment_has_one_magnitude_and_trivial_augment_all():
    assert set(RandAugment(magnitude=5).draw(500, rng())["bin"].flatten().tolist()) == {5}
    assert set(TrivialAugment().draw(5000, rng())["bin"].flatten().tolist()) == set(range(31))
    drawn = TrivialAugment().draw(5000, rng())
    assert set(drawn["operation"].flatten().tolist()) == set(range(14))
    assert 0.45 < drawn["negative"].float().mean() < 0.55


@pytest.mark.parametrize("wide", [True, False])
def test_magnitudes_are_torchvisions(wide):
    table = magnitudes(wide, 32, 32)
    assert list(SPACES[wide]) == list(operations.NAMES)
    for i, (values, signed) in enumerate(SPACES[wide].values()):
        expected = values.double().expand(31)
        assert torch.equal(table[i, 0], expected)
        assert torch.equal(table[i, 1], -expected if signed else expected)


# --- random erasing ------------------------------------------------------------------------------


def by_torchvisions_rule(rows: dict, i: int, height: int, width: int) -> tuple | None:
    """The rectangle that `RandomErasing.get_params` would take of these draws."""
    for area, aspect in zip(rows["area"][i].tolist(), rows["aspect"][i].tolist(), strict=True):
        h = round(math.sqrt(height * width * area * aspect))
        w = round(math.sqrt(height * width * area / aspect))
        if h < height and w < width:
            top, left = rows["place"][i].tolist()
            return int(top * (height - h + 1)), int(left * (width - w + 1)), h, w
    return None


@pytest.mark.parametrize("size", [(32, 32), (16, 40)])
def test_erased_are_the_rectangles_of_torchvisions_rule(size):
    rows = erasing.draw(200, rng(), 0.5)
    images = torch.zeros(200, 3, *size, dtype=torch.uint8)  # nothing of its own inside
    erased = erasing.apply(images, rows)
    for i, (image, found) in enumerate(zip(images, erased, strict=True)):
        place = by_torchvisions_rule(rows, i, *size)
        expected = image
        if rows["erase"][i] and place:
            top, left, h, w = place
            inside = found[:, top : top + h, left : left + w]
            assert inside.float().std() > 30 or inside.numel() < 40  # random pixels
            expected = F.erase(image, top, left, h, w, inside)
        assert torch.equal(found, expected)
    assert 70 < rows["erase"].sum() < 130


def test_an_image_is_erased_alike_in_any_batch():
    rows = erasing.draw(64, rng(), 1.0)
    together = erasing.apply(IMAGES, rows)
    alone = erasing.apply(IMAGES[7:8], {name: column[7:8] for name, column in rows.items()})
    assert torch.equal(together[7:8], alone)


def test_noise_is_uniform_and_not_the_same_for_two_images():
    found = erasing.noise(torch.arange(50), torch.zeros(50, 3, 32, 32, dtype=torch.uint8))
    counts = np.bincount(found.flatten().numpy(), minlength=256)
    expected = found.numel() / 256
    # 255 degrees of freedom: a chi square beyond 330 has a probability of a thousandth.
    assert ((counts - expected) ** 2 / expected).sum() < 330
    assert (found[0] == found[1]).float().mean() < 0.02
    shifted = (found[0].flatten()[1:] == found[0].flatten()[:-1]).float().mean()
    assert shifted < 0.02


def test_views_with_erasing_erase():
    view = RandAugment(**NOTHING, operations=1, magnitude=0, erase=1.0)
    rows = view.draw(len(IMAGES), rng())
    rows["operation"][:] = 0
    seen = view.apply(IMAGES, rows)
    assert torch.equal(seen, erasing.apply(IMAGES, rows))
    assert (seen != IMAGES).flatten(1).any(1).all()
    assert "erase" not in RandAugment(erase=0.0).draw(4, rng())
