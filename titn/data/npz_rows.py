"""The images of an .npz file a few at a time, for files that are larger than memory.

An .npz file is a zip of .npy files: a header with shape and type, and then the numbers, which can
be read in their order even where they are compressed.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from titn.data.channels import to_channels
from titn.data.decoding import resize
from titn.data.npz_arrays import (
    array_names,
    as_images,
    check_bright,
    check_opaque,
    checked_class_names,
    errors_named,
    read_labels,
)
from titn.data.overlap import overlap
from titn.data.paths import check_unchanged, content_digests
from titn.data.row_digest import RowDigest
from titn.data.row_file import Facts

# Images that are read together.
AT_ONCE = 64


class Header(NamedTuple):
    """What an .npy file says of its array."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def row_bytes(self) -> int:
        """Of the first axis."""
        return self.dtype.itemsize * int(np.prod(self.shape[1:]))


class Contents(NamedTuple):
    """Of the file: names and headers of the images of train and test, labels, class names."""

    names: tuple[str, str]
    headers: tuple[Header, Header]
    shape: tuple[int, ...]
    labels: tuple[NDArray[np.int64], NDArray[np.int64]]
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class NpzRows:
    """The images of a file, read one after the other and resized.

    They are always read from the first on: their digest is that of the images in their own size.
    """

    file: Path
    goes_on: ClassVar[bool] = False

    @property
    def root(self) -> Path:
        return self.file

    @property
    def num_images(self) -> int:
        return sum(map(len, self.contents.labels))

    def memory(self, size: int, channels: int) -> int:
        """Of the resized images, and of the arrays as they are."""
        own = sum(header.row_bytes * header.shape[0] for header in self.contents.headers)
        return self.num_images * channels * size * size + own

    @cached_property
    def contents(self) -> Contents:
        """All but the images; ValueError for what is not as it should be."""
        with errors_named(self.file):
            with np.load(self.file, allow_pickle=False) as archive:
                names = array_names(list(archive.files))
                labels, given = read_labels(archive, names)
            headers, shapes = [], []
            for name in names[::2]:
                with _opened(self.file, name) as (header, _):
                    # What one image becomes says what all become.
                    one = as_images(
                        name, np.zeros((1, *header.shape[1:]), header.dtype), header.shape
                    )
                    headers.append(header)
                    shapes.append((header.shape[0], *one.shape[1:]))
        class_names = checked_class_names(self.file, shapes, labels, given)
        return Contents(
            (names[0], names[2]), (headers[0], headers[1]), shapes[0][1:], (labels[0], labels[1]),
            class_names,
        )  # fmt: skip

    @cached_property
    def known(self) -> str:
        return self._content()

    @cached_property
    def digest(self) -> RowDigest:
        return RowDigest(self.contents.class_names)

    def stamp(self) -> str:
        return repr(("npz", self.known))

    def rows(self, size: int, channels: int, first: int) -> Iterator[Tensor | None]:
        """Each image (channels, size, size); first: 0."""
        contents = self.contents
        splits = ("train", "test")
        for split, name, labels in zip(splits, contents.names, contents.labels, strict=True):
            self.digest.begin(len(labels), contents.shape)
            for images in self._together(name):
                self.digest.add(images)
                pixels = torch.from_numpy(images)
                if 4 in (channels, images.shape[1]):
                    if channels != 4:
                        check_opaque(self.file, images)
                    pixels = to_channels(pixels, channels)
                yield from to_channels(resize(pixels, size), channels)
            self.digest.end(split, labels)

    def facts(self) -> Facts:
        check_unchanged(self.file, self.known, self._content)
        train, test = (torch.from_numpy(labels) for labels in self.contents.labels)
        found = overlap(self.root, self.digest.contents)
        return Facts(train, test, self.contents.class_names, self.digest.hexdigest(), found)

    def _content(self) -> str:
        return content_digests([self.file])[0]

    def _together(self, name: str) -> Iterator[NDArray[np.uint8]]:
        """Some images at a time, (n, c, h, w) uint8."""
        with errors_named(self.file), _opened(self.file, name) as (header, array):
            highest = 0.0
            for start in range(0, header.shape[0], AT_ONCE):
                count = min(AT_ONCE, header.shape[0] - start)
                content = array.read(count * header.row_bytes)
                if len(content) < count * header.row_bytes:
                    raise EOFError(f"{name}: is cut off")
                # As a bytearray: torch wants numbers that could be written.
                images = np.frombuffer(bytearray(content), header.dtype)
                images = images.reshape(count, *header.shape[1:])
                highest = max(highest, float(images.max(initial=0)))
                yield as_images(name, images, header.shape)
            if np.issubdtype(header.dtype, np.floating):
                check_bright(name, highest)


@contextmanager
def _opened(file: Path, name: str) -> Iterator[tuple[Header, IO[bytes]]]:
    """An array's header, and its numbers to be read."""
    with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as array:
        version = np.lib.format.read_magic(array)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"{name}: is of version {version} of .npy; save it with numpy.savez")
        shape, is_fortran, dtype = read(array)
        if dtype.hasobject:
            raise ValueError(f"{name}: allow_pickle")
        if is_fortran and len(shape) > 1:
            raise ValueError(
                f"{name}: lies in Fortran's order, in which no image can be read without all "
                "others; save numpy.ascontiguousarray of it, or hold all in memory: "
                "dataset.storage=ram"
            )
        yield Header(shape, dtype), array
