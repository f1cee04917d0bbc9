"""CutMix by hand and as a pure function of its stream."""

import pytest
import torch

from titn.data.mixing import Box, CutMix, MixUp, Unmixed, draw_box, paste
from titn.data.streams import stream

LABELS = torch.arange(10)
# Every pixel of image i has the value i, so that a mixed pixel tells whose it is.
IMAGES = torch.arange(10, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 3, 8, 8).contiguous()


class Scripted:
    """A generator whose integers are given."""

    def __init__(self, *integers):
        self.integers_left = list(integers)

    def integers(self, _):
        return self.integers_left.pop(0)


def test_a_box_has_the_share_one_minus_lambda():
    # lambda 0.75: sides of sqrt(0.25) of 8, 4 by 4 around (4, 4).
    assert draw_box(0.75, 8, 8, Scripted(4, 4)) == Box(2, 6, 2, 6)


def test_a_box_is_clipped_to_the_image():
    assert draw_box(0.75, 8, 8, Scripted(0, 7)) == Box(0, 2, 5, 8)


def test_pasting_fills_the_box_only():
    mixed = paste(IMAGES[:1], IMAGES[1:2], Box(0, 2, 5, 8))
    expected = torch.zeros(8, 8, dtype=torch.uint8)
    expected[0:2, 5:8] = 1
    assert torch.equal(mixed[0, 0], expected)
    assert IMAGES[0].max() == 0


@pytest.mark.parametrize("step", range(20))
def test_lambda_is_the_share_of_pixels_that_are_left(step):
    batch = CutMix(alpha=0.5).mix(IMAGES, LABELS, stream("mix", 0, 0, step))
    for i in range(len(IMAGES)):
        own = (batch.images[i, 0] == LABELS[i]).float().mean().item()
        # A permutation may leave an image where it is: it is then its own partner.
        assert own == pytest.approx(1.0 if batch.partners[i] == i else batch.lam)
        assert set(batch.images[i].unique().tolist()) <= {i, int(batch.partners[i])}


def test_partners_are_a_permutation():
    batch = CutMix().mix(IMAGES, LABELS, stream("mix", 0, 0, 0))
    assert sorted(batch.partners.tolist()) == LABELS.tolist()


def test_the_same_stream_gives_the_same_mix():
    first, second = (CutMix().mix(IMAGES, LABELS, stream("mix", 3, 1, 4)) for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert first.lam == second.lam


def test_probability_zero_never_mixes():
    batch = CutMix(probability=0.0).mix(IMAGES, LABELS, stream("mix", 0, 0, 0))
    assert batch.images is IMAGES
    assert batch.lam == 1.0


def test_unmixed_is_its_own_partner():
    batch = Unmixed().mix(IMAGES, LABELS, stream("mix", 0, 0, 0))
    assert torch.equal(batch.partners, batch.labels)
    assert batch.images is IMAGES


# --- MixUp ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", range(5))
def test_mixup_is_lambda_of_the_image_and_the_rest_of_its_partner(step):
    batch = MixUp(alpha=0.5).mix(IMAGES, LABELS, stream("mix", 0, 0, step))
    for i, partner in enumerate(batch.partners.tolist()):
        expected = (batch.lam * i + (1 - batch.lam) * partner) / 255
        torch.testing.assert_close(batch.images[i], torch.full((3, 8, 8), expected))


def test_mixup_and_cutmix_of_one_stream_share_their_partners():
    first, second = (mix().mix(IMAGES, LABELS, stream("mix", 0, 0, 0)) for mix in (MixUp, CutMix))
    assert torch.equal(first.partners, second.partners)


def test_lambda_follows_the_beta_distribution():
    # Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)).
    lams = [MixUp(alpha=2.0).mix(IMAGES, LABELS, stream("mix", 0, 0, i)).lam for i in range(2000)]
    drawn = torch.tensor(lams)
    assert drawn.mean().item() == pytest.approx(0.5, abs=0.02)
    assert drawn.var().item() == pytest.approx(1 / 20, abs=0.005)


def test_mixup_at_probability_zero_never_mixes():
    batch = MixUp(probability=0.0).mix(IMAGES, LABELS, stream("mix", 0, 0, 0))
    assert batch.images is IMAGES
