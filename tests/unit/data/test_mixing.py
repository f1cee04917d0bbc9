"""CutMix by hand and as a pure function of its stream."""

import pytest
import torch
from scipy.stats import beta, ks_2samp, kstest

from titn.data.mixing import Box, CutMix, CutMixMixUp, MixUp, Unmixed, draw_box, paste
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


# --- CutMix or MixUp ------------------------------------------------------------------------------

SWITCHES = range(2000)


def is_cutmix(batch):
    """CutMix leaves bytes, MixUp floating point."""
    return batch.images.dtype == torch.uint8


@pytest.mark.parametrize("step", range(12))
def test_a_batch_is_what_the_chosen_one_alone_makes_after_the_switch(step):
    both = CutMixMixUp(mixup_alpha=0.8, cutmix_alpha=1.0)
    found = both.mix(IMAGES, LABELS, stream("mix", 0, 0, step))
    rng = stream("mix", 0, 0, step)
    alone = CutMix(alpha=1.0) if rng.random() < 0.5 else MixUp(alpha=0.8)
    expected = alone.mix(IMAGES, LABELS, rng)
    assert is_cutmix(found) == isinstance(alone, CutMix)
    assert torch.equal(found.images, expected.images)
    assert torch.equal(found.partners, expected.partners)
    assert found.lam == expected.lam


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0.0), (0.25, 0.25), (0.5, 0.5), (1.0, 1)])
def test_the_share_of_cutmix_is_the_switch_probability(probability, share):
    both = CutMixMixUp(switch_probability=probability)
    batches = [both.mix(IMAGES, LABELS, stream("mix", 0, 0, step)) for step in SWITCHES]
    # One standard error is 0.011 at most.
    assert sum(map(is_cutmix, batches)) / len(batches) == pytest.approx(share, abs=0.035)


def test_lambdas_of_the_two_follow_their_own_distributions():
    both = CutMixMixUp(mixup_alpha=0.8, cutmix_alpha=4.0)
    batches = [both.mix(IMAGES, LABELS, stream("mix", 0, 0, step)) for step in SWITCHES]
    mixed_up = [batch.lam for batch in batches if not is_cutmix(batch)]
    assert kstest(mixed_up, beta(0.8, 0.8).cdf).pvalue > 0.01
    # Those of CutMix after its correction, in other streams.
    cut = [batch.lam for batch in batches if is_cutmix(batch)]
    alone = CutMix(alpha=4.0)
    others = [alone.mix(IMAGES, LABELS, stream("mix", 1, 0, step)).lam for step in SWITCHES]
    assert ks_2samp(cut, others).pvalue > 0.01


def test_the_switch_probability_leaves_a_batch_alone_that_goes_to_the_same_one():
    for step in range(40):
        rarely, often = (
            CutMixMixUp(switch_probability=share).mix(IMAGES, LABELS, stream("mix", 0, 0, step))
            for share in (0.3, 0.7)
        )
        if is_cutmix(rarely) == is_cutmix(often):
            assert torch.equal(rarely.images, often.images)


def test_the_probability_leaves_a_batch_alone_that_is_mixed_all_the_same():
    for step in range(40):
        rarely, always = (
            CutMixMixUp(probability=share).mix(IMAGES, LABELS, stream("mix", 0, 0, step))
            for share in (0.5, 1.0)
        )
        assert rarely.lam == 1.0 or torch.equal(rarely.images, always.images)


def test_cutmix_or_mixup_at_probability_zero_never_mixes():
    for step in range(4):
        batch = CutMixMixUp(probability=0.0).mix(IMAGES, LABELS, stream("mix", 0, 0, step))
        assert batch.images is IMAGES
