"""Anyone's class folders."""

import os
import re
import shutil
import subprocess
import sys
import unicodedata

import pytest
import torch
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
                size = (20 + number, 30 if split == "train" else 31)
                Image.new("RGB", size, colour).save(directory / f"{number}.png")
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


LEFT_BEHIND = (
    ".DS_Store", "._0.png", ".directory", ".ipynb_checkpoints", "Thumbs.db", "desktop.ini",
    "DESKTOP.INI", "ehthumbs_vista.db", "Icon\r", "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN",
    "lost+found", "0.png:Zone.Identifier", "~$0.png", "0.png~",
)  # fmt: skip


@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_what_file_managers_and_archivers_leave_is_no_class_and_no_image(root, name):
    before = folder(root=str(root)).digest
    (root / "train" / name).mkdir()
    (root / "train" / "ants" / name).write_text("")
    assert folder(root=str(root)).digest == before


def test_files_that_are_exchanged_with_their_times_are_decoded_anew(root):
    files = [root / "train" / name / "0.bmp" for name in ("ants", "bees")]
    for file in files:
        Image.open(file.with_suffix(".png")).save(file)
        file.with_suffix(".png").unlink()
    facts = [file.stat() for file in files]
    before = folder(root=str(root))
    contents = [file.read_bytes() for file in files]
    for file, content, stat in zip(files, reversed(contents), facts, strict=True):
        file.write_bytes(content)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = folder(root=str(root))
    assert torch.equal(after.train.pixels[[0, 2]], before.train.pixels[[2, 0]])
    assert after.digest != before.digest


def test_files_that_change_while_they_are_read_are_not_taken(root, monkeypatch, tmp_path):
    def change(file, *how):
        decoded = real(file, *how)
        Image.new("RGB", (20, 30), (0, 250, 0)).save(root / "train" / "ants" / "0.png")
        return decoded

    real = folder_layout.decode_channels
    monkeypatch.setattr(folder_layout, "decode_channels", change)
    with pytest.raises(ValueError, match=r"^root=.*: its files changed while they were read; "):
        folder(root=str(root))
    assert not (tmp_path / "cache").exists()


def test_images_are_decoded_once(root, monkeypatch):
    folder(root=str(root))
    monkeypatch.setattr(folder_layout, "decode_channels", lambda *_: pytest.fail("decoded again"))
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
    with pytest.raises(ValueError, match=r"2 of 5 files of train cannot be read") as raised:
        folder(root=str(root))
    assert "train/ants/notes.txt (of no known image format)" in str(raised.value)
    assert "train/bees/0.png (" in str(raised.value)


def test_of_many_bad_files_some_are_named_and_all_counted(root):
    for number in range(8):
        (root / "test" / "ants" / f"bad{number}").write_text("")
    with pytest.raises(
        ValueError, match=r"8 of 10 files of test .* and 3 more; repair or remove them"
    ):
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
    with pytest.raises(ValueError, match="no image of class bees in test; a class needs one"):
        folder(root=str(root))


def test_a_missing_split_is_named(root):
    shutil.rmtree(root / "test")
    with pytest.raises(ValueError, match="has no directory test/; it needs train/CLASS"):
        folder(root=str(root))


@pytest.mark.parametrize(
    ("moves", "at", "remedy"),
    [
        ([("test", "val")], ".", "has no directory test/; rename val/ if it is what is meant"),
        ([("train", "Train")], ".", "has no directory train/; rename Train/ if it is what"),
        ([], "..", "has no directory train/; give the directory mine/ in it"),
        ([], "train", "has no directory train/; give the directory above it"),
        ([], "train/ants/0.png", "is a file, not a directory; give the one with train/"),
        ([("test/bees", "test/bees ")], ".", "only train/ has bees; only test/ has 'bees '; give"),
    ],
)
def test_a_data_set_that_is_nearly_there_has_a_remedy(root, moves, at, remedy):
    for old, new in moves:
        (root / old).rename(root / new)
    with pytest.raises(ValueError, match=rf"^root=\S+: .*{re.escape(remedy)}"):
        folder(root=str(root / at))


