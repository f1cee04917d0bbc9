"""The Hugging Face parquet layout of an image data set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from titn.data.images import Images
from titn.data.layouts import Shards
from titn.data.pictures import PictureError, read_picture


@dataclass(frozen=True)
class Parquet:
    """What is in the shards of the two splits."""

    found: Shards

    def stamp(self) -> str:
        """Changes whenever a shard is replaced."""
        files = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in self._shards()]
        columns = self.found.image_column, self.found.label_column
        return repr(("parquet", 1, *columns, files))

    def decode(self) -> tuple[Images, Images, tuple[str, ...]]:
        """All images of train and test, and the class names in the order of the labels."""
        train = self._images(self.found.train, "train")
        test = self._images(self.found.test, "test")
        names = self.found.class_names()
        if names is None:
            names = tuple(str(label) for label in range(int(train.labels.max()) + 1))
        for split, images in (("train", train), ("test", test)):
            low, high = int(images.labels.min()), int(images.labels.max())
            if low < 0 or high >= len(names):
                raise ValueError(
                    f"root={self.found.train[0].parent}: {split} has labels {low} to {high}, "
                    f"but there are {len(names)} class names; labels run from 0 to {len(names) - 1}"
                )
        return train, test, names

    def _shards(self) -> tuple[Path, ...]:
        return self.found.train + self.found.test

    def _images(self, shards: tuple[Path, ...], split: str) -> Images:
        image, label = self.found.image_column, self.found.label_column
        pixels, labels = [], []
        total = sum(pq.read_metadata(shard).num_rows for shard in shards)
        bar = tqdm(total=total, desc=f"decoding {split}", unit="img", disable=None, leave=False)
        with bar:
            for shard in shards:
                table = pq.read_table(shard, columns=[image, label])
                labels += table[label].to_pylist()
                for row, cell in enumerate(table[image].to_pylist()):
                    pixels.append(_decode(cell["bytes"], shard, row))
                    bar.update()
        if len({image.shape for image in pixels}) != 1:
            raise ValueError(
                f"root={shards[0].parent}: the images of {split} differ in size or mode"
            )
        stacked = torch.from_numpy(np.stack(pixels))
        stacked = stacked.unsqueeze(1) if stacked.ndim == 3 else stacked.permute(0, 3, 1, 2)
        return Images(stacked.contiguous(), torch.tensor(labels, dtype=torch.int64))


def _decode(encoded: bytes, shard: Path, row: int) -> np.ndarray:
    try:
        return np.asarray(read_picture(encoded))
    except PictureError as error:
        raise ValueError(
            f"root={shard.parent}: row {row} of {shard.name} is not an image ({error})"
        ) from None
