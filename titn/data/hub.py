"""Decode a data set of the Hugging Face hub: encoded images, or arrays of numbers, of any size."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from titn.data.cache import cached_arrays
from titn.data.channels import decode_channels, to_channels
from titn.data.classes import (
    MAX_CLASSES,
    check_class_names,
    check_classes,
    check_no_blank_names,
    order_of_class,
    text_of,
)
from titn.data.decoding import ImageError, explain_memory_errors, resize
from titn.data.hub_columns import HubTables, parts
from titn.data.images import Images
from titn.data.overlap import Place, overlap, say_overlap
from titn.data.paths import check_unchanged, content_digests, explain_read_errors
from titn.data.prepare import DecodedDataset, from_arrays, to_arrays
from titn.data.row_file import Facts
from titn.system.text import printable

# As a channel in front or behind; other numbers are no images.
CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class Hub:
    """The images and labels of both splits."""

    tables: HubTables

    def decoded(self, size: int, channels: int) -> DecodedDataset:
        """Images (N, channels, size, size), from the cache if the same files were decoded before.

        The digest is that of cells and labels: the same in arrow and parquet files.
        """
        root = self.tables.root
        stamp = self.stamp()

        def arrays() -> tuple[dict[str, Tensor], dict]:
            with explain_read_errors(root):
                train, test, facts = self._decode(size, channels)
            check_unchanged(root, stamp, self.stamp)
            return to_arrays(train, test), facts

        tensors, facts = cached_arrays(repr(("huggingface", 2, size, channels, stamp)), arrays)
        say_overlap(root, tuple(facts["overlap"]))
        return DecodedDataset(*from_arrays(tensors), tuple(facts["names"]), facts["digest"])

    def stamp(self) -> str:
        """A text that stands for the contents of all files, wherever they are."""
        tables = self.tables
        digests = [content_digests(files) for files in (tables.train, tables.test)]
        return repr((digests, tables.image, tables.label, tables.class_names))

    def _decode(self, size: int, channels: int) -> tuple[Images, Images, dict[str, Any]]:
        numbered = self.numbered_rows()
        found = []
        for split in ("train", "test"):
            pixels, digests = self._images(split, size, channels)
            numbered.check(split, digests)
            labels = torch.tensor(numbered.labels[split], dtype=torch.int64)
            found.append(Images(pixels, labels))
        facts = {
            "digest": numbered.sha.hexdigest(),
            "names": numbered.class_names,
            "overlap": overlap(self.tables.root, numbered.contents),
        }
        return found[0], found[1], facts

    def numbered_rows(self) -> "NumberedRows":
        """The labels of all rows as the numbers of their classes; ValueError for one of none."""
        files = self.files()
        labels = {file: self._labels(file) for split in files for file in files[split]}
        names, numbered = self._classes(labels)
        by_split = {
            split: [label for file in files[split] for label in numbered[file]] for split in files
        }
        return NumberedRows(self.tables.root, names, by_split)

    def files(self) -> dict[str, tuple[Path, ...]]:
        return {"train": self.tables.train, "test": self.tables.test}

    # --- labels -----------------------------------------------------------------------------------

    def _labels(self, file: Path) -> list[Any]:
        column = self.tables.label
        labels = [
            label for part in parts(self.tables.root, file, column) for label in part.to_pylist()
        ]
        if None in labels:
            raise self._bad(file, labels.index(None), f"has no {column}")
        return labels

    def _classes(
        self, labels: dict[Path, list[Any]]
    ) -> tuple[tuple[str, ...], dict[Path, list[int]]]:
        """The classes' names, and the labels of each file as their numbers."""
        tables = self.tables
        try:
            names = tables.class_names or _names(labels.values())
        except ValueError as error:
            raise ValueError(f"root={tables.root}: {error}") from None
        are_words = any(isinstance(value, str | bool) for own in labels.values() for value in own)
        number = {name: i for i, name in enumerate(names)}
        numbered: dict[Path, list[int]] = {}
        for file, own in labels.items():
            numbered[file] = [number[text_of(str(value))] for value in own] if are_words else own
            for row, label in enumerate(numbered[file]):
                if label < 0:
                    raise self._bad(
                        file,
                        row,
                        f"has label {label}, as images without a label have",
                        "leave it out, or evaluate on another split: dataset.test_split=validation",
                    )
                if label >= len(names):
                    what = f"has label {label}, but there are {len(names)} classes"
                    raise self._bad(file, row, what)
        counts = (
            np.bincount([k for file in files for k in numbered[file]], minlength=len(names))
            for files in (tables.train, tables.test)
        )
        try:
            check_no_blank_names(names)
            check_class_names(names)
            check_classes(names, *(count.tolist() for count in counts))
        except ValueError as error:
            raise ValueError(f"root={tables.root}: {error}") from None
        return names, numbered

    # --- images -----------------------------------------------------------------------------------

    def _images(self, split: str, size: int, channels: int) -> tuple[Tensor, list[str]]:
        """(N, channels, size, size) uint8, and the digest of each cell."""
        total = sum(len(part) for file in self.files()[split] for part in parts(*self._of(file)))
        with explain_memory_errors(size):
            pixels = torch.empty(total, channels, size, size, dtype=torch.uint8)
        digests: list[str] = []
        bar = tqdm(total=total, desc=f"decoding {split}", unit="img", disable=None, leave=False)
        with bar:
            for image in self.one_by_one(split, size, channels, digests):
                assert image is not None  # from the first on
                pixels[len(digests) - 1] = image
                bar.update()
        return pixels, digests

    def one_by_one(
        self, split: str, size: int, channels: int, digests: list[str], first: int = 0
    ) -> Iterator[Tensor | None]:
        """Each image of a split, (channels, size, size); None before the `first`.

        digests: that of each cell is added before its image is returned. ValueError that names the
        row that has none.
        """
        for file in self.files()[split]:
            for row, cell in enumerate(self._cells(file)):
                image = None
                if len(digests) >= first:
                    try:
                        image = _pixels(cell, size, channels)
                    except ImageError as error:
                        raise self._bad(file, row, f"is not an image ({error})") from None
                digests.append(_digest(cell))
                yield image

    def _of(self, file: Path) -> tuple[Path, Path, str]:
        return self.tables.root, file, self.tables.image

    def _cells(self, file: Path) -> Iterator[bytes | NDArray | None]:
        """An image file's bytes, or an array; None where there is neither."""
        for part in parts(*self._of(file)):
            if pa.types.is_struct(part.type):
                part = part.flatten()[part.type.get_field_index("bytes")]
            if pa.types.is_nested(part.type):
                yield from (_array(part[row]) for row in range(len(part)))
            else:
                yield from part.to_pylist()

    def _bad(self, file: Path, row: int, what: str, remedy: str = "leave it out") -> ValueError:
        place = f"root={self.tables.root}: row {row} of {file.relative_to(self.tables.root)}"
        return ValueError(printable(f"{place} {what}; {remedy}"))


