"""Anyone's class folders."""

import shutil

import pytest
from PIL import Image

from titn.data import folder as folder_layout
from titn.data.sources import folder


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Two classes with two images each in train, one in test; colours tell them apart."""
    monkeypatch.setenv("TITN_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "mine"
    for name, colour in (("ants", (250, 0, 0)), ("bees", (0, 0, 250))):
        for split, count in (("train", 2), ("test", 1)):
            directory = root / split / name
            directory.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (20 + number, 30), colour).save(directory / f"{number}.png")
    return root


def test_classes_are_the_directories_in_order(root):
    dataset = folder(root=str(root))
    assert dataset.class_names == ("ants", "bees")
    assert dataset.train.labels.tolist() == [0, 0, 1, 1]
    assert dataset.train.pixels.shape == (4, 3, 32, 32)
    assert dataset.evaluated.pixels[:, :, 0, 0].tolist() == [[250, 0, 0], [0, 0, 250]]


def test_formats_sizes_and_modes_may_differ(root):
    Image.new("L", (300, 7), 128).save(root / "train" / "ants" / "grey.jpg")
    Image.new("RGBA", (5, 5)).save(root / "train" / "bees" / "clear.webp")
    assert len(folder(root=str(root), image_size=16).train) == 6


def test_files_of_the_system_are_left_out(root):
    (root / "train" / ".DS_Store").write_text("")
    (root / "train" / "ants" / ".hidden").write_text("")
    assert len(folder(root=str(root)).train) == 4


def test_images_are_decoded_once(root, monkeypatch):
    folder(root=str(root))
    monkeypatch.setattr(folder_layout, "picture", lambda *_: pytest.fail("decoded again"))
    assert len(folder(root=str(root)).train) == 4


def test_another_size_is_decoded_anew(root):
    folder(root=str(root))
    assert folder(root=str(root), image_size=8).train.pixels.shape == (4, 3, 8, 8)


def test_a_replaced_image_changes_the_identity_and_a_moved_root_does_not(root, tmp_path):
    before = folder(root=str(root)).digest
    moved = root.rename(tmp_path / "elsewhere")
    assert folder(root=str(moved)).digest == before
    Image.new("RGB", (21, 30)).save(moved / "test" / "ants" / "0.png")
    assert folder(root=str(moved)).digest != before


def test_every_file_that_is_no_image_is_named(root):
    (root / "train" / "ants" / "notes.txt").write_text("hello")
    image = root / "train" / "bees" / "0.png"
    image.write_bytes(image.read_bytes()[:50])
    with pytest.raises(ValueError, match=r"2 of 5 files of train/ cannot be read") as raised:
        folder(root=str(root))
    assert "train/ants/notes.txt (of no known image format)" in str(raised.value)
    assert "train/bees/0.png (" in str(raised.value)


def test_of_many_bad_files_some_are_named_and_all_counted(root):
    for number in range(8):
        (root / "test" / "ants" / f"bad{number}").write_text("")
    with pytest.raises(ValueError, match=r"8 of 10 files of test/ .* and 3 more; mend them"):
        folder(root=str(root))


def test_a_file_of_bad_images_is_not_cached(root, tmp_path):
    (root / "train" / "ants" / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"notes\.txt"):
        folder(root=str(root))
    assert not (tmp_path / "cache").exists()


def test_classes_that_differ_between_train_and_test_are_named(root):
    (root / "test" / "bees").rename(root / "test" / "wasps")
    with pytest.raises(
        ValueError, match="classes differ: only train/ has bees; only test/ has wasps"
    ):
        folder(root=str(root))


def test_an_empty_class_is_named(root):
    (root / "test" / "bees" / "0.png").unlink()
    with pytest.raises(ValueError, match="test/bees/ is empty"):
        folder(root=str(root))


def test_a_missing_split_is_named(root):
    shutil.rmtree(root / "test")
    with pytest.raises(ValueError, match="has no directory test/; it needs train/CLASS"):
        folder(root=str(root))


def test_a_file_in_no_class_is_named(root):
    (root / "train" / "stray.png").write_text("")
    with pytest.raises(ValueError, match=r"train/stray\.png is in no class"):
        folder(root=str(root))


def test_one_class_is_not_enough(root):
    for split in ("train", "test"):
        shutil.rmtree(root / split / "bees")
    with pytest.raises(ValueError, match="has one class, ants"):
        folder(root=str(root))


@pytest.mark.parametrize("place", [None, "no/such/place"])
def test_a_root_that_is_not_there_is_named(place):
    with pytest.raises(ValueError, match=r"^root="):
        folder(root=place)
