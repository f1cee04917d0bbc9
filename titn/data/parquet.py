"""The Hugging Face parquet layout of an image data set."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from tqdm import tqdm

from titn.data.decoding import PictureError, read_picture
from titn.data.images import Images
from titn.data.paths import MOST_CLASSES, told
from titn.data.shards import Shards, open_shard


@dataclass(frozen=True)
class Parquet:
    """What is in the shards of the two splits."""

    found: Shards

    def stamp(self) -> str:
        """Changes whenever a shard is replaced."""
        with told(self.found.root):
            facts = [(file.resolve(), file.stat()) for file in self._shards()]
        files = [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in facts]
        columns = self.found.image_column, self.found.label_column
        return repr(("parquet", 2, *columns, files))

    def decode(self) -> tuple[Images, Images, tuple[str, ...]]:
        """All images of train and test, and the class names in the order of the labels.

        Raises ValueError that names the file, and the row, of what is not an image with a label.
        """
        with told(self.found.root):
            labels = {shard: self._labels(shard) for shard in self._shards()}
            names = self._names(labels)
            train, test = (
                self._images(split, {shard: labels[shard] for shard in shards})
                for split, shards in (("train", self.found.train), ("test", self.found.test))
            )
        return train, test, names

    def _shards(self) -> tuple[Path, ...]:
        return self.found.train + self.found.test

    def _labels(self, shard: Path) -> list[int]:
        column = self.found.label_column
        labels = self._read(shard, column)[column].to_pylist()
        if None in labels:
            raise self._bad(shard, labels.index(None), f"has no {column}")
        return labels

    def _names(self, labels: dict[Path, list[int]]) -> tuple[str, ...]:
        """The names of the classes; ValueError if there are labels of others."""
        names = self.found.class_names
        if names is None:
            highest = max((max(labels[shard], default=0) for shard in self.found.train), default=0)
            names = tuple(str(label) for label in range(min(highest + 1, MOST_CLASSES)))
        for shard, values in labels.items():
            for row, label in enumerate(values):
                if not 0 <= label < len(names):
                    raise self._bad(
                        shard,
                        row,
                        f"has label {label}, but there are {len(names)} class names, and labels "
                        f"run from 0 to {len(names) - 1}",
                    )
        return names

    def _images(self, split: str, labels: dict[Path, list[int]]) -> Images:
        """Of the shards of a split, whose labels are known; grey ones have one channel."""
        total = sum(map(len, labels.values()))
        if not total:
            raise ValueError(f"root={self.found.root}: {split} has no rows; fetch it anew")
        pixels: list[np.ndarray] = []
        bar = tqdm(total=total, desc=f"decoding {split}", unit="img", disable=None, leave=False)
        with bar:
            for shard, values in labels.items():
                decoded = list(self._decoded(shard, bar))
                if len(decoded) != len(values):
                    raise self._bad(shard, min(len(decoded), len(values)), "is half there")
                pixels += decoded
        if len({image.shape for image in pixels}) != 1:
            raise ValueError(
                f"root={self.found.root}: the images of {split} differ in size or mode; "
                "dataset=folder takes such, a file for each"
            )
        stacked = torch.from_numpy(np.stack(pixels))
        stacked = stacked.unsqueeze(1) if stacked.ndim == 3 else stacked.permute(0, 3, 1, 2)
        together = [label for values in labels.values() for label in values]
        return Images(stacked.contiguous(), torch.tensor(together, dtype=torch.int64))

    def _decoded(self, shard: Path, bar: Any) -> Iterator[np.ndarray]:
        column = self.found.image_column
        for row, cell in enumerate(self._read(shard, f"{column}.bytes")[column].to_pylist()):
            if cell is None or cell["bytes"] is None:
                raise self._bad(shard, row, "has no image")
            try:
                yield np.asarray(read_picture(cell["bytes"]))
            except PictureError as error:
                raise self._bad(shard, row, f"is not an image ({error})") from None
            bar.update()

    def _read(self, shard: Path, column: str) -> pa.Table:
        with open_shard(self.found.root, shard) as file:
            return file.read([column])

    def _bad(self, shard: Path, row: int, what: str) -> ValueError:
        place = f"root={self.found.root}: row {row} of {shard.relative_to(self.found.root)}"
        return ValueError(f"{place} {what}; fetch it anew or leave it out")
