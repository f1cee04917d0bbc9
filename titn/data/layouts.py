"""Which files of a directory are a data set, in three layouts, or what is missing. No torch here.

`titn.data.sources` asks `folder`, `parquet` and `published` where its files are, and names them in
its annotations: so a mistyped directory is answered before torch is loaded. They take the keywords
of the constructor and raise a ValueError that begins with one of them.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from titn.fits import check_num_classes

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("fine_label", "label")


class Kind(NamedTuple):
    """What tells the published sets apart, whatever directory they are in."""

    num_classes: int
    channels: int
    side: int

    def __str__(self) -> str:
        channels = "one channel" if self.channels == 1 else f"{self.channels} channels"
        return f"{self.num_classes} classes, {channels} and {self.side} rows of pixels"


NUM_DIGITS = 10
KINDS = {"mnist": Kind(10, 1, 28), "cifar10": Kind(10, 3, 32), "cifar100": Kind(100, 3, 32)}

MNIST_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
# Under torchvision's root: the directory of each published set and the files there.
TORCHVISION = {
    "mnist": ("MNIST/raw", (*MNIST_FILES["train"], *MNIST_FILES["test"])),
    "cifar10": (
        "cifar-10-batches-py",
        (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"),
    ),
    "cifar100": ("cifar-100-python", ("train", "test", "meta")),
}


class ClassFolders(NamedTuple):
    """The image files of both splits, by class, in the order of their names."""

    root: Path
    train: dict[str, tuple[Path, ...]]
    test: dict[str, tuple[Path, ...]]


class Shards(NamedTuple):
    """The parquet files of both splits, and the columns that matter."""

    train: tuple[Path, ...]
    test: tuple[Path, ...]
    image_column: str
    label_column: str

    def class_names(self) -> tuple[str, ...] | None:
        """In the order of the labels; None if the schema's metadata does not say."""
        metadata = pq.read_schema(self.train[0]).metadata or {}
        features = (
            json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        )
        names = features.get(self.label_column, {}).get("names")
        return tuple(names) if names else None


# --- by the keywords of the sources -----------------------------------------------------------


def digits(*, num_classes: int | None = None, **_: Any) -> None:
    """They are part of scikit-learn: no files to look for."""
    check_num_classes(num_classes, NUM_DIGITS, "digits")


def published(
    *,
    name: str,
    root: str | None = None,
    download: bool = False,
    num_classes: int | None = None,
    **_: Any,
) -> Shards | None:
    """The shards under `root`; None where torchvision's files are, or will have been fetched."""
    check_num_classes(num_classes, KINDS[name].num_classes, name)
    if download:
        return None
    if not root:
        raise ValueError(
            f"root=null: {name} has to be on this machine already; give its directory as "
            "dataset.root=DIR, or dataset.download=true to have it fetched"
        )
    place = Path(root).expanduser()
    if all(file.is_file() for file in torchvision_files(name, place)):
        return None
    return shards(place, or_else=TORCHVISION[name][0])


def parquet(*, root: str | None = None, num_classes: int | None = None, **_: Any) -> Shards:
    """The shards under `root`."""
    if not root:
        raise ValueError(
            "root=null: give the directory with train-*.parquet and test-*.parquet as "
            "dataset.root=DIR"
        )
    found = shards(Path(root).expanduser())
    if names := found.class_names():
        check_num_classes(num_classes, len(names), "parquet")
    return found


def folder(*, root: str | None = None, num_classes: int | None = None, **_: Any) -> ClassFolders:
    """The files under `root`, by class."""
    if not root:
        raise ValueError(
            "root=null: give the directory with train/CLASS/* and test/CLASS/* as dataset.root=DIR"
        )
    place = Path(root).expanduser()
    if not place.is_dir():
        raise ValueError(f"root={root}: no such directory; give the one with train/ and test/")
    found = class_folders(place)
    check_num_classes(num_classes, len(found.train), "folder")
    return found


# --- by the layouts ---------------------------------------------------------------------------


def torchvision_files(name: str, root: Path) -> list[Path]:
    """Where torchvision keeps a published set."""
    directory, names = TORCHVISION[name]
    return [root / directory / file for file in names]


def shards(root: Path, or_else: str | None = None) -> Shards:
    """The parquet files under `root`; ValueError if they or their columns are not there.

    or_else: another layout's directory that would have done as well.
    """
    if not root.is_dir():
        raise ValueError(f"root={root}: no such directory; give the one with the data set")
    # As a repository of the hub has them: beside each other, or in one directory further down.
    files = {
        split: tuple(sorted([*root.glob(f"{split}-*.parquet"), *root.glob(f"*/{split}-*.parquet")]))
        for split in ("train", "test")
    }
    for split, found in files.items():
        if not found:
            nor = f", nor torchvision's {or_else}/" if or_else else ""
            raise ValueError(
                f"root={root}: holds no {split}-*.parquet{nor}; give the data set's own"
            )
    columns = {_columns(shard) for found in files.values() for shard in found}
    if len(columns) > 1:
        raise ValueError(f"root={root}: its files differ in their columns: {sorted(columns)}")
    return Shards(files["train"], files["test"], *columns.pop())


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


def class_folders(root: Path) -> ClassFolders:
    """The class folders under `root`; ValueError if train/ and test/ do not hold the same ones."""
    train, test = (_classes(root, split) for split in ("train", "test"))
    if train.keys() != test.keys():
        only = {
            split: sorted(set(mine) - set(other))
            for split, mine, other in (("train", train, test), ("test", test, train))
        }
        where = "; ".join(f"only {split}/ has {', '.join(c)}" for split, c in only.items() if c)
        raise ValueError(f"root={root}: classes differ: {where}; give both the same")
    if len(train) < 2:
        raise ValueError(f"root={root}: has one class, {next(iter(train))}; two are the least")
    return ClassFolders(root, train, test)


def _classes(root: Path, split: str) -> dict[str, tuple[Path, ...]]:
    """The files of each class of a split; what begins with a dot is not an image but a system's."""
    if not (root / split).is_dir():
        raise ValueError(
            f"root={root}: has no directory {split}/; it needs train/CLASS/* and test/CLASS/*"
        )
    visible = [item for item in sorted((root / split).iterdir()) if item.name[0] != "."]
    if loose := [item.name for item in visible if not item.is_dir()]:
        raise ValueError(
            f"root={root}: {split}/{loose[0]} is in no class; put it in {split}/CLASS/"
        )
    if not visible:
        raise ValueError(f"root={root}: {split}/ has no classes; it needs {split}/CLASS/*")
    classes = {
        item.name: tuple(sorted(file for file in item.iterdir() if file.name[0] != "."))
        for item in visible
    }
    if empty := [name for name, files in classes.items() if not files]:
        raise ValueError(
            f"root={root}: {split}/{empty[0]}/ is empty; a class needs an image in train/ and test/"
        )
    return classes
