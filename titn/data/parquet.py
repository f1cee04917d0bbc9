"""Decode an image data set in the Hugging Face hub's parquet layout."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from titn.data.channels import to_channels
from titn.data.classes import MAX_CLASSES, check_classes
from titn.data.decoding import ImageError, read_image, resize
from titn.data.images import Images
from titn.data.overlap import overlap
from titn.data.paths import check_unchanged, content_digests, explain_read_errors
from titn.data.row_digest import RowDigest
from titn.data.row_file import Facts
from titn.data.shards import Shards, open_shard
from titn.system.text import printable

# The rows to read at once.
PART = 1024
# Images that are resized together.
RESIZED_AT_ONCE = 64


@dataclass(frozen=True)
class Parquet:
    """The images and labels in the shards of both splits."""

    shards: Shards

    @property
    def root(self) -> Path:
        return self.shards.root

    def stamp(self) -> str:
        """A text that stands for the contents of all shards, wherever they are.

        Raises ValueError if two of them have the same: no data set has an image twice, or trains
        on what it is tested on.
        """
        digests = dict(zip(self._files(), content_digests(self._files()), strict=True))
        known: dict[str, Path] = {}
        for shard, digest in digests.items():
            if (same := known.setdefault(digest, shard)) != shard:
                names = (str(file.relative_to(self.root)) for file in (same, shard))
                raise ValueError(
                    printable(
                        f"root={self.root}: {' and '.join(names)} have the same content, so that "
                        "images would count twice; fetch the data set again"
                    )
                )
        splits = [[digests[shard] for shard in part] for part in self._splits()]
        return repr(("parquet", 3, self.shards.image_column, self.shards.label_column, splits))

    def decode(self) -> tuple[Images, Images, tuple[str, ...]]:
        """All images of train and test, and the class names in the order of the labels.

        Raises ValueError that names the file and the row if there is no image with a valid label.
        """
        with explain_read_errors(self.shards.root):
            labels = {shard: self._labels(shard) for shard in self._files()}
            names = self._names(labels)
            train, test = (
                self._images(split, {shard: labels[shard] for shard in shards})
                for split, shards in (("train", self.shards.train), ("test", self.shards.test))
            )
        return train, test, names

    def _splits(self) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        return self.shards.train, self.shards.test

    def _files(self) -> tuple[Path, ...]:
        return self.shards.train + self.shards.test

    def _labels(self, shard: Path) -> list[int]:
        column = self.shards.label_column
        labels = list(self._cells(shard, column))
        if None in labels:
            raise self._bad(shard, labels.index(None), f"has no {column}")
        return labels

    def _names(self, labels: dict[Path, list[int]]) -> tuple[str, ...]:
        """The names of the classes; ValueError if a label is not that of a class."""
        names = self.shards.class_names
        if names is None:
            highest = max((max(labels[shard], default=0) for shard in self.shards.train), default=0)
            names = tuple(str(label) for label in range(min(highest + 1, MAX_CLASSES)))
        for shard, values in labels.items():
            for row, label in enumerate(values):
                if label < 0:
                    what = f"has label {label}, as images without a label have"
                    raise self._bad(shard, row, what)
                if label >= len(names):
                    raise self._bad(
                        shard,
                        row,
                        f"has label {label}, but there are {len(names)} class names, and labels "
                        f"run from 0 to {len(names) - 1}",
                    )
        counts = (
            np.bincount([label for shard in part for label in labels[shard]], minlength=len(names))
            for part in self._splits()
        )
        try:
            check_classes(names, *(count.tolist() for count in counts))
        except ValueError as error:
            raise ValueError(f"root={self.root}: {error}") from None
        return names

    def _images(self, split: str, labels: dict[Path, list[int]]) -> Images:
        """The images of a split, (N, 3, h, w) or grey (N, 1, h, w); labels: those of its shards."""
        total = sum(map(len, labels.values()))
        pixels: list[np.ndarray] = []
        bar = tqdm(total=total, desc=f"decoding {split}", unit="img", disable=None, leave=False)
        with bar:
            for shard, values in labels.items():
                decoded = list(self._decoded(shard, bar))
                if len(decoded) != len(values):
                    raise self._bad(
                        shard, min(len(decoded), len(values)), "has not both image and label"
                    )
                pixels += decoded
        if len({image.shape for image in pixels}) != 1:
            raise ValueError(
                f"root={self.shards.root}: the images of {split} differ in size or mode; "
                "dataset=folder takes such, a file for each"
            )
        # (N, h, w) -> (N, 1, h, w) for grey, (N, h, w, 3) -> (N, 3, h, w) for RGB.
        stacked = torch.from_numpy(np.stack(pixels))
        stacked = stacked.unsqueeze(1) if stacked.ndim == 3 else stacked.permute(0, 3, 1, 2)
        together = [label for values in labels.values() for label in values]
        return Images(stacked.contiguous(), torch.tensor(together, dtype=torch.int64))

    def _decoded(self, shard: Path, bar: Any) -> Iterator[np.ndarray]:
        column = self.shards.image_column
        for row, cell in enumerate(self._cells(shard, f"{column}.bytes")):
            if cell is None or cell["bytes"] is None:
                raise self._bad(shard, row, "has no image")
            try:
                yield np.asarray(read_image(cell["bytes"]))
            except ImageError as error:
                raise self._bad(shard, row, f"is not an image ({error})") from None
            bar.update()

    def _cells(self, shard: Path, column: str) -> Iterator[Any]:
        """The cells of a column, in parts: pyarrow reads no more than two gigabytes at once."""
        with open_shard(self.shards.root, shard) as file:
            for part in file.iter_batches(PART, columns=[column]):
                yield from part.column(0).to_pylist()

    def _bad(self, shard: Path, row: int, what: str) -> ValueError:
        place = f"root={self.shards.root}: row {row} of {shard.relative_to(self.shards.root)}"
        return ValueError(f"{place} {what}; fetch it again or leave it out")


@dataclass(frozen=True)
class ParquetRows:
    """The images of a parquet data set, decoded one after the other and resized.

    They are always decoded from the first on: their digest is that of the images in their own size.
    """

    source: Parquet
    goes_on: ClassVar[bool] = False

    @property
    def root(self) -> Path:
        return self.source.root

    @property
    def num_images(self) -> int:
        return self.source.shards.num_train + self.source.shards.num_test

    def memory(self, size: int, channels: int) -> int:
        """Of the resized images, and of those in their own size if all are like the first."""
        with explain_read_errors(self.root):
            first = next(self._decoded(self.source.shards.train), None)
        own = 0 if first is None or first.shape[:2] == (size, size) else first.size
        return self.num_images * (channels * size * size + own)

    @cached_property
    def known(self) -> str:
        return self.source.stamp()

    def stamp(self) -> str:
        return self.known

    @cached_property
    def labels(self) -> dict[Path, list[int]]:
        with explain_read_errors(self.root):
            return {shard: self.source._labels(shard) for shard in self.source._files()}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return self.source._names(self.labels)

    @cached_property
    def digest(self) -> RowDigest:
        return RowDigest(self.class_names)

    def rows(self, size: int, channels: int, first: int) -> Iterator[Tensor | None]:
        """Each image (channels, size, size); first: 0."""
        with explain_read_errors(self.root):
            for split, shards in zip(("train", "test"), self.source._splits(), strict=True):
                for images in self._together(split, shards):
                    yield from to_channels(resize(images, size), channels)
                self.digest.end(split, self._labels_of(shards).numpy())

    def facts(self) -> Facts:
        check_unchanged(self.root, self.known, self.source.stamp)
        train, test = map(self._labels_of, self.source._splits())
        found = overlap(self.root, self.digest.contents)
        return Facts(train, test, self.class_names, self.digest.hexdigest(), found)

    def _labels_of(self, shards: tuple[Path, ...]) -> Tensor:
        labels = [one for shard in shards for one in self.labels[shard]]
        return torch.tensor(labels, dtype=torch.int64)

    def _together(self, split: str, shards: tuple[Path, ...]) -> Iterator[Tensor]:
        """Some images at a time, (n, c, h, w) uint8, as they are; ValueError if they differ."""
        num_rows = sum(len(self.labels[shard]) for shard in shards)
        shapes: set[tuple[int, ...]] = set()
        decoded = self._checked(shards)
        while some := list(islice(decoded, RESIZED_AT_ONCE)):
            is_first, shapes = not shapes, shapes | {image.shape for image in some}
            if len(shapes) > 1:
                raise ValueError(
                    f"root={self.root}: the images of {split} differ in size or mode; "
                    "dataset=folder takes such, a file for each"
                )
            images = np.stack(some)
            # (n, h, w) -> (n, 1, h, w) for grey, (n, h, w, 3) -> (n, 3, h, w) for RGB.
            images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
            images = np.ascontiguousarray(images)
            if is_first:
                self.digest.begin(num_rows, images.shape[1:])
            self.digest.add(images)
            yield torch.from_numpy(images)

    def _checked(self, shards: tuple[Path, ...]) -> Iterator[np.ndarray]:
        """The images; ValueError if a file has more labels, or fewer."""
        for shard in shards:
            count = 0
            for image in self._decoded((shard,)):
                count += 1
                yield image
            if count != (expected := len(self.labels[shard])):
                raise self.source._bad(shard, min(count, expected), "has not both image and label")

    def _decoded(self, shards: tuple[Path, ...]) -> Iterator[np.ndarray]:
        bar = tqdm(disable=True)  # whoever takes the rows has one
        for shard in shards:
            yield from self.source._decoded(shard, bar)
