"""Images that a CSV file lists."""

import shutil

import pytest
from PIL import Image

from titn.data.sources import csv, folder

COLOURS = {"ants": (250, 0, 0), "bees": (0, 0, 250)}


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Writes list.csv beside images of two classes; two of them have the same name."""
    monkeypatch.setenv("TITN_CACHE", str(tmp_path / "cache"))
    for name, colour in COLOURS.items():
        for place in ("a", "b", "c"):
            (tmp_path / place).mkdir(exist_ok=True)
            Image.new("RGB", (20, 30), (*colour[:2], ord(place))).save(
                tmp_path / place / f"{name}.png"
            )

    def write(*lines, header="path,label,split", encoding="utf-8"):
        file = tmp_path / "list.csv"
        file.write_text("\n".join([header, *lines]) + "\n", encoding=encoding)
        return str(file)

    return write


LINES = (
    "a/ants.png,ants,train", "b/ants.png,ants,train", "a/bees.png,bees,train",
    "c/ants.png,ants,test", "c/bees.png,bees,test",
)  # fmt: skip


def test_images_labels_and_splits_are_those_of_the_lines(listed):
    dataset = csv(root=listed(*LINES))
    assert dataset.class_names == ("ants", "bees")
    assert dataset.train.labels.tolist() == [0, 0, 1]
    assert dataset.train.pixels[:, :, 0, 0].tolist() == [[250, 0, 97], [250, 0, 98], [0, 0, 97]]
    assert dataset.evaluated.pixels[:, :, 0, 0].tolist() == [[250, 0, 99], [0, 0, 99]]


def test_pixels_are_those_of_class_folders(listed, tmp_path):
    for line in LINES:
        path, name, split = line.split(",")
        place = tmp_path / "folders" / split / name
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / path, place / path.replace("/", "-"))
    one, other = csv(root=listed(*LINES)), folder(root=str(tmp_path / "folders"))
    assert one.train.pixels.equal(other.train.pixels)
    assert one.train.labels.equal(other.train.labels)


@pytest.mark.parametrize(
    ("header", "encoding", "change"),
    [
        ("Filename;Category;Set", "utf-8-sig", lambda line: line.replace(",", ";")),
        ("image\tclass\tsubset", "utf-8", lambda line: line.replace(",", "\t")),
        ("path,label,split", "utf-8", lambda line: line.replace("train", "Training") + "\n"),
        ("path,label,split", "utf-8", lambda line: '"' + line.replace(",", '","') + '"'),
    ],
)
def test_spreadsheets_write_it_in_their_own_ways(listed, header, encoding, change):
    plain = csv(root=listed(*LINES)).digest
    assert csv(root=listed(*map(change, LINES), header=header, encoding=encoding)).digest == plain


def test_a_name_may_have_what_looks_like_the_end_of_a_line(listed, tmp_path):
    shutil.copy(tmp_path / "c" / "bees.png", tmp_path / "c" / "be\u2028es.png")
    lines = [line.replace("c/bees", "c/be\u2028es") for line in LINES]
    assert csv(root=listed(*lines)).evaluated.labels.tolist() == [0, 1]


def test_whole_numbers_are_in_the_order_of_their_size(listed):
    lines = [line.replace("ants,", "10,").replace("bees,", "9,") for line in LINES]
    lines = [line.replace("10,train", "10,train") for line in lines]
    assert csv(root=listed(*lines)).class_names == ("9", "10")


@pytest.mark.parametrize(
    ("lines", "header", "said"),
    [
        (LINES, "file,split", "has no column label"),
        (LINES, "path,file,label,split", "has two of a column path"),
        (("a/ants.png,ants",), "path,label,split", "line 2 has 2 cells, and 3 columns"),
        (("no.png,ants,train",), "path,label,split", "line 2 no.png: is no file to be read ("),
        ((",ants,train",), "path,label,split", "line 2 : is no file to be read (it names none)"),
        (("a/ants.png,,train",), "path,label,split", "line 2 has no label"),
        (("a/ants.png,ants,val",), "path,label,split", "line 2 has split 'val'; write test, "),
        (
            ("a/ants.png,ants,val", *LINES), "path,label,split",
            "line 2 has split 'val'; write train: ",
        ),
        (("a/ants.png,ants,all",), "path,label,split", "line 2 has split 'all'; write train or te"),
        ((*LINES, LINES[0]), "path,label,split", "line 7 lists a/ants.png a second time (line 2)"),
        (
            (*LINES, f"./{LINES[0]}"), "path,label,split",
            "line 7 lists ./a/ants.png a second time (line 2)",
        ),
        ((), "path,label,split", "lists no image"),
        (LINES[:3], "path,label,split", "has no image of class ants in test"),
        (('"a/ants.png,ants,train',), "path,label,split", "line 2 unexpected end of data"),
        (LINES, '"path,label,split', "unexpected end of data"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_used_is_named(listed, lines, header, said):
    with pytest.raises(ValueError, match=r"^root=") as raised:
        csv(root=listed(*lines, header=header))
    assert said in str(raised.value)
