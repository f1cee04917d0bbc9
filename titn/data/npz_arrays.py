"""Find the arrays of images and labels in an .npz file, or say what is wrong. No torch here."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from titn.config.annotations import CHANNELS
from titn.data.classes import (
    MAX_CLASSES,
    check_class_names,
    check_classes,
    check_no_blank_names,
)
from titn.data.paths import expand_root, explain_read_errors, why_not_a_file
from titn.data.pixel_values import DARKEST
from titn.system.errors import first_line
from titn.system.text import printable

# Usual names of the four arrays: train and test, images and labels (Keras, MedMNIST, scikit-learn).
NAMES = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "y_train", "X_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("train_x", "train_y", "test_x", "test_y"),
)
CLASS_NAMES = "class_names"
OPAQUE = 255


class Arrays(NamedTuple):
    """Images (N, c, h, w) uint8, c of 1, 3 or 4, and labels (N,) int64 from 0, of both splits."""

    file: Path
    train: tuple[NDArray, NDArray]
    test: tuple[NDArray, NDArray]
    class_names: tuple[str, ...]

    def check_opaque(self) -> None:
        """ValueError if images have a fourth channel that is not opaque throughout."""
        for images, _ in (self.train, self.test):
            check_opaque(self.file, images)


def check_opaque(file: Path, images: NDArray[np.uint8]) -> None:
    """ValueError if images (N, c, h, w) have a fourth channel that is not opaque throughout.

    It may be transparency, or a colour that people do not see: only who made it knows.
    """
    if images.shape[1] == 4 and (images[:, 3] != OPAQUE).any():
        raise ValueError(
            f"root={file}: the images' fourth channel is not opaque; "
            "dataset.channels=4 keeps it, or save them with three"
        )


def npz(*, root: str | None = None, num_classes: int | None = None, **_: Any) -> Path:
    """The file; its arrays are read later. The keywords are those of `titn.data.sources.npz`."""
    if not root:
        raise ValueError(
            "root=null: give a file with x_train, y_train, x_test, y_test as dataset.root=FILE.npz"
        )
    file = expand_root(root)
    with explain_read_errors(root):
        if reason := why_not_a_file(file):
            raise ValueError(f"root={file}: cannot be read ({reason}); give the .npz file itself")
        if not zipfile.is_zipfile(file):
            raise ValueError(f"root={file}: is no .npz file; write one with numpy.savez")
    return file


def read_arrays(file: Path) -> Arrays:
    """The arrays of a file; ValueError that begins with root= for what is not as it should be.

    Pickled arrays are not read: they could run code.
    """
    with errors_named(file), np.load(file, allow_pickle=False) as archive:
        names = array_names(list(archive.files))
        images = [as_images(name, array_of(archive, name)) for name in names[::2]]
        labels, given = read_labels(archive, names)
    class_names = checked_class_names(file, [one.shape for one in images], labels, given)
    return Arrays(file, (images[0], labels[0]), (images[1], labels[1]), class_names)


@contextmanager
def errors_named(file: Path) -> Iterator[None]:
    """What is wrong with a file becomes a ValueError of one line that begins with root=."""
    try:
        yield
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        said = first_line(error)
        if "allow_pickle" in said:
            said = "has an array of Python objects, which could run code; save arrays of numbers"
        elif not isinstance(error, ValueError):
            said += "; it is damaged: save it again, or fetch it again"
        raise ValueError(printable(f"root={file}: {said}")) from None


def read_labels(
    archive: Any, names: Sequence[str]
) -> tuple[list[NDArray[np.int64]], NDArray | None]:
    """The labels of train and of test, and the names of the classes if the file has them."""
    given = array_of(archive, CLASS_NAMES) if CLASS_NAMES in archive.files else None
    return [_labels(archive, name) for name in names[1::2]], given


def checked_class_names(
    file: Path,
    shapes: Sequence[tuple[int, ...]],
    labels: list[NDArray[np.int64]],
    given: NDArray | None,
) -> tuple[str, ...]:
    """The names of the classes; ValueError if the arrays do not go together.

    shapes: of the images of train and of test, (N, c, h, w).
    """
    try:
        for split, shape, own in zip(("train", "test"), shapes, labels, strict=True):
            if shape[0] != len(own):
                raise ValueError(
                    f"has {shape[0]} images and {len(own)} labels of {split}; save one for each"
                )
        if shapes[0][1:] != shapes[1][1:]:
            sizes = " and ".join(str(shape[1:]) for shape in shapes)
            raise ValueError(
                f"has images of {sizes} (channels, height, width) in train and test; save both "
                "alike"
            )
        class_names = _class_names(labels, given)
        counts = (np.bincount(own, minlength=len(class_names)).tolist() for own in labels)
        check_class_names(class_names)
        check_classes(class_names, *counts)
    except ValueError as error:
        raise ValueError(printable(f"root={file}: {error}")) from None
    return class_names


def array_of(archive: Any, name: str) -> NDArray:
    """An array of an open file; ValueError for a member that is none."""
    found = archive[name]
    if not isinstance(found, np.ndarray):  # numpy hands on the bytes of whatever lies in a zip
        raise ValueError(f"{name}: is no array; write the file with numpy.savez")
    return found


def array_names(found: list[str]) -> tuple[str, str, str, str]:
    for names in NAMES:
        if set(names) <= set(found):
            return names
    has = ", ".join(found)[:100] or "nothing"
    raise ValueError(f"has no arrays {', '.join(NAMES[0])}, but {has}; save them by these names")


def as_images(
    name: str, images: NDArray, shape: tuple[int, ...] | None = None
) -> NDArray[np.uint8]:
    """(N, h, w), (N, h, w, c) or (N, c, h, w), uint8 or floating point in [0, 1], to (N, c, h, w).

    shape: that of the whole array of this name, if these are some of its images.
    """
    shape = shape or images.shape
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[3] in CHANNELS and images.shape[1] not in CHANNELS:
        images = images.transpose(0, 3, 1, 2)
    elif images.ndim == 4 and images.shape[1] in CHANNELS and images.shape[3] in CHANNELS:
        raise ValueError(f"{name}: of {shape} nothing says which axis is the channels'")
    if images.ndim != 4 or images.shape[1] not in CHANNELS or 0 in shape:
        raise ValueError(
            f"{name}: is {shape}; give (N, h, w), (N, h, w, c) or (N, c, h, w), with c of 1, 3 or 4"
        )
    if np.issubdtype(images.dtype, np.floating):
        low, high = float(images.min()), float(images.max())
        if not (low >= 0 and high <= 1):  # nor if one is not a number
            raise ValueError(
                f"{name}: goes from {low:g} to {high:g}, and only of 0 to 1 is known which is "
                "white; give it so, or as uint8"
            )
        if images.shape[0] == shape[0]:
            check_bright(name, high)
        return np.round(images * 255).astype(np.uint8)
    if images.dtype != np.uint8:
        raise ValueError(f"{name}: is {images.dtype}; give uint8, or floating point in [0, 1]")
    return np.ascontiguousarray(images)


def check_bright(name: str, highest: float) -> None:
    """ValueError if a whole array of floating point has nothing brighter than a dark grey."""
    if 0 < highest <= DARKEST:
        raise ValueError(
            f"{name}: ends at {highest:.3g}, and 1 is white: all images would be black; "
            "divide by 255 once, or give uint8"
        )


def _labels(archive: Any, name: str) -> NDArray[np.int64]:
    """(N,) or (N, 1) whole numbers, or (N, k) with a one in each row."""
    given = labels = array_of(archive, name)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all():
        labels = labels.argmax(1)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name}: is {given.dtype} {given.shape}; give whole numbers (N,), or (N, k) with a "
            "one in each row"
        )
    if len(labels) and (labels.min() < 0 or labels.max() >= MAX_CLASSES):
        raise ValueError(
            f"{name}: goes from {labels.min()} to {labels.max()}; labels run from 0 to one less "
            "than the number of classes"
        )
    return labels.astype(np.int64)


def _class_names(labels: list[NDArray], given: NDArray | None) -> tuple[str, ...]:
    num_classes = 1 + max(int(own.max(initial=0)) for own in labels)
    if given is None:
        if first := min(int(own.min(initial=num_classes)) for own in labels):
            raise ValueError(f"has labels from {first} on; subtract {first}: the first class is 0")
        return tuple(map(str, range(num_classes)))
    if given.dtype.kind not in "SUiu":
        raise ValueError(f"{CLASS_NAMES}: is {given.dtype}; give strings")
    try:
        names = tuple(
            name.decode() if isinstance(name, bytes) else str(name) for name in given.ravel()
        )
    except UnicodeDecodeError:
        raise ValueError(f"{CLASS_NAMES}: is not UTF-8; give strings") from None
    check_no_blank_names(names)
    if len(names) < num_classes:
        raise ValueError(
            f"has {len(names)} {CLASS_NAMES}, and labels up to {num_classes - 1}; give a name for "
            f"each of 0 to {num_classes - 1}"
        )
    return names
