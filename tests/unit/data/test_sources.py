"""Data sets from scikit-learn and from parquet files."""

import numpy as np
import pytest
import torch

from titn.data import parquet as parquet_layout
from titn.data.sources import digits, parquet


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


def test_a_validation_part_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"^validation_fraction=0\.0: "):
        digits(split="validation", validation_fraction=0.0)


@pytest.mark.parametrize(("image", "label"), [("img", "fine_label"), ("image", "label")])
def test_parquet_columns_of_both_spellings(hugging_face, image, label):
    root, arrays = hugging_face(image, label)
    dataset = parquet(name="pets", root=str(root))
    expected = torch.from_numpy(arrays["train"]).permute(0, 3, 1, 2)
    assert torch.equal(dataset.train.pixels, expected)
    assert dataset.evaluated.labels.tolist() == [0, 1] * 3
    assert dataset.class_names == ("cat", "dog")


def test_grey_images_become_three_equal_channels_of_the_asked_size(hugging_face):
    root, _ = hugging_face("image", "label", shape=(28, 28))
    pixels = parquet(name="grey", root=str(root)).train.pixels
    assert pixels.shape == (20, 3, 32, 32)
    assert torch.equal(pixels[:, 0], pixels[:, 2])


def test_a_constant_grey_image_keeps_its_value_when_resized(hugging_face, monkeypatch):
    monkeypatch.setattr(parquet_layout, "_decode", lambda *_: np.full((28, 28), 77, dtype=np.uint8))
    root, _ = hugging_face("image", "label", shape=(28, 28))
    pixels = parquet(name="grey", root=str(root)).train.pixels
    assert pixels.unique().tolist() == [77]


def test_images_are_decoded_once(hugging_face, monkeypatch):
    root, _ = hugging_face()
    first = parquet(name="pets", root=str(root))
    monkeypatch.setattr(parquet_layout.Parquet, "decode", lambda self: pytest.fail("decoded again"))
    second = parquet(name="pets", root=str(root))
    assert torch.equal(first.train.pixels, second.train.pixels)
    assert first.digest == second.digest


def test_a_broken_cache_is_made_anew(hugging_face, tmp_path):
    root, _ = hugging_face()
    first = parquet(name="pets", root=str(root))
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(cached.read_bytes()[:100])
    assert torch.equal(parquet(name="pets", root=str(root)).train.pixels, first.train.pixels)


def test_where_the_files_lie_does_not_change_the_datas_identity(hugging_face, tmp_path):
    root, _ = hugging_face()
    digest = parquet(name="pets", root=str(root)).digest
    moved = root.rename(tmp_path / "elsewhere")
    assert parquet(name="pets", root=str(moved)).digest == digest


@pytest.mark.parametrize("root", [None, "no/such/place"])
def test_a_root_that_is_not_there_is_named(root):
    with pytest.raises(ValueError, match=r"^root="):
        parquet(name="pets", root=root)


def test_a_directory_without_shards_says_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match=r"train-\*\.parquet"):
        parquet(name="pets", root=str(tmp_path))


def test_labels_beyond_the_class_names_are_refused(hugging_face):
    root, _ = hugging_face(names=("cat", "dog"), labels=lambda count: [i % 3 for i in range(count)])
    with pytest.raises(ValueError, match="labels 0 to 2, but there are 2 class names"):
        parquet(name="pets", root=str(root))


def test_a_row_that_is_not_an_image_is_named(hugging_face, monkeypatch):
    root, _ = hugging_face()

    def broken(*_):
        raise OSError

    monkeypatch.setattr(parquet_layout.Image, "open", broken)
    with pytest.raises(ValueError, match=r"row 0 of train-00000-of-00001\.parquet"):
        parquet(name="pets", root=str(root))
