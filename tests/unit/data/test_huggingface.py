"""Hugging Face data sets: as save_to_disk writes them, and as repositories of the hub have them.

`saved` writes what datasets 5.2 wrote of such data: the same files, states and metadata.
"""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from titn.data.sources import huggingface

NAMES = ["ant", "bee"]
FEATURES = {"image": {"_type": "Image"}, "label": {"names": NAMES, "_type": "ClassLabel"}}


def pixels(count: int, shape=(32, 32, 3)) -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return [rng.integers(256, size=shape, dtype=np.uint8) for _ in range(count)]


def png(array: np.ndarray) -> dict:
    content = io.BytesIO()
    Image.fromarray(array).save(content, "PNG")
    return {"bytes": content.getvalue(), "path": None}


def table(count: int, features=FEATURES, **columns) -> pa.Table:
    usual = {"image": list(map(png, pixels(count))), "label": [i % 2 for i in range(count)]}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.table(usual | columns).replace_schema_metadata(metadata)


ELSEWHERE = pa.array(
    [{"bytes": None, "path": "a.png"}] * 12,
    pa.struct({"bytes": pa.binary(), "path": pa.string()}),
)
TABLES = {"train": table(12), "test": table(6)}


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Writes a DatasetDict, each split as two arrow files; returns its directory."""
    monkeypatch.setenv("TITN_CACHE", str(tmp_path / "cache"))

    def save(tables):
        root = tmp_path / "saved"
        for split, rows in tables.items():
            (root / split).mkdir(parents=True)
            names = [f"data-0000{i}-of-00002.arrow" for i in range(2)]
            half = len(rows) // 2
            for name, part in zip(names, (rows[:half], rows[half:]), strict=True):
                path = str(root / split / name)
                with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, part.schema) as writer:
                    writer.write_table(part)
            state = {"_data_files": [{"filename": name} for name in names]}
            (root / split / "state.json").write_text(json.dumps(state))
            (root / split / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
        (root / "dataset_dict.json").write_text(json.dumps({"splits": list(tables)}))
        return str(root)

    return save


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """Writes parquet files by their paths; returns their directory."""
    monkeypatch.setenv("TITN_CACHE", str(tmp_path / "cache"))

    def write(files):
        for name, rows in files.items():
            path = tmp_path / "hub" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, path)
        return str(tmp_path / "hub")

    return write


def test_saved_images_and_labels_are_read_in_their_order(saved):
    dataset = huggingface(root=saved(TABLES))
    found = dataset.train.pixels.permute(0, 2, 3, 1).numpy()
    assert np.array_equal(found, np.stack(pixels(12)))
    assert dataset.train.labels.tolist() == [0, 1] * 6
    assert dataset.class_names == ("ant", "bee")
    assert len(dataset.evaluated) == 6


@pytest.mark.parametrize(
    "names",
    [
        ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet"),
        ("data/train-00000-of-00001-0123abcd.parquet", "data/test-00000-of-00001-4567.parquet"),
        ("default/train/0000.parquet", "default/test/0000.parquet"),
        ("train.parquet", "testing.parquet"),
        ("train/train-00000-of-00001.parquet", "test/test-00000-of-00001.parquet"),
        ("Train/0000.parquet", "eval/0000.parquet"),
    ],
)
def test_parquet_files_are_the_same_data_set_as_arrow_files(saved, fetched, names):
    hub = fetched(dict(zip(names, TABLES.values(), strict=True)))
    assert huggingface(root=hub).digest == huggingface(root=saved(TABLES)).digest


def test_the_readme_says_which_files_are_which(fetched, tmp_path):
    root = fetched({"x/a.parquet": TABLES["train"], "x/b.parquet": TABLES["test"]})
    (tmp_path / "hub" / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        "  - {split: train, path: x/a*}\n  - {split: test, path: [x/b*]}\n---\n"
    )
    dataset = huggingface(root=root)
    assert (len(dataset.train), len(dataset.evaluated)) == (12, 6)


README = """---
configs:
- config_name: full
  data_files:
  - {split: train, path: train-*}
  - {split: test, path: test-*}
- config_name: mini
  data_files:
  - {split: train, path: mini/train-*}
  - {split: test, path: "**/mini/test-*"}
