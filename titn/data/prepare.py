"""From a data set as it was published to what a run trains on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from titn.config.annotations import Split
from titn.config.constraints import check_num_classes
from titn.data.cache import cached_arrays
from titn.data.decoding import fitting, resized
from titn.data.images import Dataset, Images, digest_of, hold_out, share_of


@dataclass(frozen=True)
class Decoded:
    """A data set as it was published: its own image size and number of channels."""

    train: Images
    test: Images
    class_names: tuple[str, ...]
    digest: str


class Part(NamedTuple):
    """Which images of a data set a run uses, and how large: what all data sets have in common."""

    image_size: int
    num_classes: int | None
    fraction: float
    split: Split
    validation_fraction: float


def decoded(stamp: str, decode: Callable[[], tuple[Images, Images, tuple[str, ...]]]) -> Decoded:
    """Decode, or take the arrays that an earlier decoding of the same files left in the cache."""

    def arrays() -> tuple[dict[str, Tensor], dict]:
        train, test, class_names = decode()
        facts = {"digest": digest_of(train, test, class_names), "names": class_names}
        return arrays_of(train, test), facts

    tensors, facts = cached_arrays(stamp, arrays)
    return Decoded(*images_of(tensors), tuple(facts["names"]), facts["digest"])


def arrays_of(train: Images, test: Images) -> dict[str, Tensor]:
    """As the cache keeps them."""
    return {
        "train.pixels": train.pixels,
        "train.labels": train.labels,
        "test.pixels": test.pixels,
        "test.labels": test.labels,
    }


def images_of(arrays: dict[str, Tensor]) -> tuple[Images, Images]:
    """The inverse of `arrays_of`."""
    train, test = (
        Images(arrays[f"{split}.pixels"], arrays[f"{split}.labels"]) for split in ("train", "test")
    )
    return train, test


def prepare(name: str, whole: Decoded, part: Part) -> Dataset:
    """Keep the first classes, hold out, keep a part of train, resize; three channels of one.

    In this order, so that neither what is held out nor the test images depend on how much is
    trained on.
    """
    train, evaluated, class_names = whole.train, whole.test, whole.class_names
    if part.num_classes is not None:
        check_num_classes(part.num_classes, len(class_names), name)
        class_names = class_names[: part.num_classes]
        train, evaluated = (
            images.take((images.labels < part.num_classes).nonzero().flatten())
            for images in (train, evaluated)
        )
        for split, images in (("train", train), ("test", evaluated)):
            if not len(images):
                raise ValueError(
                    f"num_classes={part.num_classes}: {split} of {name} has no images of the first "
                    f"{part.num_classes} classes; choose more"
                )
    if part.split == "validation":
        kept, held = hold_out(train.labels, part.validation_fraction)
        if not len(held) or not len(kept):
            raise ValueError(
                f"validation_fraction={part.validation_fraction}: "
                f"holds out {len(held)} of {len(train)} images; choose one that leaves both parts"
            )
        train, evaluated = train.take(kept), train.take(held)
    if part.fraction < 1:
        train = train.take(share_of(train.labels, part.fraction))
    return Dataset(
        name=name,
        train=_fit(train, part.image_size),
        evaluated=_fit(evaluated, part.image_size),
        split=part.split,
        class_names=class_names,
        digest=whole.digest,
    )


def _fit(images: Images, size: int) -> Images:
    """Bilinear, antialiased, to size x size; grey images become three equal channels."""
    pixels = resized(images.pixels, size)
    if pixels.shape[1] == 1:
        with fitting(size):
            pixels = pixels.expand(-1, 3, -1, -1).contiguous()
    return Images(pixels, images.labels)
