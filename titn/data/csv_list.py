"""Find the images that a CSV file lists with their labels, or say what is wrong. No torch here."""

import csv as csv_format
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from titn.config.constraints import check_num_classes
from titn.data.classes import check_class_names, check_classes, order_of_class, text_of
from titn.data.layouts import ClassFolders
from titn.data.paths import expand_root, explain_read_errors, is_file, why_not_a_file
from titn.system.errors import first_line
from titn.system.text import printable

# What the columns may be called, in small letters.
PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "image", "image_path", "img")
LABEL_COLUMNS = ("label", "class", "category", "target", "class_name")
SPLIT_COLUMNS = ("split", "subset", "set")
# What its values may be, and what they mean here.
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
HELD_OUT = ("val", "valid", "validation", "dev")
DELIMITERS = ",;\t|"


class Row(NamedTuple):
    """A line of the file. number: counted from 1, the header's included."""

    number: int
    path: str
    label: str
    split: str


def csv(*, root: str | None = None, num_classes: int | None = None, **_: Any) -> ClassFolders:
    """The files that a CSV lists, by class; the keywords are those of `titn.data.sources.csv`."""
    if not root:
        raise ValueError(
            "root=null: give the file with columns path, label, split as dataset.root=FILE.csv"
        )
    file = expand_root(root)
    with explain_read_errors(root):
        if reason := why_not_a_file(file):
            raise ValueError(f"root={file}: cannot be read ({reason}); give the CSV file itself")
        found = _by_class(file, list(_rows(file)))
    check_num_classes(num_classes, len(found.train), "csv")
    return found


def _rows(file: Path) -> Iterator[Row]:
    try:
        # With or without the mark that spreadsheets write first.
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"root={file}: is not UTF-8; save it as UTF-8") from None
    header = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    # As it stands: a name in quotes may have in it what `splitlines` takes for the end of a line.
    lines = csv_format.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    try:
        names = [name.strip().lower() for name in next(lines, [])]
        columns = [
            _column(file, names, known) for known in (PATH_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS)
        ]
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                raise _bad(
                    file, lines.line_num, f"has {len(cells)} cells, and {len(names)} columns"
                )
            yield Row(lines.line_num, *(cells[column].strip() for column in columns))
    except csv_format.Error as error:
        raise _bad(file, lines.line_num, first_line(error)) from None


def _column(file: Path, names: list[str], known: tuple[str, ...]) -> int:
    """Where the column is that has one of the known names."""
    found = [position for position, name in enumerate(names) if name in known]
    if len(found) != 1:
        has = "has no" if not found else "has two of a"
        shown = ", ".join(names)[:100] or "nothing"
        raise ValueError(
            f"root={file}: {has} column {known[0]} (or {', '.join(known[1:])}); its first line is "
            f"{shown}; name the columns path, label and split there"
        )
    return found[0]


def _by_class(file: Path, rows: list[Row]) -> ClassFolders:
    """The listed files by class, which are sorted by name, those of whole numbers by number."""
    listed: dict[str, dict[str, list[Path]]] = {"train": {}, "test": {}}
    known: dict[tuple[str, str], int] = {}
    has_test = any(SPLITS.get(row.split.lower()) == "test" for row in rows)
    for row in rows:
        split = _split(file, row, has_test)
        if not row.label:
            raise _bad(file, row.number, "has no label")
        path = file.parent / os.path.expanduser(row.path)
        if not is_file(path):
            reason = why_not_a_file(path) if row.path else "it names none"
            raise _bad(file, row.number, f"{row.path}: is no file to be read ({reason})")
        key = split, os.path.abspath(path)  # ./a.png is a.png
        if before := known.get(key):
            raise _bad(file, row.number, f"lists {row.path} a second time (line {before})")
        known[key] = row.number
        listed[split].setdefault(text_of(row.label), []).append(path)
    names = sorted({name for classes in listed.values() for name in classes}, key=order_of_class)
    train, test = (
        {name: tuple(classes.get(name, ())) for name in names} for classes in listed.values()
    )
    try:
        check_class_names(names)
        if not names:
            raise ValueError("lists no image; add a line for each")
        check_classes(names, *([len(part[name]) for name in names] for part in (train, test)))
    except ValueError as error:
        raise ValueError(f"root={file}: {error}") from None
    return ClassFolders(file.parent, train, test)


def _split(file: Path, row: Row, has_test: bool) -> str:
    """has_test: whether another line is of test."""
    word = row.split.lower()
    if word in SPLITS:
        return SPLITS[word]
    remedy = "write train or test"
    if word in HELD_OUT:
        remedy = "write test, to evaluate on these images: the list has no others"
        if has_test:
            remedy = "write train: titn holds out a part of it for dataset.split=validation"
    raise _bad(file, row.number, f"has split {row.split!r}; {remedy}", end="")


def _bad(
    file: Path, number: int, what: str, end: str = "; correct or remove the line"
) -> ValueError:
    return ValueError(printable(f"root={file}: line {number} {what}{end}"))
