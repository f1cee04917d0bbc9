"""Data sets from scikit-learn and from parquet files."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from titn.data import parquet as parquet_layout
from titn.data import shards
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


def test_a_validation_part_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"^validation_fraction=0\.0: "):
        digits(split="validation", validation_fraction=0.0)


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
    constant = Image.new("L", (28, 28), 77)
    monkeypatch.setattr(parquet_layout, "read_image", lambda _: constant)
    root, _ = hugging_face("image", "label", shape=(28, 28))
    pixels = parquet(root=str(root)).train.pixels
    assert pixels.unique().tolist() == [77]


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


# --- shards that are not what they should be ------------------------------------------------------

FIRST = "train-00000-of-00001.parquet"


@pytest.fixture
def shard(hugging_face):
    """The train shard of a good data set, and what a change of its table makes of the data set."""
    root, _ = hugging_face("image", "label")
    path = root / FIRST

    def changed(change=lambda table: table, **columns) -> None:
        table = pq.read_table(path)
        for name, values in columns.items():
            table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
        pq.write_table(change(table), path)
        parquet(root=str(root))

    return path, changed


@pytest.mark.parametrize("keep", [0, 4, 100, -20])
def test_a_shard_that_was_cut_short_is_named(shard, keep):
    path, _ = shard
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=rf"^root=.*: {FIRST} cannot be read as parquet .*again$"):
        parquet(root=str(path.parent))


def test_a_page_that_was_overwritten_is_named(shard):
    path, _ = shard
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(300) + content[304:])
    with pytest.raises(ValueError, match=rf"^root=.*{FIRST} "):
        parquet(root=str(path.parent))


def test_a_page_with_another_checksum_is_named(shard):
    path, _ = shard
    table = pq.read_table(path)
    plainly = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pq.write_table(table, path, write_page_checksum=True, **plainly)
    content = path.read_bytes()
    at = content.index(b"IDAT") + 10
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(ValueError, match=rf"{FIRST} cannot be read as parquet .*CRC"):
        parquet(root=str(path.parent))


def test_what_is_no_file_is_not_opened(shard):
    path, _ = shard
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ValueError, match=rf"{FIRST} cannot be read as parquet \(not a file\)"):
        parquet(root=str(path.parent))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(5, "Input/output error"), "Input/output error"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (pa.ArrowMemoryError("malloc of size 9 failed"), "malloc of size 9 failed"),
        (pa.ArrowNotImplementedError("no such codec"), "no such codec"),
    ],
)
def test_what_the_system_and_pyarrow_say_is_passed_on(shard, monkeypatch, error, reason):
    path, _ = shard

    def fails(*_, **__):
        raise error

    monkeypatch.setattr(shards.pq, "ParquetFile", fails)
    with pytest.raises(ValueError, match=rf"{FIRST} cannot be read as parquet \({reason}\)"):
        parquet(root=str(path.parent))


IMAGE = {"bytes": b"", "path": None}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"image": [7] * 20}, f"image of {FIRST} is int64; it has to be a struct"),
        ({"image": [{"bytes": "text"}] * 20}, f"image of {FIRST} is struct<bytes: string>"),
        ({"image": [{"path": "x"}] * 20}, f"image of {FIRST} is struct<path: string>"),
        ({"label": [0.5] * 20}, f"label of {FIRST} is double; it has to be an integer"),
        ({"label": ["ant"] * 20}, f"label of {FIRST} is string; it has to be an integer"),
        ({"label": [True] * 20}, f"label of {FIRST} is bool; it has to be an integer"),
        ({"label": [0, None, 1, 0] * 5}, f"row 1 of {FIRST} has no label; "),
        ({"label": [0, 1, -1, 0] * 5}, f"row 2 of {FIRST} has label -1, "),
        ({"label": [0, 2**62] * 10}, f"row 1 of {FIRST} has label {2**62}, "),
        ({"image": [IMAGE, None] * 10}, f"row 0 of {FIRST} is not an image"),
    ],
)
def test_cells_that_are_no_images_and_labels_are_named(shard, columns, reason):
    _, changed = shard
    with pytest.raises(ValueError, match=rf"^root=\S+: {reason}"):
        changed(**columns)


def test_a_row_without_an_image_is_named(shard):
    path, changed = shard
    good = pq.read_table(path)["image"].to_pylist()
    with pytest.raises(ValueError, match=rf"row 3 of {FIRST} has no image; "):
        changed(image=[*good[:3], {"bytes": None, "path": "a.png"}, *good[4:]])


def test_a_split_without_rows_is_named(shard):
    _, changed = shard
    with pytest.raises(ValueError, match="train has no rows"):
        changed(lambda table: table.slice(0, 0))


def test_more_rows_than_bytes_are_not_read(shard):
    _, changed = shard
    rows = 1_000_000
    columns = {"image": [{"bytes": b"x", "path": None}] * rows, "label": [0] * rows}
    with pytest.raises(
        ValueError, match=rf"{FIRST} cannot .*{rows} rows are more than it has bytes"
    ):
        changed(lambda _: pa.table(columns))


def test_a_column_that_is_there_twice_is_named(shard):
    _, changed = shard
    with pytest.raises(ValueError, match=f"{FIRST} has two columns label"):
        changed(lambda table: table.append_column("label", table["label"]))


def test_images_of_several_sizes_are_sent_elsewhere(hugging_face, monkeypatch):
    root, _ = hugging_face()
    sizes = iter([(4, 4), *[(4, 5)] * 100])
    monkeypatch.setattr(parquet_layout, "read_image", lambda _: Image.new("L", next(sizes)))
    with pytest.raises(ValueError, match=r"images of train differ in size .*dataset=folder"):
        parquet(root=str(root))


def said(metadata: bytes) -> dict:
    return {"change": lambda table: table.replace_schema_metadata({"huggingface": metadata})}


def names(*names: object) -> bytes:
    return json.dumps({"info": {"features": {"label": {"names": names}}}}).encode()


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (b"{", "has metadata of another form than the hub's"),
        (b"\xff", "has metadata of another form than the hub's"),
        (b"[1]", "has metadata of another form than the hub's"),
        (b"[" * 100_000, "has metadata of another form than the hub's"),
        (b'{"info": [5]}', "has metadata of another form than the hub's"),
        (names("cat", 5), "has names of classes that are not strings"),
        (names("cat", "cat"), "has two classes cat; give each a name of its own"),
        (names("cat", "\ud800"), r"has a class \\ud800, which is not UTF-8"),
        (names(*map(str, range(40_000))), "has 40000 classes; 32768 are the most"),
    ],
)
def test_metadata_that_does_not_name_the_classes_is_refused(shard, metadata, reason):
    _, changed = shard
    with pytest.raises(ValueError, match=rf"^root=\S+: {FIRST} {reason}"):
        changed(**said(metadata))


@pytest.mark.parametrize("metadata", [b"{}", b'{"info": null}', b'{"info": {"features": {}}}'])
def test_without_names_the_labels_are_the_names(shard, metadata):
    path, changed = shard
    changed(**said(metadata))
    test = path.with_name("test-00000-of-00001.parquet")
    pq.write_table(pq.read_table(test).replace_schema_metadata({}), test)
    assert parquet(root=str(path.parent)).class_names == ("0", "1")


def test_shards_that_name_the_classes_otherwise_are_refused(shard):
    _, changed = shard
    with pytest.raises(ValueError, match="its files differ in the names of the classes"):
        changed(**said(names("dog", "cat")))


def test_a_shard_that_a_link_brings_twice_is_refused(shard):
    path, _ = shard
    (path.parent / "again").symlink_to(".")
    with pytest.raises(ValueError, match=rf"{FIRST} is the same file as again/{FIRST}"):
        parquet(root=str(path.parent))


def test_no_name_of_a_file_reaches_the_terminal_as_it_is(shard):
    path, _ = shard
    path.rename(path.with_name("train-\x1b[31m\n.parquet")).write_bytes(b"")
    with pytest.raises(ValueError, match=r"train-\\x1b\[31m\\n\.parquet cannot") as raised:
        parquet(root=str(path.parent))
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("root", "reason"),
    [
        ("caf\udce9", r"root=caf\\udce9: is not UTF-8"),
        ("~nobody-of-this-name/x", "there is no such user"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_a_root_that_cannot_be_is_refused(root, reason):
    with pytest.raises(ValueError, match=rf"^root=.*{reason}|^{reason}"):
        parquet(root=root)


# --- the published ones ---------------------------------------------------------------------------


HUNDRED = tuple(f"class {i}" for i in range(100))


def test_a_published_set_is_read_from_parquet(hugging_face):
    root, arrays = hugging_face(names=HUNDRED)
    dataset = published(name="cifar100", root=str(root))
    assert dataset.name == "cifar100"
    expected = torch.from_numpy(arrays["train"]).permute(0, 3, 1, 2)
    assert torch.equal(dataset.train.pixels, expected)


@pytest.mark.parametrize(
    ("name", "found"),
    [("mnist", "100 classes, 3 channels and 32 rows"), ("cifar10", "100 classes, 3 channels")],
)
def test_another_set_than_was_asked_for_is_refused(hugging_face, name, found):
    root, _ = hugging_face(names=HUNDRED)
    with pytest.raises(ValueError, match=rf"^root=.*is not {name}, .*; this has {found}"):
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
    with pytest.raises(ValueError, match=r"^num_classes=2: train of parquet has no images"):
        parquet(root=str(root), num_classes=2)


@pytest.mark.parametrize("size", [10**6, 10**10, 10**30])
def test_images_that_no_memory_can_hold_are_refused(size):
    with pytest.raises(ValueError, match=rf"^image_size={size}: .* choose a smaller one"):
        digits(image_size=size)