---
"""


def test_a_pattern_of_the_readme_begins_at_the_root(fetched, tmp_path):
    one = "00000-of-00001.parquet"
    full = {f"{split}-{one}": rows for split, rows in TABLES.items()}
    mini = {f"mini/train-{one}": table(4), f"mini/test-{one}": table(2)}
    root = fetched(full | mini)
    (tmp_path / "hub" / "README.md").write_text(README)
    sizes = {
        name: [len(part) for part in (found.train, found.evaluated)]
        for name in ("full", "mini")
        if (found := huggingface(root=root, config_name=name))
    }
    assert sizes == {"full": [12, 6], "mini": [4, 2]}


@pytest.mark.parametrize("form", ["saved", "fetched"])
def test_what_is_called_test_is_test_and_its_synonym_another_split(request, form):
    tables = TABLES | {"eval": table(4)}
    names = tables if form == "saved" else {f"{name}.parquet": t for name, t in tables.items()}
    root = request.getfixturevalue(form)(names)
    assert len(huggingface(root=root).evaluated) == 6
    assert len(huggingface(root=root, test_split="eval").evaluated) == 4


def test_of_two_synonyms_neither_is_chosen(fetched):
    names = ("train.parquet", "val.parquet", "dev.parquet")
    with pytest.raises(ValueError, match=r"has dev, train, val; to evaluate on dev say"):
        huggingface(root=fetched(dict.fromkeys(names, TABLES["train"])))


@pytest.mark.parametrize("form", ["saved", "fetched"])
def test_files_whose_numbers_mean_other_classes_are_refused(request, form):
    swapped = FEATURES | {"label": {"names": NAMES[::-1], "_type": "ClassLabel"}}
    tables = TABLES | {"test": table(6, features=swapped)}
    names = tables if form == "saved" else {f"{name}.parquet": t for name, t in tables.items()}
    with pytest.raises(ValueError, match=r"differ in the names of the classes, or in their order"):
        huggingface(root=request.getfixturevalue(form)(names))


@pytest.mark.parametrize("kind", ["nested", "float"])
def test_arrays_are_images(saved, kind):
    """As Array3D and List of List of List lie in arrow."""

    def column(count):
        arrays = pixels(count)
        if kind == "float":
            return pa.array([(a / 255).tolist() for a in arrays])
        lists = pa.list_(pa.list_(pa.list_(pa.uint8())))
        return pa.array([a.tolist() for a in arrays], type=lists)

    dataset = huggingface(
        root=saved({s: table(n, image=column(n)) for s, n in (("train", 12), ("test", 6))})
    )
    found = dataset.train.pixels.permute(0, 2, 3, 1).numpy()
    assert np.array_equal(found, np.stack(pixels(12)))


def test_images_of_any_size_are_resized(saved):
    sized = [png(pixels(1, (20 + i, 30, 3))[0]) for i in range(12)]
    dataset = huggingface(root=saved(TABLES | {"train": table(12, image=sized)}), image_size=16)
    assert dataset.train.pixels.shape == (12, 3, 16, 16)


def test_words_are_classes_in_their_order(fetched):
    words = {split: ["wasp", "moth"] * (len(t) // 2) for split, t in TABLES.items()}
    plain = {s: table(len(w), label=w).replace_schema_metadata({}) for s, w in words.items()}
    dataset = huggingface(root=fetched({f"{s}.parquet": rows for s, rows in plain.items()}))
    assert dataset.class_names == ("moth", "wasp")
    assert dataset.train.labels.tolist() == [1, 0] * 6


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_channels_are_those_that_pillow_makes(saved, channels, mode):
    opaque = [np.concatenate([a, np.full((32, 32, 1), 255, np.uint8)], 2) for a in pixels(12)]
    root = saved(TABLES | {"train": table(12, image=list(map(png, opaque)))})
    found = huggingface(root=root, channels=channels).train.pixels.permute(0, 2, 3, 1).numpy()
    expected = [np.asarray(Image.fromarray(a).convert(mode)).reshape(32, 32, -1) for a in opaque]
    assert np.array_equal(found, np.stack(expected))


@pytest.mark.parametrize(
    ("files", "keys", "said"),
    [
        (["a/train.parquet", "a/test.parquet", "b/train.parquet"], {}, "configurations: a, b"),
        (["train.parquet", "valid.parquet"], {}, "say dataset.test_split=validation"),
        (["train.parquet"], {}, "has the split train alone"),
        (["test.parquet"], {}, "has no split train, but test"),
        (["train-00000-of-00002.parquet", "test.parquet"], {}, "1 are missing: 1"),
        (["train.parquet", "test.parquet"], {"config_name": "x"}, "config_name=x: .* has default"),
        (["train.parquet", "test.parquet"], {"label_column": "x"}, "x: .*image, label"),
        (["train.parquet", "test.parquet"], {"label_column": "image"}, "not labels"),
    ],
)  # fmt: skip
def test_what_is_not_said_is_asked_for(fetched, files, keys, said):
    with pytest.raises(ValueError, match=said):
        huggingface(root=fetched(dict.fromkeys(files, TABLES["train"])), **keys)


@pytest.mark.parametrize("given", [None, "label"])
@pytest.mark.parametrize("others", [{}, {"id": list(range(12))}])
@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0.0, 1.0] * 6, "label is double, not labels .*; cast it to int64 or string"),
        ([[0], [1]] * 6, "label is list<.*>, not labels .*; save one int64 or string an image"),
    ],
)
def test_labels_in_another_form_are_told_which_is_read(fetched, given, others, labels, said):
    rows = table(12, label=labels, **others).replace_schema_metadata({})
    said = said if given is None else said.replace("label is", "label_column=label: is", 1)
    said += ", or .*id$" if others else "$"
    with pytest.raises(ValueError, match=said):
        huggingface(root=fetched({f"{s}.parquet": rows for s in TABLES}), label_column=given)


def test_a_set_without_labels_is_not_told_to_name_one(fetched):
    rows = table(12, label=[None] * 12).replace_schema_metadata({})
    with pytest.raises(ValueError, match=r"label \(null\); save them as a column of int64 or str"):
        huggingface(root=fetched({f"{s}.parquet": rows for s in TABLES}))


def test_what_is_not_read_may_differ_and_so_may_the_form_of_words(fetched):
    """Pandas makes a column of whole numbers floating point for one that is missing."""
    words = {"train": pa.array(["wasp", "moth"] * 6).dictionary_encode(), "test": ["moth", "wasp"]}
    ages = {"train": list(range(12)), "test": [0.5, None]}
    plain = {
        split: table(len(words[split]), label=words[split], age=ages[split]) for split in words
    }
    files = {f"{s}.parquet": rows.replace_schema_metadata({}) for s, rows in plain.items()}
    assert huggingface(root=fetched(files)).class_names == ("moth", "wasp")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        # One word in either form of Unicode, and numbers in the order of their size.
        (["caf\u00e9", "cafe\u0301", "tea"], ("caf\u00e9", "tea")),
        (["10", "9", "b"], ("9", "10", "b")),
    ],
)
def test_words_that_look_the_same_are_a_class_and_numbers_have_their_order(fetched, words, names):
    plain = {s: table(6, label=words * 2).replace_schema_metadata({}) for s in ("train", "test")}
    plain["test"] = plain["test"].set_column(0, "image", table(7).column("image").slice(1))
    found = huggingface(root=fetched({f"{s}.parquet": rows for s, rows in plain.items()}))
    assert found.class_names == names


def test_labels_that_begin_with_1_are_named(fetched):
    plain = {s: table(6, label=[1, 2] * 3).replace_schema_metadata({}) for s in ("train", "test")}
    with pytest.raises(ValueError, match=r"has labels from 1 on; subtract 1: the first class is 0"):
        huggingface(root=fetched({f"{s}.parquet": rows for s, rows in plain.items()}))


def test_what_is_read_may_not_differ(fetched):
    plain = {"train": table(12), "test": table(2, label=["moth", "wasp"])}
    files = {f"{s}.parquet": rows.replace_schema_metadata({}) for s, rows in plain.items()}
    with pytest.raises(ValueError, match=r"label is int64 in train.parquet, and string in test"):
        huggingface(root=fetched(files))


def test_copies_of_test_images_are_said_each_time(saved, capsys):
    twice = pa.concat_tables([table(11), TABLES["test"].slice(0, 1)])
    root = saved(TABLES | {"train": twice})
    for storage in ("ram", "ram", "disk", "disk"):
        huggingface(root=root, storage=storage)
        assert "1 of 6 test images are training images too" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"label": [0, -1] * 6}, r"row 1 of train/data-00000-of-00002.arrow has label -1"),
        ({"label": [0, 7] * 6}, "has label 7, but there are 2 classes"),
        ({"image": ELSEWHERE}, "only the path of a file elsewhere"),
        ({"image": [{"bytes": b"text", "path": None}] * 12}, "row 0 .* is not an image"),
        ({"image": [np.full((4, 4), 300).tolist()] * 12}, "it is int64; cast the column to uint8"),
        ({"image": [[[1, 2], [3]]] * 12}, "its rows differ in length"),
    ],
)
def test_rows_that_are_no_images_and_labels_are_named(saved, columns, said):
    rows = table(12, **columns)
    tables = {"train": rows, "test": rows}
    with pytest.raises(ValueError, match=said):
        huggingface(root=saved(tables))


def test_a_damaged_file_is_named(saved, tmp_path):
    root = saved(TABLES)
    file = tmp_path / "saved/train/data-00001-of-00002.arrow"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"data-00001-of-00002.arrow cannot be read as arrow"):
        huggingface(root=root)


def test_a_stream_that_ends_between_two_batches_is_cut_off(saved, tmp_path):
    root = saved(TABLES)
    file = tmp_path / "saved/train/data-00001-of-00002.arrow"
    content = file.read_bytes()
    assert content.endswith(b"\xff\xff\xff\xff" + bytes(4))
    file.write_bytes(content[:-8])
    with pytest.raises(
        ValueError, match=r"cannot be read as arrow \(it is cut off\); save it again"
    ):
        huggingface(root=str(root))


def test_the_state_names_no_file_elsewhere(saved, tmp_path):
    root = saved(TABLES)
    state = tmp_path / "saved/train/state.json"
    state.write_text(json.dumps({"_data_files": [{"filename": "../../x.arrow"}]}))
    with pytest.raises(ValueError, match="lists no files"):
        huggingface(root=root)
