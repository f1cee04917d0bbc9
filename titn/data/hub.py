"""Decode a data set of the Hugging Face hub: encoded images, or arrays of numbers, of any size."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from titn.data.cache import cached_arrays
from titn.data.channels import decode_channels, to_channels
from titn.data.classes import MAX_CLASSES, check_class_names, check_classes
from titn.data.decoding import ImageError, explain_memory_errors, resize
from titn.data.hub_columns import HubTables, parts
from titn.data.images import Images
from titn.data.overlap import Place, check_overlap
from titn.data.paths import check_unchanged, content_digests, explain_read_errors
from titn.data.prepare import DecodedDataset, from_arrays, to_arrays
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
        stamp = self._stamp()

        def arrays() -> tuple[dict[str, Tensor], dict]:
            with explain_read_errors(root):
                train, test, facts = self._decode(size, channels)
            check_unchanged(root, stamp, self._stamp)
            return to_arrays(train, test), facts

        tensors, facts = cached_arrays(repr(("huggingface", 1, size, channels, stamp)), arrays)
        return DecodedDataset(*from_arrays(tensors), tuple(facts["names"]), facts["digest"])

    def _stamp(self) -> str:
        """A text that stands for the contents of all files, wherever they are."""
        tables = self.tables
        digests = [content_digests(files) for files in (tables.train, tables.test)]
        return repr((digests, tables.image, tables.label, tables.class_names))

    def _decode(self, size: int, channels: int) -> tuple[Images, Images, dict[str, Any]]:
        tables = self.tables
        labels = {file: self._labels(file) for file in (*tables.train, *tables.test)}
        names, numbered = self._classes(labels)
        sha = hashlib.sha256(repr(names).encode())
        contents: dict[Place, str] = {}
        found = []
        for split, files in (("train", tables.train), ("test", tables.test)):
            pixels, digests = self._images(split, files, size, channels)
            classes = [label for file in files for label in numbered[file]]
            if len(classes) != len(pixels):
                raise ValueError(f"root={tables.root}: {split} has rows without image or label")
            for row, (label, digest) in enumerate(zip(classes, digests, strict=True)):
                sha.update(repr((split, label, digest)).encode())
                contents[split, names[label], f"row {row}"] = digest
            found.append(Images(pixels, torch.tensor(classes, dtype=torch.int64)))
        check_overlap(tables.root, contents)
        return found[0], found[1], {"digest": sha.hexdigest(), "names": names}

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
        names = tables.class_names or _names(labels.values())
        are_words = any(isinstance(value, str | bool) for own in labels.values() for value in own)
        number = {name: i for i, name in enumerate(names)}
        numbered: dict[Path, list[int]] = {}
        for file, own in labels.items():
            numbered[file] = [number[str(value)] for value in own] if are_words else own
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
            check_class_names(names)
            check_classes(names, *(count.tolist() for count in counts))
        except ValueError as error:
            raise ValueError(f"root={tables.root}: {error}") from None
        return names, numbered

    # --- images -----------------------------------------------------------------------------------

    def _images(
        self, split: str, files: tuple[Path, ...], size: int, channels: int
    ) -> tuple[Tensor, list[str]]:
        """(N, channels, size, size) uint8, and the digest of each cell."""
        total = sum(len(part) for file in files for part in parts(*self._of(file)))
        with explain_memory_errors(size):
            pixels = torch.empty(total, channels, size, size, dtype=torch.uint8)
        digests: list[str] = []
        bar = tqdm(total=total, desc=f"decoding {split}", unit="img", disable=None, leave=False)
        with bar:
            for file in files:
                for row, cell in enumerate(self._cells(file)):
                    try:
                        pixels[len(digests)] = _pixels(cell, size, channels)
                    except ImageError as error:
                        raise self._bad(file, row, f"is not an image ({error})") from None
                    digests.append(_digest(cell))
                    bar.update()
        return pixels, digests

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


def _names(labels: Any) -> tuple[str, ...]:
    """Of classes that have no names: words in their order, or whole numbers from 0 on."""
    values = {value for own in labels for value in own}
    if any(isinstance(value, str | bool) for value in values):
        return tuple(sorted(map(str, values)))
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
