"""The Hugging Face parquet layout of an image data set."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from titn.data.images import Images
from titn.data.pictures import PictureError, read_picture

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("fine_label", "label")


@dataclass(frozen=True)
class Parquet:
    """The shards of the two splits, and the columns that matter."""

    train: tuple[Path, ...]
    test: tuple[Path, ...]
    image_column: str
    label_column: str

    @classmethod
    def find(cls, root: Path, or_else: str | None = None) -> "Parquet":
        """Look under `root`; ValueError if the files or columns are not there.

        or_else: another layout's directory that would have done as well.
        """
        if not root.is_dir():
            raise ValueError(f"root={root}: no such directory; give the one with the data set")
        # As a repository of the hub has them: beside each other, or in one directory further down.
        shards = {
            split: tuple(
                sorted([*root.glob(f"{split}-*.parquet"), *root.glob(f"*/{split}-*.parquet")])
            )
            for split in ("train", "test")
        }
        for split, files in shards.items():
            if not files:
                nor = f", nor torchvision's {or_else}/" if or_else else ""
                raise ValueError(
                    f"root={root}: holds no {split}-*.parquet{nor}; give the data set's own"
                )
        columns = {_columns(shard) for files in shards.values() for shard in files}
        if len(columns) > 1:
            raise ValueError(f"root={root}: its files differ in their columns: {sorted(columns)}")
        image_column, label_column = columns.pop()
        return cls(shards["train"], shards["test"], image_column, label_column)

    def stamp(self) -> str:
        """Changes whenever a shard is replaced."""
        files = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in self._shards()]
        return repr(("parquet", 1, self.image_column, self.label_column, files))

    def decode(self) -> tuple[Images, Images, tuple[str, ...]]:
        """All images of train and test, and the class names in the order of the labels."""
        train, test = self._images(self.train, "train"), self._images(self.test, "test")
        names = self._class_names()
        if names is None:
            names = tuple(str(label) for label in range(int(train.labels.max()) + 1))
        for split, images in (("train", train), ("test", test)):
            low, high = int(images.labels.min()), int(images.labels.max())
            if low < 0 or high >= len(names):
                raise ValueError(
                    f"root={self.train[0].parent}: {split} has labels {low} to {high}, "
                    f"but there are {len(names)} class names; labels run from 0 to {len(names) - 1}"
                )
        return train, test, names

    def _shards(self) -> tuple[Path, ...]:
        return self.train + self.test

    def _class_names(self) -> tuple[str, ...] | None:
        metadata = pq.read_schema(self.train[0]).metadata or {}
        features = (
            json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        )
        names = features.get(self.label_column, {}).get("names")
        return tuple(names) if names else None

    def _images(self, shards: tuple[Path, ...], split: str) -> Images:
        pixels, labels = [], []
        total = sum(pq.read_metadata(shard).num_rows for shard in shards)
        bar = tqdm(total=total, desc=f"decoding {split}", unit="img", disable=None, leave=False)
        with bar:
            for shard in shards:
                table = pq.read_table(shard, columns=[self.image_column, self.label_column])
                labels += table[self.label_column].to_pylist()
                for row, cell in enumerate(table[self.image_column].to_pylist()):
                    pixels.append(_decode(cell["bytes"], shard, row))
                    bar.update()
        if len({image.shape for image in pixels}) != 1:
            raise ValueError(
                f"root={shards[0].parent}: the images of {split} differ in size or mode"
            )
        stacked = torch.from_numpy(np.stack(pixels))
        stacked = stacked.unsqueeze(1) if stacked.ndim == 3 else stacked.permute(0, 3, 1, 2)
        return Images(stacked.contiguous(), torch.tensor(labels, dtype=torch.int64))


def _columns(shard: Path) -> tuple[str, str]:
    """The names of the image and the label column of a file."""
    try:
        names = pq.read_schema(shard).names
    except pa.ArrowInvalid:
        raise ValueError(f"root={shard.parent}: {shard.name} is not parquet") from None
    image = next((name for name in IMAGE_COLUMNS if name in names), None)
    label = next((name for name in LABEL_COLUMNS if name in names), None)
    if image is None or label is None:
        raise ValueError(
            f"root={shard.parent}: {shard.name} has columns {names}; it needs one of "
            f"{list(IMAGE_COLUMNS)} and one of {list(LABEL_COLUMNS)}"
        )
    return image, label


def _decode(encoded: bytes, shard: Path, row: int) -> np.ndarray:
    try:
        return np.asarray(read_picture(encoded))
    except PictureError as error:
        raise ValueError(
            f"root={shard.parent}: row {row} of {shard.name} is not an image ({error})"
        ) from None