class NumberedRows:
    """The labels of all rows, with what stands for labels and images together.

    labels: split -> the class of each row. contents: where each image is, once it is checked. sha:
    of the class names, and of the label and the image of each row, as far as they are checked.
    """

    def __init__(self, root: Path, class_names: tuple[str, ...], labels: dict[str, list[int]]):
        self.root = root
        self.class_names = class_names
        self.labels = labels
        self.contents: dict[Place, str] = {}
        self.sha = hashlib.sha256(repr(class_names).encode())

    def check(self, split: str, digests: list[str]) -> None:
        """Add the images of a split, train before test; ValueError if they are not as many."""
        labels = self.labels[split]
        if len(labels) != len(digests):
            raise ValueError(f"root={self.root}: {split} has rows without image or label")
        for row, (label, digest) in enumerate(zip(labels, digests, strict=True)):
            self.sha.update(repr((split, label, digest)).encode())
            self.contents[split, self.class_names[label], f"row {row}"] = digest


@dataclass(frozen=True)
class HubRows:
    """The images of a Hugging Face data set, decoded one after the other."""

    hub: Hub
    goes_on: ClassVar[bool] = True

    @cached_property
    def numbered(self) -> NumberedRows:
        with explain_read_errors(self.root):
            return self.hub.numbered_rows()

    @cached_property
    def known(self) -> str:
        return self.hub.stamp()

    @property
    def root(self) -> Path:
        return self.hub.tables.root

    @property
    def num_images(self) -> int:
        return sum(map(len, self.numbered.labels.values()))

    def memory(self, size: int, channels: int) -> int:
        return self.num_images * channels * size * size

    def stamp(self) -> str:
        return repr(("huggingface", self.known))

    def rows(self, size: int, channels: int, first: int) -> Iterator[Tensor | None]:
        with explain_read_errors(self.root):
            for split in ("train", "test"):
                digests: list[str] = []
                yield from self.hub.one_by_one(split, size, channels, digests, first)
                self.numbered.check(split, digests)
                first -= len(digests)

    def facts(self) -> Facts:
        check_unchanged(self.root, self.known, self.hub.stamp)
        found = overlap(self.root, self.numbered.contents)
        train, test = (
            torch.tensor(self.numbered.labels[split], dtype=torch.int64)
            for split in ("train", "test")
        )
        digest = self.numbered.sha.hexdigest()
        return Facts(train, test, self.numbered.class_names, digest, found)


