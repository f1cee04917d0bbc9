"""From a decoded data set to the images that a run trains on and is evaluated on."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from titn.config.annotations import Split
from titn.config.constraints import check_num_classes
from titn.data.cache import cached_arrays
from titn.data.decoding import explain_memory_errors, resize
from titn.data.images import Dataset, Images, hold_out, images_digest, stratified_subset
from titn.data.paths import check_unchanged


@dataclass(frozen=True)
class DecodedDataset:
    """A data set as it was published, in its original image size and number of channels.

    digest: `images_digest` or a digest of the files; it identifies the data.
    """

    train: Images
    test: Images
    class_names: tuple[str, ...]
    digest: str


class Selection(NamedTuple):
    """Which images of a data set a run uses, and their size; see titn.data.sources."""

    image_size: int
    num_classes: int | None
    fraction: float
    split: Split
    validation_fraction: float


class Source(Protocol):
    """Files under `root` that can be decoded. stamp: a text that stands for their contents."""

    @property
    def root(self) -> Path: ...
    def stamp(self) -> str: ...
    def decode(self) -> tuple[Images, Images, tuple[str, ...]]: ...


def decode_cached(source: Source) -> DecodedDataset:
    """Decode, or read the arrays that an earlier decoding of the same files left in the cache.

    Raises ValueError if the files change meanwhile.
    """
    stamp = source.stamp()

    def arrays() -> tuple[dict[str, Tensor], dict]:
        train, test, class_names = source.decode()
        check_unchanged(source.root, stamp, source.stamp)
        facts = {"digest": images_digest(train, test, class_names), "names": class_names}
        return to_arrays(train, test), facts

    tensors, facts = cached_arrays(stamp, arrays)
    return DecodedDataset(*from_arrays(tensors), tuple(facts["names"]), facts["digest"])


def to_arrays(train: Images, test: Images) -> dict[str, Tensor]:
    """The named arrays that the cache stores."""
    return {
        "train.pixels": train.pixels,
        "train.labels": train.labels,
        "test.pixels": test.pixels,
        "test.labels": test.labels,
    }


def from_arrays(arrays: dict[str, Tensor]) -> tuple[Images, Images]:
    """The inverse of `to_arrays`."""
    train, test = (
        Images(arrays[f"{split}.pixels"], arrays[f"{split}.labels"]) for split in ("train", "test")
    )
    return train, test


class Chosen(NamedTuple):
    """Which images a run uses: ascending indices (n,) of the decoded training images, and of those
    that are evaluated, which with `split` "validation" are training images too."""

    train: Tensor
    evaluated: Tensor
    class_names: tuple[str, ...]


def choose(
    name: str, labels: tuple[Tensor, Tensor], class_names: tuple[str, ...], selection: Selection
) -> Chosen:
    """Keep the first classes, hold out, keep a fraction of train.

    In this order, so that neither the held-out images nor the test images depend on the fraction.
    labels: of the training and of the test images. ValueError, with the key, if what is held out
    leaves a class without images on either side.
    """
    train, test = (torch.arange(len(own)) for own in labels)
    if selection.num_classes is not None:
        check_num_classes(selection.num_classes, len(class_names), name)
        class_names = class_names[: selection.num_classes]
        train, test = ((own < selection.num_classes).nonzero().flatten() for own in labels)
    if selection.split == "test":
        return Chosen(_part(train, labels[0], selection.fraction), test, class_names)
    kept, held = hold_out(labels[0][train], selection.validation_fraction)
    if not len(held) or not len(kept):
        raise ValueError(
            f"validation_fraction={selection.validation_fraction}: "
            f"holds out {len(held)} of {len(train)} images; choose one that leaves both parts"
        )
    chosen = Chosen(_part(train[kept], labels[0], selection.fraction), train[held], class_names)
    for rows, has in ((chosen.train, "leaves"), (chosen.evaluated, "holds out")):
        counts = labels[0][rows].bincount(minlength=len(class_names)).tolist()
        if 0 in counts:
            raise ValueError(
                f"validation_fraction={selection.validation_fraction}: {has} no image of class "
                f"{class_names[counts.index(0)]}; choose another, or add images"
            )
    return chosen


def _part(rows: Tensor, labels: Tensor, fraction: float) -> Tensor:
    return rows if fraction == 1 else rows[stratified_subset(labels[rows], fraction)]


def prepare(name: str, decoded: DecodedDataset, selection: Selection) -> Dataset:
    """The images that a run uses, of its size and in colours."""
    labels = decoded.train.labels, decoded.test.labels
    chosen = choose(name, labels, decoded.class_names, selection)
    evaluated = decoded.train if selection.split == "validation" else decoded.test
    return Dataset(
        name=name,
        train=_resize_to_rgb(_taken(decoded.train, chosen.train), selection.image_size),
        evaluated=_resize_to_rgb(_taken(evaluated, chosen.evaluated), selection.image_size),
        split=selection.split,
        class_names=chosen.class_names,
        digest=decoded.digest,
    )


def _taken(images: Images, rows: Tensor) -> Images:
    """Some of the images; all of them are not copied."""
    return images if len(rows) == len(images) else images.take(rows)


def _resize_to_rgb(images: Images, size: int) -> Images:
    """(N, c, h, w) to (N, c, size, size), of grey images (N, 3, size, size), all channels equal."""
    pixels = resize(images.pixels, size)
    if pixels.shape[1] == 1:
        with explain_memory_errors(size):
            pixels = pixels.expand(-1, 3, -1, -1).contiguous()
    return Images(pixels, images.labels)
