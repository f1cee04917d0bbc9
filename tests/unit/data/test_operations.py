"""Operations on batches against torchvision's on one image."""

import pytest
import torch
from torchvision.transforms import InterpolationMode, RandAugment, TrivialAugmentWide
from torchvision.transforms.autoaugment import _apply_op

from titn.data import operations

RNG = torch.Generator().manual_seed(0)
IMAGES = torch.cat([
    torch.randint(256, (6, 3, 32, 32), generator=RNG),
    torch.randint(90, 131, (2, 3, 32, 32), generator=RNG),
    (torch.arange(3 * 32 * 32).reshape(1, 3, 32, 32) % 256),
    torch.full((1, 3, 32, 32), 255),
]).to(torch.uint8)  # fmt: skip
SPACES = {
    "RandAugment": RandAugment()._augmentation_space(31, (32, 32)),
    "TrivialAugment": TrivialAugmentWide()._augmentation_space(31),
}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", operations.NAMES)
def test_every_magnitude_gives_torchvisions_pixels(space, name):
    magnitudes, signed = SPACES[space][name]
    values = magnitudes.reshape(-1).tolist()
    values += [-value for value in values] if signed else []
    # Images of different magnitudes together, each image with each magnitude.
    batch = IMAGES.repeat(len(values), 1, 1, 1)
    magnitude = torch.tensor(values, dtype=torch.float64).repeat_interleave(len(IMAGES))
    operation = torch.full((len(batch),), operations.NAMES.index(name))
    ours = operations.apply(batch, operation, magnitude)
    for value, block in zip(values, ours.split(len(IMAGES)), strict=True):
        for image, found in zip(IMAGES, block, strict=True):
            expected = _apply_op(image, name, value, InterpolationMode.NEAREST, None)
            assert torch.equal(found, expected), value


def test_each_image_has_its_own_operation():
    operation = torch.arange(10)
    magnitude = torch.tensor([0.0, 0.3, -0.3, 5.0, -5.0, 30.0, 0.9, -0.9, 0.5, -0.5]).double()
    ours = operations.apply(IMAGES, operation, magnitude)
    for image, found, number, value in zip(IMAGES, ours, operation, magnitude, strict=True):
        name = operations.NAMES[number]
        expected = _apply_op(image, name, value.item(), InterpolationMode.NEAREST, None)
        assert torch.equal(found, expected), name
    assert torch.equal(IMAGES[0], ours[0])
