"""Images in memory, their statistics and digest, and stratified parts of them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from titn.config.annotations import Split
from titn.data.streams import stream
from titn.types import ImageSpec

# How many training images a network sees before training: of 32x32 pixels a million patches.
SAMPLE_SIZE = 1_000


@dataclass(frozen=True)
class Images:
    """N labelled images: pixels (N, c, h, w) uint8, labels (N,) int64."""

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> "Images":
        return Images(self.pixels[indices], self.labels[indices])

    def to(self, device: torch.device) -> "Images":
        return Images(self.pixels.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """What a run trains on and what it is evaluated on.

    evaluated: the test images, or with `split` "validation" a held-out part of train, which is
    then not in `train`. digest: SHA-256 of the images and labels before resizing and splitting;
    it stands for the data in a run's identity, wherever they lie on the disk.
    """

    name: str
    train: Images
    evaluated: Images
    split: Split
    class_names: tuple[str, ...]
    digest: str

    @cached_property
    def spec(self) -> ImageSpec:
        """Size, channels and classes; mean and standard deviation per channel of the train images.

        A channel without contrast gets the deviation of one grey level, to divide by. The sample is
        drawn at random, the same for every seed.
        """
        pixels = self.train.pixels
        moments = [mean_and_deviation(counts) for counts in self._value_counts()]
        sample = stream("sample", 0).permutation(len(self.train))[:SAMPLE_SIZE]
        return ImageSpec(
            num_classes=len(self.class_names),
            size=pixels.shape[2],
            channels=pixels.shape[1],
            mean=tuple(round(mean, 4) for mean, _ in moments),
            std=tuple(max(round(std, 4), 1 / 255) for _, std in moments),
            sample=pixels[torch.from_numpy(sample)],
        )

    def _value_counts(self) -> Tensor:
        """How often each value is in each channel of the train images, (c, 256) int64."""
        channels = self.train.pixels.unbind(1)
        return torch.stack([channel.flatten().bincount(minlength=256) for channel in channels])


def mean_and_deviation(counts: Tensor) -> tuple[float, float]:
    """Mean and standard deviation of uint8 values, as fractions of 255.

    counts: how often each value is there, (256,). In float64, so the same on every machine.
    """
    counts = counts.double()
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts @ values) / counts.sum()
    variance = (counts @ (values - mean) ** 2) / counts.sum()
    return mean.item(), variance.sqrt().item()


def hold_out(labels: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Indices that stay in train, and held-out indices with the same share of every class.

    The part is fixed and does not depend on a run's seed, so every run is tuned on the same images.
    """
    held = _stratified(labels, fraction, "validation", least=0)
    kept = torch.ones(len(labels), dtype=torch.bool)
    kept[held] = False
    return kept.nonzero().flatten(), held


def stratified_subset(labels: Tensor, fraction: float) -> Tensor:
    """Indices of a part with the same share of every class, and at least one image of each.

    The part is fixed, the same for every seed, and a smaller part lies within every larger one.
    """
    return _stratified(labels, fraction, "fraction", least=1)


def _stratified(labels: Tensor, fraction: float, purpose: str, least: int) -> Tensor:
    """The first images of each class in a fixed random order, as sorted indices."""
    chosen = []
    for label in labels.unique(sorted=True):
        members = (labels == label).nonzero().flatten()
        order = torch.from_numpy(stream(purpose, 0, int(label)).permutation(len(members)))
        chosen.append(members[order[: max(round(fraction * len(members)), least)]])
    return torch.cat(chosen).sort().values


def images_digest(train: Images, test: Images, class_names: tuple[str, ...]) -> str:
    """SHA-256 over shapes, pixels, labels and class names."""
    sha = hashlib.sha256(repr(class_names).encode())
    for tensor in (train.pixels, train.labels, test.pixels, test.labels):
        sha.update(repr((tuple(tensor.shape), str(tensor.dtype))).encode())
        sha.update(tensor.contiguous().numpy().data)
    return sha.hexdigest()
