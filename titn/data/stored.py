"""Images that are not in memory, or not in that of the device, as training sees them.

Order, views and mixes are drawn for the numbers of images, so that a batch is the same wherever its
images come from. There is no DataLoader: rows are decoded already, and neither a process that
would copy them once more nor its start has anything to hide (docs/your-images.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from titn.data.images import Dataset, Images
from titn.data.prepare import Selection, choose
from titn.system.memory import size_text
from titn.system.progress import Counter, say

# Bytes of pixels that are counted at once.
COUNT_AT_ONCE = 1 << 24
# What training takes of a device's free memory besides the images is not known before it runs.
SHARE_OF_DEVICE = 0.5


class Rows(Protocol):
    """Where pixels are. shape: of one image, (c, h, w). Rows are numbered, (n,) int64 on the CPU.

    read: (n, c, h, w) uint8. value_counts: how often each value is in each channel, (c, 256) int64.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...
    def read(self, rows: Tensor) -> Tensor: ...
    def value_counts(self, rows: Tensor) -> Tensor: ...


class InMainMemory:
    """Rows of a tensor (N, c, h, w) that a device has no room for."""

    def __init__(self, pixels: Tensor):
        self.pixels = pixels

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.pixels.shape[1:])

    def read(self, rows: Tensor) -> Tensor:
        return self.pixels[rows]

    def value_counts(self, rows: Tensor) -> Tensor:
        return count_values(self, rows)


class StoredPixels:
    """Pixels (N, c, h, w) uint8 of which indexing makes a tensor, on `device`.

    It has what training and evaluation ask of the pixels of `Images`, and no more. numbers: of the
    rows that these N images are, (N,) int64.
    """

    dtype = torch.uint8

    def __init__(self, rows: Rows, numbers: Tensor, device: torch.device | str = "cpu"):
        self.rows = rows
        self.numbers = numbers
        self.device = torch.device(device)

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self.numbers), *self.rows.shape))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        chosen = index.cpu() if isinstance(index, Tensor) else index
        return self.rows.read(self.numbers[chosen]).to(self.device)

    def split(self, size: int) -> Iterator[Tensor]:
        """All images in their order, so many at once."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def take(self, index: Tensor) -> "StoredPixels":
        """Some of the images, none of which is read."""
        return StoredPixels(self.rows, self.numbers[index.cpu()], self.device)

    def to(self, device: torch.device | str) -> "StoredPixels":
        """The same images for another device; they stay where they are."""
        return StoredPixels(self.rows, self.numbers, device)


def stored_images(pixels: StoredPixels, labels: Tensor) -> Images:
    """Images whose pixels are no tensor, for those who only index them."""
    return Images(cast(Tensor, pixels), labels)


def unread(images: Images) -> Images:
    """The same images, of which `take` reads none: for those who choose before they look."""
    pixels = cast("Tensor | StoredPixels", images.pixels)
    return _Unread(images.pixels, images.labels) if isinstance(pixels, StoredPixels) else images


class _Unread(Images):
    def take(self, indices: Tensor) -> Images:
        return stored_images(
            cast(StoredPixels, self.pixels).take(indices),
            self.labels[indices.to(self.labels.device)],
        )


@dataclass(frozen=True)
class StoredDataset(Dataset):
    """A data set whose pixels are read when they are needed."""

    def _value_counts(self) -> Tensor:
        pixels = cast(StoredPixels, self.train.pixels)
        return pixels.rows.value_counts(pixels.numbers)


def count_values(rows: Rows, numbers: Tensor) -> Tensor:
    """How often each value is in each channel of these rows: (c, 256) int64; with a bar."""
    channels, height, width = rows.shape
    counts = torch.zeros(channels, 256, dtype=torch.int64)
    at_once = max(COUNT_AT_ONCE // (channels * height * width), 1)
    with Counter("counting pixel values", total=len(numbers)) as counter:
        for part in numbers.split(at_once):
            pixels = rows.read(part)  # (n, c, h, w)
            for channel in range(channels):
                counts[channel] += pixels[:, channel].flatten().bincount(minlength=256)
            counter.add(len(part))
    return counts


def prepare_stored(
    name: str, rows: Rows, labels: tuple[Tensor, Tensor], names: tuple[str, ...], digest: str,
    selection: Selection,
) -> Dataset:  # fmt: skip
    """As `prepare`, of images that have their size and channels already and are not read.

    rows: those of train, then those of test. labels: of train and of test.
    """
    chosen = choose(name, labels, names, selection)
    first = 0 if selection.split == "validation" else len(labels[0])
    label_of = torch.cat(labels)
    train, evaluated = (
        stored_images(StoredPixels(rows, numbers), label_of[numbers])
        for numbers in (chosen.train, first + chosen.evaluated)
    )
    return StoredDataset(name, train, evaluated, selection.split, chosen.class_names, digest)


def kept_off(dataset: Dataset, device: torch.device) -> Dataset:
    """A data set in main memory that takes over half of what is free on a GPU: it stays there.

    Batches are then copied to the GPU one by one; a line says so. Any other is returned as it is.
    """
    if device.type != "cuda" or isinstance(dataset, StoredDataset):
        return dataset
    free, _ = torch.cuda.mem_get_info(device)
    size = sum(images.pixels.nbytes for images in (dataset.train, dataset.evaluated))
    if size <= SHARE_OF_DEVICE * free:
        return dataset
    say(
        f"{dataset.name}: the images take {size_text(size)}, more than half of the "
        f"{size_text(free)} free on {device}: they stay in main memory, and are copied as they "
        "are needed"
    )
    train, evaluated = (
        stored_images(
            StoredPixels(InMainMemory(images.pixels), torch.arange(len(images))), images.labels
        )
        for images in (dataset.train, dataset.evaluated)
    )
    return StoredDataset(
        dataset.name, train, evaluated, dataset.split, dataset.class_names, dataset.digest
    )
