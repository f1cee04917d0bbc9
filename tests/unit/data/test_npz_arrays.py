"""Arrays of images and labels in one file."""

import zipfile

import numpy as np
import pytest
import torch

from titn.data.sources import npz

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])
MEDMNIST = ("train_images", "train_labels", "test_images", "test_labels")
GOOD = {"x_train": PIXELS, "y_train": LABELS, "x_test": PIXELS[:3] // 2, "y_test": LABELS[:3]}


@pytest.fixture
def saved(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "mine.npz", **arrays)
        return str(tmp_path / "mine.npz")

    return save


def test_images_and_labels_are_those_of_the_arrays(saved):
    dataset = npz(root=saved(**GOOD))
    assert dataset.train.pixels.permute(0, 2, 3, 1).numpy().tolist() == PIXELS.tolist()
    assert dataset.train.labels.tolist() == LABELS.tolist()
    assert dataset.class_names == ("0", "1", "2")
    assert len(dataset.evaluated) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a | {"x_train": PIXELS.transpose(0, 3, 1, 2)},
        lambda a: a | {"x_train": (PIXELS / 255).astype(np.float32)},
        lambda a: a | {"y_train": LABELS[:, None].astype(np.uint8)},
        lambda a: a | {"y_train": np.eye(3)[LABELS]},
        lambda a: {k.replace("x_", "X_"): v for k, v in a.items()},
        lambda a: dict(
            zip(MEDMNIST, a.values(), strict=True)
        ) | {"val_images": PIXELS},
    ],
)  # fmt: skip
def test_the_same_data_set_in_other_forms_is_the_same(saved, change):
    assert npz(root=saved(**change(GOOD))).digest == npz(root=saved(**GOOD)).digest


def test_grey_images_have_no_axis_of_channels(saved):
    grey = {"x_train": PIXELS[..., 0], "x_test": PIXELS[:3, ..., 1]}
    pixels = npz(root=saved(**GOOD | grey)).train.pixels
    assert pixels.shape == (6, 3, 32, 32)
    assert pixels[:, 2].numpy().tolist() == PIXELS[..., 0].tolist()


def test_names_of_classes_may_be_given(saved):
    names = np.array(["ant", "bee", "cat"])
    for given in (names, names.astype("S")):  # text, or bytes as h5py has it
        assert npz(root=saved(**GOOD, class_names=given)).class_names == ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x_train": PIXELS.astype(np.float32)}, "x_train: goes from 0 to 255, and only of 0 to 1"),
        ({"x_train": PIXELS.astype(np.int32)}, "x_train: is int32; give uint8"),
        ({"x_train": PIXELS[..., None]}, "x_train: is (6, 32, 32, 3, 1); give (N, h, w)"),
        ({"x_test": PIXELS[:3, :16]}, "has images of (3, 32, 32) and (3, 16, 32)"),
        ({"y_train": LABELS[:5]}, "has 6 images and 5 labels of train"),
        ({"y_train": LABELS / 2}, "y_train: is float64 (6,); give whole numbers"),
        ({"y_train": LABELS - 1}, "y_train: goes from -1 to 1"),
        ({"y_test": LABELS[:3] * 0}, "has no image of class 1 in test"),
        ({"class_names": np.array(["a"])}, "and labels up to 2; give a name for each of 0 to 2"),
        (
            {"x_train": PIXELS / 255**2},
            "x_train: ends at 0.00392, and 1 is white: all images would",
        ),
        ({"x_test": PIXELS[3:]}, "all 3 images of test/ are in train/ too"),
        (
            {"y_train": LABELS + 1, "y_test": LABELS[:3] + 1},
            "has labels from 1 on; subtract 1: the first class is 0",
        ),
        ({"class_names": np.array(["a", "b", ""])}, "has a class without a name"),
        ({"class_names": np.array([b"a", b"b", b"\xff"])}, "class_names: is not UTF-8"),
        (
            {"y_test": np.array([None, 1, 2])},
            "has an array of Python objects, which could run code; save arrays of numbers",
        ),
    ],
)
def test_an_array_that_cannot_be_used_is_named(saved, change, said):
    with pytest.raises(ValueError, match=r"^root=") as raised:
        npz(root=saved(**GOOD | change))
    assert said in str(raised.value)


def test_a_zip_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.npz", "w") as archive:
        for name in GOOD:
            archive.writestr(f"{name}.npy", b"hello")
    with pytest.raises(ValueError, match=r"y_train: is no array; write the file with numpy.savez"):
        npz(root=str(tmp_path / "mine.npz"))


@pytest.mark.parametrize("storage", ["ram", "disk"])
def test_images_that_are_there_twice_are_said_each_time(
    saved, storage, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("TITN_CACHE", str(tmp_path / "cache"))
    file = saved(**GOOD | {"x_test": np.stack([PIXELS[4], PIXELS[1] // 2, PIXELS[2] // 2])})
    for _ in range(2):
        npz(root=file, storage=storage)
        said = capsys.readouterr().err
        assert "1 of 3 test images are training images too (train/1/row 4 is test/0/row 0)" in said


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY"])
def test_what_is_no_such_file_is_refused(tmp_path, content):
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"is no \.npz file; write one with numpy.savez"):
        npz(root=str(tmp_path / "mine.npz"))


def test_a_fourth_channel_is_left_out_only_if_it_is_opaque(saved):
    fourth = [np.full_like(images[..., :1], 255) for images in (GOOD["x_train"], GOOD["x_test"])]
    parts = zip(("x_train", "x_test"), fourth, strict=True)
    file = saved(**GOOD | {name: np.concatenate([GOOD[name], one], -1) for name, one in parts})
    assert torch.equal(npz(root=file).train.pixels, npz(root=saved(**GOOD)).train.pixels)

    fourth[1][0, 0, 0] = 254
    parts = zip(("x_train", "x_test"), fourth, strict=True)
    file = saved(**GOOD | {name: np.concatenate([GOOD[name], one], -1) for name, one in parts})
    assert npz(root=file, channels=4).evaluated.pixels[0, 3, 0, 0] == 254
    with pytest.raises(ValueError, match=r"root=.*not opaque; dataset\.channels=4 keeps it"):
        npz(root=file)
