"""Where images come from. Each function here is the `_target_` of a data set's YAML."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from titn.data.cache import cached_arrays
from titn.data.images import Dataset, Images, digest_of, hold_out
from titn.data.parquet import Parquet
from titn.values import Count, ProperFraction, Split


@dataclass(frozen=True)
class Decoded:
    """A data set as it was published: its own image size and number of channels."""

    train: Images
    test: Images
    class_names: tuple[str, ...]
    digest: str


def digits(
    *,
    image_size: Count = 32,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.2,
) -> Dataset:
    """scikit-learn's 1,797 handwritten digits of 8x8 pixels, enlarged to `image_size`.

    They have no test set of their own: 360 images, the same share of each class, are set aside,
    always the same ones. Writers are not kept apart, which makes the test set an easy one.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    # 17 grey levels, 0 to 16, onto 0 to 255.
    pixels = torch.from_numpy(raw.images).mul(255 / 16).round().to(torch.uint8).unsqueeze(1)
    everything = Images(pixels, torch.from_numpy(raw.target).to(torch.int64))
    parts = train_test_split(
        torch.arange(len(everything)).numpy(), test_size=360, stratify=raw.target, random_state=0
    )
    train, test = (everything.take(torch.from_numpy(part).sort().values) for part in parts)
    class_names = tuple(str(name) for name in raw.target_names)
    decoded = Decoded(train, test, class_names, digest_of(train, test, class_names))
    return _prepare("digits", decoded, image_size, split, validation_fraction)


def parquet(
    *,
    name: str,
    root: str | None = None,
    image_size: Count = 32,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.1,
) -> Dataset:
    """A directory of train-*.parquet and test-*.parquet in the Hugging Face layout.

    Encoded images in a column `img` or `image`, integer labels in `fine_label` or `label`, class
    names in the schema's metadata. Decoded once; the arrays are kept in a cache.

    Raises ValueError if the directory is not given or does not hold such files.
    """
    if not root:
        raise ValueError(
            f"root=null: {name} has to be on this machine already; "
            "give the directory with its train-*.parquet and test-*.parquet as dataset.root=DIR"
        )
    source = Parquet.find(Path(root).expanduser())
    decoded = _load(source.stamp(), source.decode)
    return _prepare(name, decoded, image_size, split, validation_fraction)


def _load(stamp: str, decode: Callable[[], tuple[Images, Images, tuple[str, ...]]]) -> Decoded:
    """Decode, or take the arrays that an earlier decoding of the same files left in the cache."""

    def arrays() -> tuple[dict[str, Tensor], dict[str, str]]:
        train, test, class_names = decode()
        tensors = {
            "train.pixels": train.pixels,
            "train.labels": train.labels,
            "test.pixels": test.pixels,
            "test.labels": test.labels,
        }
        facts = {"digest": digest_of(train, test, class_names), "names": "\n".join(class_names)}
        return tensors, facts

    tensors, facts = cached_arrays(stamp, arrays)
    return Decoded(
        Images(tensors["train.pixels"], tensors["train.labels"]),
        Images(tensors["test.pixels"], tensors["test.labels"]),
        tuple(facts["names"].split("\n")),
        facts["digest"],
    )


def _prepare(
    name: str, decoded: Decoded, image_size: int, split: Split, validation_fraction: float
) -> Dataset:
    """Hold out, resize, and make three channels of one."""
    train, evaluated = decoded.train, decoded.test
    if split == "validation":
        kept, held = hold_out(train.labels, validation_fraction)
        if not len(held) or not len(kept):
            raise ValueError(
                f"validation_fraction={validation_fraction}: "
                f"holds out {len(held)} of {len(train)} images; choose one that leaves both parts"
            )
        train, evaluated = train.take(kept), train.take(held)
    return Dataset(
        name=name,
        train=_fit(train, image_size),
        evaluated=_fit(evaluated, image_size),
        split=split,
        class_names=decoded.class_names,
        digest=decoded.digest,
    )


def _fit(images: Images, size: int) -> Images:
    """Bilinear, antialiased, to size x size; grey images become three equal channels."""
    pixels = images.pixels
    if tuple(pixels.shape[2:]) != (size, size):
        # In parts: the resampling works in floating point, four bytes for every one.
        parts = pixels.split(8192)
        pixels = torch.cat(
            [transforms.resize(part, [size, size], antialias=True) for part in parts]
        )
    if pixels.shape[1] == 1:
        pixels = pixels.expand(-1, 3, -1, -1).contiguous()
    return Images(pixels, images.labels)
