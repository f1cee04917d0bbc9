"""Held-out parts and digests."""

import torch

from titn.data.images import Dataset, Images, hold_out, images_digest

LABELS = torch.arange(10).repeat(30)


def images(value=0):
    return Images(torch.full((2, 3, 4, 4), value, dtype=torch.uint8), torch.tensor([0, 1]))


def test_the_same_share_of_every_class_is_held_out_and_the_rest_is_kept():
    kept, held = hold_out(LABELS, 0.2)
    assert LABELS[held].bincount().tolist() == [6] * 10
    assert LABELS[kept].bincount().tolist() == [24] * 10
    assert torch.equal(torch.cat([kept, held]).sort().values, torch.arange(len(LABELS)))


def test_the_digest_changes_with_a_pixel_and_with_a_class_name():
    digest = images_digest(images(), images(), ("a", "b"))
    assert digest == images_digest(images(), images(), ("a", "b"))
    assert digest != images_digest(images(), images(1), ("a", "b"))
    assert digest != images_digest(images(), images(), ("a", "c"))


def test_a_spec_has_the_mean_and_deviation_of_the_train_images():
    pixels = torch.zeros(2, 3, 2, 2, dtype=torch.uint8)
    pixels[1, 0] = 255  # the first channel is half black, half white
    dataset = Dataset(
        name="two",
        train=Images(pixels, torch.tensor([0, 1])),
        evaluated=images(),
        split="test",
        class_names=("a", "b"),
        digest="",
    )
    spec = dataset.spec
    assert spec.mean == (0.5, 0.0, 0.0)
    assert spec.std == (0.5, 1 / 255, 1 / 255)  # a constant channel is not divided by zero
    assert (spec.num_classes, spec.size, spec.channels) == (2, 2, 3)