def test_parquet_files_are_not_class_folders(tmp_path):
    (tmp_path / "train-0.parquet").touch()
    with pytest.raises(ValueError, match=r"its parquet files are read by dataset=parquet"):
        folder(root=str(tmp_path))


def test_test_images_that_are_all_trained_on_are_refused(root):
    shutil.rmtree(root / "test")
    (root / "test").symlink_to("train")
    for _ in ("decoded", "cached"):
        with pytest.raises(ValueError, match=r"^root=\S+: all 4 images of test/ are in train/ too"):
            folder(root=str(root))


@pytest.mark.parametrize("kind", ["a link", "a directory", "empty"])
def test_what_cannot_be_read_is_no_copy_of_its_like(root, kind):
    for file in root.glob("*/*/*.png"):
        file.unlink()
        if kind == "a link":
            file.symlink_to("nowhere")
        elif kind == "a directory":
            file.mkdir()
        else:
            file.touch()
    with pytest.raises(ValueError, match="files of train cannot be read as images: train/ants/"):
        folder(root=str(root))


def test_images_that_are_there_twice_are_said(root, capsys):
    shutil.copy(root / "test" / "ants" / "0.png", root / "train" / "ants" / "9.png")
    shutil.copy(root / "train" / "ants" / "1.png", root / "train" / "bees" / "9.png")
    folder(root=str(root))
    said = capsys.readouterr().err
    assert (
        "1 of 2 test images are training images too (train/ants/9.png is test/ants/0.png)" in said
    )
    assert (
        "1 training images have more than one class (train/ants/1.png is train/bees/9.png)" in said
    )


def test_an_image_that_icloud_has_not_brought_is_named(root):
    (root / "train" / "ants" / ".7.png.icloud").write_bytes(b"bplist00")
    with pytest.raises(ValueError, match=r"\.7\.png\.icloud \(in iCloud and not yet on this"):
        folder(root=str(root))


def test_what_is_held_out_has_images_of_every_class(root):
    for number in range(2, 20):
        Image.new("RGB", (number, 30)).save(root / "train" / "ants" / f"{number}.png")
    reason = r"^validation_fraction=0\.2: holds out no image of class bees; choose another"
    with pytest.raises(ValueError, match=reason):
        folder(root=str(root), split="validation", validation_fraction=0.2)


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


# --- odd names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["two words", "--ants", "Käfer 甲虫", "a\nb", "\x1b[31mred", "a=b,c"]
)
def test_any_name_that_can_be_written_is_a_class(root, name):
    for split in ("train", "test"):
        (root / split / "bees").rename(root / split / name)
    for _ in ("decoded", "cached"):
        assert set(folder(root=str(root)).class_names) == {"ants", name}


FORMS = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]


def test_a_class_is_one_however_its_accents_are_written(root):
    (root / "train" / "ants").rename(root / "train" / FORMS[0])
    (root / "test" / "ants").rename(root / "test" / FORMS[1])
    mixed = folder(root=str(root))
    (root / "train" / FORMS[0]).rename(root / "train" / FORMS[1])
    assert mixed.class_names == ("bees", FORMS[0])
    assert folder(root=str(root)).digest == mixed.digest


def test_two_classes_that_look_alike_are_refused(root):
    for old, new in zip(("ants", "bees"), FORMS, strict=True):
        (root / "train" / old).rename(root / "train" / new)
    with pytest.raises(ValueError, match=r"train/ has two directories café, whose names"):
        folder(root=str(root))


def test_two_files_that_look_alike_are_refused(root):
    """As one they would be counted twice, and one of them would be in no digest."""
    for form in FORMS:
        shutil.copy(root / "train" / "ants" / "0.png", root / "train" / "ants" / f"{form}.png")
    with pytest.raises(ValueError, match=r"two files of train/ants have names.*café.png; rename"):
        folder(root=str(root))


