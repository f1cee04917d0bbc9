"""Order, views and mixes as functions of (seed, epoch, step)."""

import pytest
import torch

from titn.data import batches
from titn.data.batches import sequential_batches, steps_per_epoch, training_batches
from titn.data.images import Images
from titn.data.mixing import CutMix, Unmixed
from titn.data.streams import stream
from titn.data.views import AffineJitter, CropFlip, Plain

IMAGE_BYTES = 3 * 8 * 8
IMAGES = Images(torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8), torch.arange(20))


def epoch(view=None, mix=None, seed=0, number=0, batch_size=6):
    view, mix = view or CropFlip(padding=1), mix or CutMix()
    return list(training_batches(IMAGES, view, mix, batch_size=batch_size, seed=seed, epoch=number))


def labels(batches):
    return torch.cat([batch.labels for batch in batches])


def test_the_same_seed_and_epoch_give_the_same_batches():
    for first, second in zip(epoch(), epoch(), strict=True):
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.partners, second.partners)


def test_another_epoch_has_another_order():
    assert not torch.equal(labels(epoch(number=0)), labels(epoch(number=1)))


def test_another_seed_has_another_order():
    assert not torch.equal(labels(epoch(seed=0)), labels(epoch(seed=1)))


def test_views_and_mixes_leave_the_order_alone():
    assert torch.equal(labels(epoch()), labels(epoch(view=Plain(), mix=Unmixed())))


def test_order_and_views_come_from_streams_of_their_own():
    view = CropFlip(padding=1)
    order = torch.from_numpy(stream("order", 0, 0).permutation(20))[:18]
    rows = {name: column[order] for name, column in view.draw(20, stream("views", 0, 0)).items()}
    expected = view.apply(IMAGES.pixels[order], rows)
    seen = torch.cat([batch.images for batch in epoch(view=view, mix=Unmixed())])
    assert torch.equal(seen, expected)


def test_repeated_augmentation_repeats_an_image_with_other_views():
    """Three views of each of seven images, but two of the last: an epoch has 20 of 20."""
    settings = {"batch_size": 5, "seed": 3, "epoch": 1, "repeats": 3}
    view = CropFlip(padding=3)
    seen = list(training_batches(IMAGES, view, Unmixed(), **settings))
    order = stream("order", 3, 1).permutation(20)
    assert labels(seen).tolist() == [label for label in order[:7] for _ in range(3)][:20]
    images = torch.cat([batch.images for batch in seen])
    pairs = [(i, i + 1) for i in range(19) if labels(seen)[i] == labels(seen)[i + 1]]
    different = sum(not torch.equal(images[i], images[j]) for i, j in pairs)
    # 98 views are possible: one pair of 13 in 98 is the same by chance.
    assert different >= len(pairs) - 2
    rest = list(training_batches(IMAGES, view, Unmixed(), **settings, first=2))
    for whole, resumed in zip(seen[2:], rest, strict=True):
        assert torch.equal(whole.images, resumed.images)


def test_the_batch_size_leaves_order_and_views_alone():
    whole = torch.cat([batch.images for batch in epoch(mix=Unmixed(), batch_size=18)])
    parts = torch.cat([batch.images for batch in epoch(mix=Unmixed(), batch_size=6)])
    assert torch.equal(whole, parts)


def test_views_do_not_depend_on_how_many_are_made_together(monkeypatch):
    together = epoch(view=CropFlip(padding=1, autoaugment=True))
    monkeypatch.setitem(batches.VIEW_BYTES, "cpu", 6 * IMAGE_BYTES)
    alone = epoch(view=CropFlip(padding=1, autoaugment=True))
    for first, second in zip(together, alone, strict=True):
        assert torch.equal(first.images, second.images)


def test_an_affine_view_does_not_depend_on_how_many_are_made_together(monkeypatch):
    together = epoch(view=AffineJitter(), mix=Unmixed())
    monkeypatch.setitem(batches.VIEW_BYTES, "cpu", 6 * IMAGE_BYTES)
    alone = epoch(view=AffineJitter(), mix=Unmixed())
    for first, second in zip(together, alone, strict=True):
        assert torch.equal(first.images, second.images)


def test_large_images_are_viewed_by_batches(monkeypatch):
    """What is made together is limited by its bytes."""
    seen = []

    class Counting(Plain):
        def apply(self, pixels, rows):
            seen.append(len(pixels))
            return super().apply(pixels, rows)

    monkeypatch.setitem(batches.VIEW_BYTES, "cpu", 13 * IMAGE_BYTES)
    epoch(view=Counting())
    monkeypatch.setitem(batches.VIEW_BYTES, "cpu", IMAGE_BYTES)
    epoch(view=Counting())
    assert seen == [12, 6, 6, 6, 6]


def test_a_batch_says_what_it_was_drawn_from():
    assert [batch.at for batch in epoch(number=4)] == [(4, 0), (4, 1), (4, 2)]


def test_only_full_batches_and_no_image_twice():
    batches = epoch()
    assert [len(batch.images) for batch in batches] == [6, 6, 6]
    assert len(set(labels(batches).tolist())) == 18


def test_a_batch_larger_than_the_data_is_all_of_it():
    assert steps_per_epoch(20, 64) == 1
    assert len(epoch(batch_size=64)[0].images) == 20


def test_an_evaluation_sees_every_image_once_in_order():
    seen = torch.cat([batch.labels for batch in sequential_batches(IMAGES, 6)])
    assert torch.equal(seen, IMAGES.labels)


@pytest.mark.parametrize("first", [1, 2, 3])
@pytest.mark.parametrize("at_once", [6, 12, 1024])
def test_the_rest_of_an_epoch_is_what_it_would_have_been(monkeypatch, first, at_once):
    monkeypatch.setitem(batches.VIEW_BYTES, "cpu", at_once * IMAGE_BYTES)
    settings = {"batch_size": 6, "seed": 0, "epoch": 0}
    whole = list(training_batches(IMAGES, AffineJitter(), CutMix(), **settings))
    rest = list(training_batches(IMAGES, AffineJitter(), CutMix(), **settings, first=first))
    assert len(rest) == len(whole) - first
    for expected, found in zip(whole[first:], rest, strict=True):
        assert torch.equal(expected.images, found.images)
        assert expected.at == found.at