def _names(labels: Any) -> tuple[str, ...]:
    """Of classes that have no names: words in their order, or whole numbers from 0 on."""
    values = {value for own in labels for value in own}
    if any(isinstance(value, str | bool) for value in values):
        return tuple(sorted({text_of(str(value)) for value in values}, key=order_of_class))
    first = min(values, default=0)
    if first > 0:
        raise ValueError(f"has labels from {first} on; subtract {first}: the first class is 0")
    return tuple(str(number) for number in range(min(max(values, default=0) + 1, MAX_CLASSES)))


def _pixels(cell: bytes | NDArray | None, size: int, channels: int) -> Tensor:
    if cell is None:
        raise ImageError("it is empty, or only the path of a file elsewhere")
    if isinstance(cell, bytes):
        return decode_channels(cell, size, channels)
    return resize(to_channels(torch.from_numpy(_channels_first(cell)), channels), size)


def _digest(cell: Any) -> str:
    if isinstance(cell, bytes):
        return hashlib.sha256(cell).hexdigest()
    return hashlib.sha256(repr((cell.shape, str(cell.dtype))).encode() + cell.tobytes()).hexdigest()


def _array(cell: pa.Scalar) -> NDArray | None:
    """Lists of lists of numbers as an array (h, w) or (h, w, c)."""
    shape: list[int] = []
    values = cell.values
    if values is None:
        return None
    while True:
        shape.append(len(values))
        if not pa.types.is_nested(values.type):
            break
        if len(pc.list_value_length(values).fill_null(0).unique()) != 1:
            raise ImageError("its rows differ in length")
        values = values.flatten()
    # Each length is that of all of its level together: (h, h w, h w c) -> (h, w, c).
    sides = [total // max(before, 1) for before, total in zip([1, *shape], shape, strict=False)]
    if values.null_count:
        raise ImageError("it has a number that is missing")
    return values.to_numpy(zero_copy_only=False).reshape(sides)


def _channels_first(array: NDArray) -> NDArray[np.uint8]:
    """(h, w), (h, w, c) or (c, h, w), uint8 or floating point in [0, 1], to (c, h, w) uint8."""
    if array.ndim == 2:
        array = array[None]
    elif array.shape[2] in CHANNELS and array.shape[0] not in CHANNELS:
        array = array.transpose(2, 0, 1)
    elif array.shape[2] in CHANNELS:
        raise ImageError(f"of {array.shape} nothing says which axis is the channels'")
    if array.shape[0] not in CHANNELS or 0 in array.shape:
        raise ImageError(f"it is {array.shape}; give (h, w), (h, w, c) or (c, h, w), c of 1, 3, 4")
    if np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # nor if one is not a number
            raise ImageError(
                f"it goes from {low:g} to {high:g}, and only of 0 to 1 is known which is white"
            )
        array = np.round(array * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise ImageError(
            f"it is {array.dtype}; cast the column to uint8, or to floating point in [0, 1]"
        )
    return np.ascontiguousarray(array)
