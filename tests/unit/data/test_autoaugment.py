"""AutoAugment against torchvision's class, whose random draws are forced to be ours."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from titn.data import autoaugment

BOTH_SIGNS = ((False, False), (False, True), (True, False), (True, True))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def some_images(*, height: int = 32, width: int = 32) -> Tensor:
    """(6, 3, h, w) uint8: noise of full and of low contrast, a ramp, constants, a grey digit."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (3, height, width), generator=generator)
    low = torch.randint(90, 131, (3, height, width), generator=generator)
    ramp = torch.arange(3 * height * width).view(3, height, width) % 256
    digit = torch.zeros(3, height, width, dtype=torch.int64)
    digit[:, 6:-6, 10:-10] = torch.randint(0, 256, (height - 12, width - 20), generator=generator)
    constants = [torch.full((3, height, width), grey) for grey in (0, 255)]
    return torch.stack([noise, low, ramp, digit, *constants]).to(torch.uint8)


def same_rows(*, num_samples: int, subpolicy: int, negate: tuple[bool, bool]) -> dict[str, Tensor]:
    """Both operations of one sub-policy for every sample."""
    return {
        "subpolicy": torch.full((num_samples,), subpolicy),
        "apply": torch.ones(num_samples, 2, dtype=torch.bool),
        "negate": torch.tensor(negate).expand(num_samples, 2),
    }


def torchvision_view(
    monkeypatch: pytest.MonkeyPatch, image: Tensor, subpolicy: int, negate: tuple[bool, bool]
) -> Tensor:
    """What torchvision's class makes of (c, h, w) uint8 when both operations apply."""
    # A draw of -1 is below every probability, even 0; a sign of 0 is the negative one.
    forced = (subpolicy, torch.tensor([-1.0, -1.0]), torch.tensor([not sign for sign in negate]))
    monkeypatch.setattr(AutoAugment, "get_params", staticmethod(lambda _: forced))
    view: Tensor = AutoAugment(AutoAugmentPolicy.CIFAR10)(image)
    return view


def assert_equals_torchvision(
    monkeypatch: pytest.MonkeyPatch, images: Tensor, subpolicy: int, negate: tuple[bool, bool]
) -> None:
    rows = same_rows(num_samples=len(images), subpolicy=subpolicy, negate=negate)
    ours = autoaugment.apply(images=images, rows=rows)
    theirs = [torchvision_view(monkeypatch, image, subpolicy, negate) for image in images]
    torch.testing.assert_close(ours, torch.stack(theirs), rtol=0, atol=0)


def test_policy_equals_torchvisions_table() -> None:
    assert list(autoaugment.POLICY) == AutoAugment(AutoAugmentPolicy.CIFAR10).policies


@pytest.mark.parametrize("negate", BOTH_SIGNS)
@pytest.mark.parametrize("subpolicy", range(25))
def test_pixels_equal_torchvisions(
    monkeypatch: pytest.MonkeyPatch, subpolicy: int, negate: tuple[bool, bool]
) -> None:
    assert_equals_torchvision(monkeypatch, some_images(), subpolicy, negate)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("negate", BOTH_SIGNS)
@pytest.mark.parametrize("subpolicy", range(25))
def test_pixels_on_a_gpu_are_within_one_grey_level(
    subpolicy: int, negate: tuple[bool, bool]
) -> None:
    images = some_images()
    rows = same_rows(num_samples=len(images), subpolicy=subpolicy, negate=negate)
    on_cpu = autoaugment.apply(images=images, rows=rows).int()
    on_gpu = autoaugment.apply(images=images.cuda(), rows=rows).cpu().int()
    assert (on_cpu - on_gpu).abs().max() <= 1


@pytest.mark.parametrize("subpolicy", [1, 3])
def test_width_and_height_are_not_swapped(monkeypatch: pytest.MonkeyPatch, subpolicy: int) -> None:
    images = some_images(height=28, width=40)
    assert_equals_torchvision(monkeypatch, images, subpolicy, (False, False))


