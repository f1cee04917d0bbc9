"""Data sets from scikit-learn and from parquet files that are as they should be; parts of them."""

import itertools

import pytest
import torch
from PIL import Image

from titn.data import parquet as parquet_layout
from titn.data.decoding import ImageError
from titn.data.sources import digits, parquet, published


def test_digits_are_the_1797_of_scikit_learn():
    dataset = digits()
    assert (len(dataset.train), len(dataset.evaluated)) == (1437, 360)
    assert dataset.train.pixels.shape[1:] == (3, 32, 32)
    assert dataset.class_names == tuple("0123456789")


def test_digits_test_images_are_not_in_train():
    dataset = digits(image_size=8)
    train = {image.numpy().tobytes() for image in dataset.train.pixels}
    assert not any(image.numpy().tobytes() in train for image in dataset.evaluated.pixels)


def test_validation_is_held_out_of_train_and_leaves_test_alone():
    test, validation = digits(image_size=8), digits(image_size=8, split="validation")
    assert len(validation.train) + len(validation.evaluated) == len(test.train)
    everything = torch.cat([validation.train.pixels, validation.evaluated.pixels])
    assert everything.sum() == test.train.pixels.sum()


def test_the_split_does_not_change_the_datas_identity():
    assert digits().digest == digits(split="validation", image_size=16).digest


@pytest.mark.parametrize(
    ("fraction", "reason"),
    # Half of an image of a class is rounded up or down, by how many images the class has.
    [(0.0, "holds out 0 of 1437 images"), (0.0035, "holds out no image of class 0")],
)
def test_a_validation_part_without_a_class_is_refused(fraction, reason):
    with pytest.raises(ValueError, match=f"^validation_fraction={fraction}: {reason}; choose"):
        digits(split="validation", validation_fraction=fraction)


@pytest.mark.parametrize(("image", "label"), [("img", "fine_label"), ("image", "label")])
def test_parquet_columns_of_both_spellings(hugging_face, image, label):
    root, arrays = hugging_face(image, label)
    dataset = parquet(root=str(root))
    expected = torch.from_numpy(arrays["train"]).permute(0, 3, 1, 2)
    assert torch.equal(dataset.train.pixels, expected)
    assert dataset.evaluated.labels.tolist() == [0, 1] * 3
    assert dataset.class_names == ("cat", "dog")


def test_grey_images_become_three_equal_channels_of_the_asked_size(hugging_face):
    root, _ = hugging_face("image", "label", shape=(28, 28))
    pixels = parquet(root=str(root)).train.pixels
    assert pixels.shape == (20, 3, 32, 32)
    assert torch.equal(pixels[:, 0], pixels[:, 2])


def test_a_constant_grey_image_keeps_its_value_when_resized(hugging_face, monkeypatch):
    levels = itertools.count()
    monkeypatch.setattr(
        parquet_layout, "read_image", lambda _: Image.new("L", (28, 28), next(levels))
    )
    root, _ = hugging_face("image", "label", shape=(28, 28))
    pixels = parquet(root=str(root)).train.pixels
    first = pixels[0, 0, 0, 0].item()
    assert [image.unique().tolist() for image in pixels] == [[first + i] for i in range(20)]


def test_images_are_decoded_once(hugging_face, monkeypatch):
    root, _ = hugging_face()
    first = parquet(root=str(root))
    monkeypatch.setattr(parquet_layout.Parquet, "decode", lambda self: pytest.fail("decoded again"))
    second = parquet(root=str(root))
    assert torch.equal(first.train.pixels, second.train.pixels)
    assert first.digest == second.digest


def test_where_the_files_lie_does_not_change_the_datas_identity(hugging_face, tmp_path):
    root, _ = hugging_face()
    digest = parquet(root=str(root)).digest
    moved = root.rename(tmp_path / "elsewhere")
    assert parquet(root=str(moved)).digest == digest


@pytest.mark.parametrize("root", [None, "no/such/place"])
def test_a_root_that_is_not_there_is_named(root):
    with pytest.raises(ValueError, match=r"^root="):
        parquet(root=root)


def test_a_directory_without_shards_says_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match=r"train-\*\.parquet"):
        parquet(root=str(tmp_path))


def test_labels_beyond_the_class_names_are_refused(hugging_face):
    root, _ = hugging_face(names=("cat", "dog"), labels=lambda count: [i % 3 for i in range(count)])
    with pytest.raises(
        ValueError, match=r"row 2 of train-.* has label 2, but there are 2 class names"
    ):
        parquet(root=str(root))


def test_a_row_that_is_not_an_image_is_named(hugging_face, monkeypatch):
    root, _ = hugging_face()

    def broken(_):
        raise ImageError("cut short")

    monkeypatch.setattr(parquet_layout, "read_image", broken)
    with pytest.raises(ValueError, match=r"row 0 of train-00000-of-00001\.parquet is not an .*cut"):
        parquet(root=str(root))


# --- the published ones ---------------------------------------------------------------------------


