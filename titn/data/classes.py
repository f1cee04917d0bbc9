"""The rules for classes, one set for all sources: their names, and that each has images."""

import os
import unicodedata
from collections.abc import Sequence

from titn.system.text import is_utf8

# A record stores a class in 16 bits.
MAX_CLASSES = 2**15


def text_of(name: str) -> str:
    """A file's name as text, whatever the locale and the system that wrote it.

    Its bytes are read as UTF-8, and a letter with an accent is one character (NFC), which macOS
    writes as two.
    """
    return unicodedata.normalize("NFC", os.fsencode(name).decode(errors="surrogateescape"))


def order_of_class(name: str) -> tuple[int, int, str]:
    """The key to sort classes by: whole numbers by size and before words."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def check_no_blank_names(names: Sequence[str]) -> None:
    """ValueError, whose message begins with a verb, for a class whose name is blank."""
    if any(not name.strip() for name in names):
        raise ValueError("has a class without a name; give each a name")


def check_class_names(names: Sequence[str]) -> None:
    """ValueError if a record cannot store these classes, or a reader could not tell them apart.

    Its message begins with a verb; the caller puts what has the classes before it.
    """
    if len(names) > MAX_CLASSES:
        raise ValueError(f"has {len(names)} classes; {MAX_CLASSES} are the most")
    known: set[str] = set()
    for name in names:
        alike = unicodedata.normalize("NFC", name)
        if alike in known:
            raise ValueError(f"has two classes {name}; give each a name of its own")
        if not is_utf8(name):
            raise ValueError(
                f"has a class {name}, which is not UTF-8, so no record could name it; rename it"
            )
        known.add(alike)


def check_classes(names: Sequence[str], train: Sequence[int], test: Sequence[int]) -> None:
    """ValueError unless there are two classes or more, and each has images in train and test.

    train, test: how many images each class has. The message begins with a verb.
    """
    if len(names) < 2:
        raise ValueError(f"has one class, {names[0]}; two are the least")
    for split, counts in (("train", train), ("test", test)):
        if without := [name for name, count in zip(names, counts, strict=True) if not count]:
            more = f", nor of {len(without) - 1} more" if len(without) > 1 else ""
            raise ValueError(
                f"has no image of class {without[0]} in {split}{more}; "
                "a class needs one in train and one in test"
            )