def test_contrast_rounds_as_torchvisions_class_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # transforms.v2 differs on about 3% of such small images, and hardly ever on larger ones.
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (512, 3, 4, 4), generator=generator, dtype=torch.uint8)
    assert_equals_torchvision(monkeypatch, images, 0, (False, False))


def test_batch_equals_one_by_one() -> None:
    images = some_images().repeat(50, 1, 1, 1)
    rows = autoaugment.draw(num_samples=len(images), rng=np.random.default_rng(1))
    batch = autoaugment.apply(images=images, rows=rows)
    for i in range(len(images)):
        row = {key: value[i : i + 1] for key, value in rows.items()}
        assert torch.equal(batch[i : i + 1], autoaugment.apply(images=images[i : i + 1], rows=row))


def test_each_operation_obeys_its_own_apply_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    images = some_images()[:1].repeat(4, 1, 1, 1)
    rows = same_rows(num_samples=4, subpolicy=23, negate=(False, False))  # Equalize, Invert
    rows["apply"] = torch.tensor([[False, False], [True, False], [False, True], [True, True]])
    neither, equalized, inverted, both = autoaugment.apply(images=images, rows=rows)
    assert torch.equal(neither, images[0])
    assert torch.equal(inverted, 255 - images[0])
    assert torch.equal(both, 255 - equalized)
    assert not torch.equal(equalized, images[0])


def test_input_is_not_modified() -> None:
    images = some_images().repeat(50, 1, 1, 1)
    before = images.clone()
    rows = autoaugment.draw(num_samples=len(images), rng=np.random.default_rng(2))
    autoaugment.apply(images=images, rows=rows)
    assert torch.equal(images, before)


def test_draws_have_the_promised_shapes_and_types() -> None:
    rows = autoaugment.draw(num_samples=7, rng=np.random.default_rng(0))
    assert {key: (value.shape, value.dtype) for key, value in rows.items()} == {
        "subpolicy": ((7,), torch.int64),
        "apply": ((7, 2), torch.bool),
        "negate": ((7, 2), torch.bool),
    }


def test_same_seed_draws_the_same_table() -> None:
    first, second = (
        autoaugment.draw(num_samples=100, rng=np.random.default_rng(3)) for _ in range(2)
    )
    for key in first:
        assert torch.equal(first[key], second[key]), key


# Tolerances below: more than 5 standard deviations of a share among 250,000 (or 10,000) draws.
def test_subpolicies_are_drawn_uniformly() -> None:
    rows = autoaugment.draw(num_samples=250_000, rng=np.random.default_rng(4))
    share = torch.bincount(rows["subpolicy"], minlength=25) / 250_000
    torch.testing.assert_close(share, torch.full((25,), 1 / 25), rtol=0, atol=0.0021)


def test_operations_apply_with_their_own_probability() -> None:
    rows = autoaugment.draw(num_samples=250_000, rng=np.random.default_rng(5))
    for subpolicy, operations in enumerate(autoaugment.POLICY):
        share = rows["apply"][rows["subpolicy"] == subpolicy].double().mean(dim=0)
        expected = torch.tensor([operation.probability for operation in operations]).double()
        torch.testing.assert_close(share, expected, rtol=0, atol=0.026)


def test_probability_zero_never_applies() -> None:
    rows = autoaugment.draw(num_samples=250_000, rng=np.random.default_rng(6))
    assert not rows["apply"][rows["subpolicy"] == 14, 1].any()


def test_half_of_the_signs_are_negative() -> None:
    rows = autoaugment.draw(num_samples=250_000, rng=np.random.default_rng(7))
    share = rows["negate"].double().mean(dim=0)
    torch.testing.assert_close(share, torch.full((2,), 0.5).double(), rtol=0, atol=0.006)