DIGITS = tuple("0123456789")
HUNDRED = tuple(f"class {i}" for i in range(100))


def test_a_published_set_is_read_from_parquet(hugging_face):
    root, arrays = hugging_face(names=HUNDRED, of="cifar100")
    dataset = published(name="cifar100", root=str(root))
    assert dataset.name == "cifar100"
    expected = torch.from_numpy(arrays["train"]).permute(0, 3, 1, 2)
    assert torch.equal(dataset.train.pixels, expected)


@pytest.mark.parametrize(
    ("name", "found"),
    [("mnist", "2 classes, 3 channels, 32 rows"), ("cifar10", "2 classes, 3 channels, 32 rows")],
)
def test_another_set_than_was_asked_for_is_refused(hugging_face, shrink, name, found):
    root, _ = hugging_face()
    shrink(name, (2,) * 10, (3, 3) + (0,) * 8)  # as many in all
    with pytest.raises(ValueError, match=rf"^root=.*is not {name}, .*; this has {found}"):
        published(name=name, root=str(root))


def test_another_set_of_the_same_form_is_refused(hugging_face, shrink):
    # As Fashion-MNIST is of MNIST's: 6,000 images of each class, of which MNIST has 5,923 to 6,742.
    root, _ = hugging_face("image", "label", shape=(28, 28), names=DIGITS, of="mnist")
    shrink("mnist", (2,) * 8 + (3, 1), (1,) * 10)
    with pytest.raises(ValueError, match="not mnist, which has 3 images of class 8; this has 2"):
        published(name="mnist", root=str(root))


@pytest.mark.parametrize(
    ("name", "shape", "found"),
    [
        ("mnist", (28, 28), "20 training and 10 test images; fetch it again"),
        ("cifar10", (32, 32, 3), "20 training and 10 test images; fetch it again"),
    ],
)
def test_a_part_of_a_published_set_is_refused(hugging_face, name, shape, found):
    root, _ = hugging_face("image", "label", shape=shape, names=DIGITS)
    with pytest.raises(ValueError, match=rf"^root=.*is not {name}, which has .*; this has {found}"):
        published(name=name, root=str(root))


def test_a_published_set_that_is_nowhere_says_how_to_get_it():
    with pytest.raises(ValueError, match=r"^root=null: mnist .*dataset\.download=true"):
        published(name="mnist")


def test_a_directory_in_neither_layout_names_both(tmp_path):
    with pytest.raises(
        ValueError, match=r"no train-\*\.parquet, nor torchvision's cifar-100-python/"
    ):
        published(name="cifar100", root=str(tmp_path))


# --- parts ----------------------------------------------------------------------------------------


def test_num_classes_keeps_the_first_of_train_and_test():
    dataset = digits(image_size=8, num_classes=3)
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.spec.num_classes == 3
    assert set(dataset.train.labels.tolist()) == set(dataset.evaluated.labels.tolist()) == {0, 1, 2}


def test_more_classes_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"^num_classes=11: digits has 10"):
        digits(num_classes=11)


def test_a_fraction_takes_its_share_of_every_class_and_leaves_test_alone():
    whole, part = digits(image_size=8), digits(image_size=8, fraction=0.25)
    counts, kept = whole.train.labels.bincount(), part.train.labels.bincount()
    assert kept.tolist() == [round(0.25 * count) for count in counts.tolist()]
    assert torch.equal(part.evaluated.pixels, whole.evaluated.pixels)


def test_a_smaller_fraction_is_a_part_of_a_larger_one():
    small, large = (
        {image.numpy().tobytes() for image in digits(image_size=8, fraction=f).train.pixels}
        for f in (0.1, 0.3)
    )
    assert small < large


def test_the_smallest_fraction_leaves_one_of_each_class():
    assert sorted(digits(image_size=8, fraction=1e-9).train.labels.tolist()) == list(range(10))


def test_what_is_held_out_does_not_depend_on_the_fraction():
    one, other = (digits(image_size=8, split="validation", fraction=f) for f in (1.0, 0.2))
    assert torch.equal(one.evaluated.pixels, other.evaluated.pixels)
    assert len(other.train) < len(one.train)


def test_a_part_keeps_the_datas_identity():
    assert digits(image_size=8, num_classes=3, fraction=0.5).digest == digits(image_size=8).digest


def test_classes_without_an_image_are_refused(hugging_face):
    root, _ = hugging_face(
        names=tuple("abcd"), labels=lambda count: [2 + i % 2 for i in range(count)]
    )
    reason = r"^root=.* has no image of class a in train, nor of 1 more; a class needs one"
    with pytest.raises(ValueError, match=reason):
        parquet(root=str(root), num_classes=2)


@pytest.mark.parametrize("size", [10**6, 10**10, 10**30])
def test_images_that_no_memory_can_hold_are_refused(size):
    with pytest.raises(ValueError, match=rf"^image_size={size}: .* choose a smaller one"):
        digits(image_size=size)
