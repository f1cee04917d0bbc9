"""Decode an image data set in the Hugging Face hub's parquet layout."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from titn.data.classes import MAX_CLASSES, check_classes
from titn.data.decoding import ImageError, read_image
from titn.data.images import Images
from titn.data.paths import content_digests, explain_read_errors
from titn.data.shards import Shards, open_shard
from titn.system.text import printable

# The rows to read at once.
PART = 1024


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