def test_the_names_of_classes_do_not_depend_on_the_locale(root):
    for split in ("train", "test"):
        (root / split / "bees").rename(root / split / "café")
        (root / split / "ants").rename(root / split / "甲虫")
    ask = "import sys; from titn.data import layouts; "
    ask += "print(ascii(list(layouts.folder(root=sys.argv[1]).train)))"
    # Python would take the C locale for UTF-8; told not to, it takes it for ASCII.
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", ask, str(root)],
        env=os.environ | locale,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ascii(["café", "甲虫"])


def test_a_class_that_no_record_could_name_is_refused(root):
    for split in ("train", "test"):
        (root / split / "bees").rename(root / split / os.fsdecode(b"caf\xe9"))
    with pytest.raises(ValueError, match=r"^root=.*has a class caf\\udce9, which is not UTF-8"):
        folder(root=str(root))


def test_a_files_name_may_be_anything(root):
    image = root / "train" / "ants" / "0.png"
    image.rename(image.with_name(os.fsdecode(b"-\xff \n.png")))
    assert len(folder(root=str(root)).train) == 4


def test_no_name_reaches_the_terminal_as_it_is(root):
    (root / "train" / "ants" / "\x1b]0;x\x07\n").write_text("hello")
    with pytest.raises(ValueError, match=r"train/ants/\\x1b\]0;x\\x07\\n \(of no known") as raised:
        folder(root=str(root))
    assert str(raised.value).isprintable()


# --- what is no file, and what cannot be read -----------------------------------------------------


def test_links_are_followed(root, tmp_path):
    plain = folder(root=str(root))
    files = tmp_path / "files"
    (root / "train").rename(files)
    (root / "train").mkdir()
    (root / "train" / "ants").symlink_to(files / "ants")
    (root / "train" / "bees").mkdir()
    for file in (files / "bees").iterdir():
        (root / "train" / "bees" / file.name).symlink_to(file)
    linked = folder(root=str(root))
    assert torch.equal(linked.train.pixels, plain.train.pixels)
    assert linked.digest == plain.digest


@pytest.mark.parametrize(
    ("target", "reason"),
    [("nowhere", "a link that leads nowhere"), ("link", "a link that leads in circles")],
)
def test_a_link_to_no_image_is_named(root, target, reason):
    (root / "train" / "ants" / "link").symlink_to(target)
    with pytest.raises(ValueError, match=rf"train/ants/link \({reason}\)"):
        folder(root=str(root))


@pytest.mark.parametrize(
    ("target", "reason"),
    [("nowhere", "a link that leads nowhere"), ("wasps", "a link that leads in circles")],
)
def test_a_link_to_no_class_is_named(root, target, reason):
    (root / "train" / "wasps").symlink_to(target)
    with pytest.raises(
        ValueError, match=rf"train/wasps is no directory but {reason}; repair or remove it"
    ):
        folder(root=str(root))


def test_a_pipe_is_not_waited_for(root):
    os.mkfifo(root / "train" / "ants" / "pipe")
    with pytest.raises(ValueError, match=r"train/ants/pipe \(not a file\)"):
        folder(root=str(root))


def test_a_directory_among_the_images_is_named(root):
    (root / "train" / "ants" / "more").mkdir()
    with pytest.raises(ValueError, match=r"train/ants/more \(Is a directory\)"):
        folder(root=str(root))


def test_a_directory_that_cannot_be_listed_is_named(root, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.iterdir", denied)
    with pytest.raises(ValueError, match=r"^root=\S+: \S+train cannot be read \(Permission denied"):
        folder(root=str(root))


def test_a_file_that_goes_while_it_is_read_is_named(root, monkeypatch):
    def go(file, *how):
        file.unlink()
        return real(file, *how)

    real = folder_layout.decode_channels
    monkeypatch.setattr(folder_layout, "decode_channels", go)
    with pytest.raises(ValueError, match=r"train/ants/0\.png \(No such file or directory\)"):
        folder(root=str(root))


def test_an_image_size_that_no_memory_can_hold_is_refused(root):
    with pytest.raises(ValueError, match=r"^image_size=10000000: .* makes them smaller"):
        folder(root=str(root), image_size=10**7)
