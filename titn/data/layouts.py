"""Find the files of a data set in one of three layouts, or say what is missing. No torch here.

The functions `digits`, `published`, `parquet` and `folder` serve the constructors of the same names
in `titn.data.sources`, which name them in their annotations too: so a mistyped directory is
reported before torch is loaded. They take the keywords of the constructor and raise a ValueError
whose message begins with one of them.
"""

from pathlib import Path
from typing import Any, NamedTuple

from titn.config.constraints import check_num_classes
from titn.data.paths import (
    check_class_names,
    expand_root,
    explain_read_errors,
    is_file,
    why_not_a_file,
)
from titn.data.shards import Shards, find_shards


class PublishedFormat(NamedTuple):
    """What distinguishes the published sets, whatever directory they are in. side: in pixels."""

    num_classes: int
    channels: int
    side: int

    def __str__(self) -> str:
        channels = "one channel" if self.channels == 1 else f"{self.channels} channels"
        return f"{self.num_classes} classes, {channels} and {self.side} rows of pixels"


NUM_DIGITS = 10
PUBLISHED_FORMATS = {
    "mnist": PublishedFormat(10, 1, 28),
    "cifar10": PublishedFormat(10, 3, 32),
    "cifar100": PublishedFormat(100, 3, 32),
}

MNIST_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
# Below torchvision's root: the directory of each published set, and the files there.
TORCHVISION_FILES = {
    "mnist": ("MNIST/raw", (*MNIST_FILES["train"], *MNIST_FILES["test"])),
    "cifar10": (
        "cifar-10-batches-py",
        (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"),
    ),
    "cifar100": ("cifar-100-python", ("train", "test", "meta")),
}


class ClassFolders(NamedTuple):
    """The image files of both splits by class; classes and files are sorted by name."""

    root: Path
    train: dict[str, tuple[Path, ...]]
    test: dict[str, tuple[Path, ...]]


# --- by the keywords of the sources -----------------------------------------------------------


def digits(*, num_classes: int | None = None, **_: Any) -> None:
    """Nothing to find: the digits are part of scikit-learn."""
    check_num_classes(num_classes, NUM_DIGITS, "digits")


def published(
    *,
    name: str,
    root: str | None = None,
    download: bool = False,
    num_classes: int | None = None,
    **_: Any,
) -> Shards | None:
    """The shards under `root`; None if torchvision's files are there or are to be downloaded."""
    check_num_classes(num_classes, PUBLISHED_FORMATS[name].num_classes, name)
    if download:
        return None
    if not root:
        raise ValueError(
            f"root=null: {name} has to be on this machine already; give its directory as "
            "dataset.root=DIR, or dataset.download=true to have it fetched"
        )
    with explain_read_errors(root):
        place = expand_root(root)
        if all(is_file(file) for file in torchvision_files(name, place)):
            return None
        return find_shards(place, alternative=TORCHVISION_FILES[name][0])


def parquet(*, root: str | None = None, num_classes: int | None = None, **_: Any) -> Shards:
    """The shards under `root`."""
    if not root:
        raise ValueError(
            "root=null: give the directory with train-*.parquet and test-*.parquet as "
            "dataset.root=DIR"
        )
    with explain_read_errors(root):
        parquet_files = find_shards(expand_root(root))
    if parquet_files.class_names:
        check_num_classes(num_classes, len(parquet_files.class_names), "parquet")
    return parquet_files


def folder(*, root: str | None = None, num_classes: int | None = None, **_: Any) -> ClassFolders:
    """The files under `root`, by class."""
    if not root:
        raise ValueError(
            "root=null: give the directory with train/CLASS/* and test/CLASS/* as dataset.root=DIR"
        )
    with explain_read_errors(root):
        place = expand_root(root)
        if not place.is_dir():
            raise ValueError(f"root={root}: no such directory; give the one with train/ and test/")
        classes = find_class_folders(place)
    check_num_classes(num_classes, len(classes.train), "folder")
    return classes


# --- by the layouts ---------------------------------------------------------------------------


def torchvision_files(name: str, root: Path) -> list[Path]:
    """The paths under which torchvision keeps a published set."""
    directory, names = TORCHVISION_FILES[name]
    return [root / directory / file for file in names]


def find_class_folders(root: Path) -> ClassFolders:
    """The class folders under `root`; ValueError if train/ and test/ have different classes."""
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
    try:
        check_class_names(tuple(train))
    except ValueError as error:
        raise ValueError(f"root={root}: {error}") from None
    return ClassFolders(root, train, test)


def _classes(root: Path, split: str) -> dict[str, tuple[Path, ...]]:
    """The files of each class of a split, without hidden files such as .DS_Store."""
    if not (root / split).is_dir():
        raise ValueError(
            f"root={root}: has no directory {split}/; it needs train/CLASS/* and test/CLASS/*"
        )
    visible = [item for item in sorted((root / split).iterdir()) if item.name[0] != "."]
    if loose := [item for item in visible if not item.is_dir()]:
        raise ValueError(f"root={root}: {split}/{loose[0].name} {_no_class(loose[0], split)}")
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


def _no_class(item: Path, split: str) -> str:
    reason = why_not_a_file(item)
    if item.is_symlink() and reason:
        return f"is no directory but {reason}; repair or remove it"
    return f"is in no class; put it in {split}/CLASS/"
