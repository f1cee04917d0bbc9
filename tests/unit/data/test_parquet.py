"""Parquet files that are not what they should be: damaged, incomplete, of another kind."""

import json
import os
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from titn.data import parquet as parquet_layout
from titn.data import shards
from titn.data.sources import parquet

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
        ({"label": [0, 1, -1, 0] * 5}, f"row 2 of {FIRST} has label -1, as images without a "),
        ({"label": [0, 2**62] * 10}, f"row 1 of {FIRST} has label {2**62}, "),
        ({"image": [IMAGE, None] * 10}, f"row 0 of {FIRST} is not an image"),
    ],
)
def test_cells_that_are_no_images_and_labels_are_named(shard, columns, reason):
    _, changed = shard
    with pytest.raises(ValueError, match=rf"^root=\S+: {reason}"):
        changed(**columns)


@pytest.mark.parametrize(
    ("names", "labels", "reason"),
    [
        (("cat",), [0], "has one class, cat; two are the least"),
        (("a", "b", "c"), [0, 2], "has no image of class b in train; a class needs one in train"),
        (("a", "b", "c"), [0, 0], "has no image of class b in train, nor of 1 more; a class needs"),
    ],
)
def test_the_rules_for_classes_are_those_of_folders(hugging_face, names, labels, reason):
    root, _ = hugging_face(names=names, labels=lambda count: (labels * count)[:count])
    with pytest.raises(ValueError, match=rf"^root=\S+: {reason}"):
        parquet(root=str(root))


def test_a_class_without_test_images_is_named(hugging_face):
    root, _ = hugging_face(labels=lambda count: [i % 2 if count == 20 else 0 for i in range(count)])
    with pytest.raises(ValueError, match=r"^root=\S+: has no image of class dog in test; "):
        parquet(root=str(root))


def test_labels_that_begin_with_1_are_not_taken_for_a_class_more(shard):
    path, changed = shard
    test = path.with_name("test-00000-of-00001.parquet")
    pq.write_table(pq.read_table(test).replace_schema_metadata({}), test)
    with pytest.raises(ValueError, match=r"^root=\S+: has no image of class 0 in train; "):
        changed(lambda table: table.replace_schema_metadata({}), label=[1, 2] * 10)


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
    # The first is read once more, to say how much memory all take.
    sizes = iter([(4, 4), (4, 4), *[(4, 5)] * 100])
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


@pytest.mark.parametrize(("new", "old"), [("img", "image"), ("fine_label", "label")])
def test_two_columns_that_may_be_meant_are_named(shard, new, old):
    _, changed = shard
    with pytest.raises(ValueError, match=rf"{FIRST} has columns .* and .*; remove one of them"):
        changed(lambda table: table.append_column(new, table[old]))


def test_images_are_read_in_parts(shard, monkeypatch):
    path, _ = shard
    whole = parquet(root=str(path.parent)).digest
    monkeypatch.setattr(parquet_layout, "PART", 3)
    monkeypatch.setenv("TITN_CACHE", str(path.parent.parent / "elsewhere"))
    assert parquet(root=str(path.parent)).digest == whole


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        ("test-00000-of-00001", "validation-0", "rename validation-0.parquet to test-* if it is"),
        ("train-00000-of-00001", "train/x", "its directories of images are read by dataset=folder"),
    ],
)
def test_files_that_are_called_otherwise_have_a_remedy(shard, old, new, remedy):
    path, _ = shard
    (path.parent / f"{new}.parquet").parent.mkdir(exist_ok=True)
    (path.parent / f"{old}.parquet").rename(path.parent / f"{new}.parquet")
    with pytest.raises(ValueError, match=re.escape(remedy)):
        parquet(root=str(path.parent))


def test_one_file_for_each_split_needs_no_number(shard):
    path, _ = shard
    for split in ("train", "test"):
        path.with_name(f"{split}-00000-of-00001.parquet").rename(path.with_name(f"{split}.parquet"))
    assert len(parquet(root=str(path.parent)).train) == 20


