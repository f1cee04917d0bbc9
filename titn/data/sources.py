"""Where images come from. Each function here is the `_target_` of a data set's YAML.

What they have in common: image_size is that of the images that the networks see. num_classes
keeps the first so many classes. fraction keeps a part of train, the same share of each class and
the same images for every seed. split "validation" evaluates on `validation_fraction` of train,
held out, instead of on test.
"""

from pathlib import Path
from typing import NamedTuple

import torch

from titn.data.cache import cache_dir, cached_arrays
from titn.data.folder import Folder
from titn.data.images import Dataset, Images, digest_of
from titn.data.parquet import Parquet
from titn.data.prepare import Decoded, Part, arrays_of, decoded, images_of, prepare
from titn.data.torchvision_layout import TorchvisionLayout
from titn.values import Classes, Count, Portion, ProperFraction, Published, Split


class Kind(NamedTuple):
    """What tells the published sets apart, whatever directory they are in."""

    num_classes: int
    channels: int
    side: int

    def __str__(self) -> str:
        channels = "one channel" if self.channels == 1 else f"{self.channels} channels"
        return f"{self.num_classes} classes, {channels} and {self.side} rows of pixels"


KINDS = {"mnist": Kind(10, 1, 28), "cifar10": Kind(10, 3, 32), "cifar100": Kind(100, 3, 32)}


def digits(
    *,
    image_size: Count = 32,
    num_classes: Classes | None = None,
    fraction: Portion = 1.0,
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
    whole = Decoded(train, test, class_names, digest_of(train, test, class_names))
    part = Part(image_size, num_classes, fraction, split, validation_fraction)
    return prepare("digits", whole, part)


def published(
    *,
    name: Published,
    root: str | None = None,
    download: bool = False,
    image_size: Count = 32,
    num_classes: Classes | None = None,
    fraction: Portion = 1.0,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.1,
) -> Dataset:
    """MNIST, CIFAR-10 or CIFAR-100, in either layout in which they are found.

    root: a directory with train-*.parquet and test-*.parquet, as the Hugging Face hub has them,
    or torchvision's root. download: let torchvision fetch them, into `root` or the cache. The
    images and so their identity are the same from either. Decoded once and kept in the cache.

    Raises ValueError if the files are not there or are not what they should be.
    """
    part = Part(image_size, num_classes, fraction, split, validation_fraction)
    if not root and not download:
        raise ValueError(
            f"root=null: {name} has to be on this machine already; give its directory as "
            "dataset.root=DIR, or dataset.download=true to have it fetched"
        )
    place = Path(root).expanduser() if root else cache_dir() / "downloads"
    layout = TorchvisionLayout(name, place)
    if download and not layout.is_there():
        layout.download()
    if layout.is_there():
        return prepare(name, decoded(layout.stamp(), layout.decode), part)
    source = Parquet.find(place, or_else=layout.names_of_files())
    whole = decoded(source.stamp(), source.decode)
    found = Kind(len(whole.class_names), *whole.train.pixels.shape[1:3])
    if found != KINDS[name]:
        raise ValueError(
            f"root={place}: is not {name}, which has {KINDS[name]}; this has {found}; "
            "for any other set choose dataset=parquet"
        )
    return prepare(name, whole, part)


def parquet(
    *,
    root: str | None = None,
    image_size: Count = 32,
    num_classes: Classes | None = None,
    fraction: Portion = 1.0,
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
            "root=null: give the directory with train-*.parquet and test-*.parquet as "
            "dataset.root=DIR"
        )
    source = Parquet.find(Path(root).expanduser())
    part = Part(image_size, num_classes, fraction, split, validation_fraction)
    return prepare("parquet", decoded(source.stamp(), source.decode), part)


def folder(
    *,
    root: str | None = None,
    image_size: Count = 32,
    num_classes: Classes | None = None,
    fraction: Portion = 1.0,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.1,
) -> Dataset:
    """Image files in train/CLASS/ and test/CLASS/, of any format that Pillow reads, size and mode.

    Each is shrunk or enlarged as a whole to `image_size` x `image_size`, its proportions not kept,
    when it is decoded; the arrays are kept in a cache. Files whose name begins with a dot are left
    out.

    Raises ValueError that names what is not an image, not in a class, empty, or in one split only.
    """
    if not root:
        raise ValueError(
            "root=null: give the directory with train/CLASS/* and test/CLASS/* as dataset.root=DIR"
        )
    place = Path(root).expanduser()
    if not place.is_dir():
        raise ValueError(f"root={root}: no such directory; give the one with train/ and test/")
    files = Folder.find(place)
    tensors, facts = cached_arrays(
        files.stamp(image_size),
        lambda: (arrays_of(*files.decode(image_size)), {"digest": files.digest()}),
    )
    whole = Decoded(*images_of(tensors), files.class_names, facts["digest"])
    part = Part(image_size, num_classes, fraction, split, validation_fraction)
    return prepare("folder", whole, part)