def test_a_pointer_of_git_lfs_is_called_so(shard):
    path, _ = shard
    path.write_text("version https://git-lfs.github.com/spec/v1\nsize 12\n")
    with pytest.raises(ValueError, match=rf"{FIRST} is a Git LFS pointer; `git lfs pull` fetches"):
        parquet(root=str(path.parent))


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
    with pytest.raises(ValueError, match=rf"{FIRST} and again/{FIRST} are in two directories"):
        parquet(root=str(path.parent))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["0-of-3"], r"of the 3 files that train-0-of-3\.parquet is one of, 2 are missing: 1, 2; "),
        (["0-of-2", "2-of-2"], r"train-2-of-2\.parquet has a number beyond its 2 files; move"),
        (["0-of-1", "0-of-2", "1-of-2"], r"train-0-of-2\.parquet is not one of the 1 files that "),
        (["0-of-1", "extra"], r"train-extra\.parquet is not one of the 1 files that train-0-of-1"),
        (["0-of-1", "0-of-1 (1)"], r"train-0-of-1 \(1\)\.parquet is not one of the 1 files"),
        (["0-of-1", "clean-0-of-1"], r"train-clean-0-of-1\.parquet is not one of the 1 files"),
        (["0-of-1-00aa", "0-of-1-11bb"], r"0-of-1-00aa.* and .*0-of-1-11bb.* are both file 0 of 1"),
        (["0-of-9999999999"], r"9999999998 are missing: 1, 2, 3, 4, 5, \.\.\.; fetch"),
        (["a", "b"], r"train-a\.parquet and train-b\.parquet have the same content, so that"),
        (["0-of-1", "../more/train-0-of-1"], r"are in two directories, as two data sets are"),
    ],
)
def test_files_that_are_not_one_whole_set_are_named(shard, names, reason):
    path, _ = shard
    for name in names:
        copy = path.parent / (f"train-{name}.parquet" if "/" not in name else f"{name[3:]}.parquet")
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    path.unlink()
    with pytest.raises(ValueError, match=rf"^root=\S+: .*{reason}"):
        parquet(root=str(path.parent))


@pytest.mark.parametrize(
    "names", [["0-of-2", "1-of-2"], ["1-of-2-00aa", "2-of-2-11bb"], ["a", "b"]]
)
def test_a_whole_set_of_files_is_taken(shard, names):
    path, _ = shard
    table = pq.read_table(path)
    for name, part in zip(names, (table.slice(0, 8), table.slice(8)), strict=True):
        pq.write_table(part, path.with_name(f"train-{name}.parquet"))
    path.unlink()
    assert len(parquet(root=str(path.parent)).train) == 20


def test_shards_that_are_exchanged_with_their_times_are_decoded_anew(hugging_face):
    root, _ = hugging_face()
    path = root / FIRST
    table, stat = pq.read_table(path), path.stat()
    before = parquet(root=str(root))
    pq.write_table(table.take(list(reversed(range(20)))), path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    after = parquet(root=str(root))
    assert torch.equal(after.train.pixels, before.train.pixels.flip(0))
    assert after.digest != before.digest


def test_a_directory_that_cannot_be_listed_is_not_said_to_be_empty(shard, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    path, _ = shard
    monkeypatch.setattr("pathlib.Path.iterdir", denied)
    with pytest.raises(
        ValueError, match=r"^root=\S+: \S+data cannot be read \(Permission denied\)"
    ):
        parquet(root=str(path.parent))


def test_what_archivers_leave_is_no_shard(shard):
    path, _ = shard
    for place in ("__MACOSX", ".ipynb_checkpoints"):
        (path.parent / place).mkdir()
        (path.parent / place / FIRST).write_bytes(b"")
    (path.parent / f"._{FIRST}").write_bytes(b"")
    assert len(parquet(root=str(path.parent)).train) == 20


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
