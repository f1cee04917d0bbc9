"""Find the files of a data set in one of three layouts, or say what is missing. No torch here.

The functions `digits`, `published`, `parquet` and `folder` serve the constructors of the same names
in `titn.data.sources`, which name them in their annotations too: so a mistyped directory is
reported before torch is loaded. They take the keywords of the constructor and raise a ValueError
whose message begins with one of them.
"""

from pathlib import Path
from typing import Any, NamedTuple

from titn.config.constraints import check_num_classes
from titn.data.classes import check_class_names, check_classes, text_of
from titn.data.leftovers import belonging
from titn.data.misplaced import check_directory, instead_of_split, instead_of_torchvision
from titn.data.paths import (
    expand_root,
    explain_read_errors,
    is_directory,
    is_file,
    why_not_a_file,
)
from titn.data.shards import Shards, find_shards
from titn.system.text import printable


class PublishedFormat(NamedTuple):
    """What distinguishes the published sets, whatever directory they are in. side: in pixels.

    train, test: the images of each class.
    """

    channels: int
    side: int
    train: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def num_classes(self) -> int:
        return len(self.train)

    def __str__(self) -> str:
        channels = "one channel" if self.channels == 1 else f"{self.channels} channels"
        return (
            f"{self.num_classes} classes, {channels}, {self.side} rows of pixels, "
            f"{sum(self.train)} training and {sum(self.test)} test images"
        )


NUM_DIGITS = 10
ANY_OTHER = "fetch it again; of any other set, or of a part, say dataset=parquet"
PUBLISHED_FORMATS = {
    "mnist": PublishedFormat(
        channels=1,
        side=28,
        train=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        test=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    ),
    "cifar10": PublishedFormat(channels=3, side=32, train=(5000,) * 10, test=(1000,) * 10),
    "cifar100": PublishedFormat(channels=3, side=32, train=(500,) * 100, test=(100,) * 100),
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


TORCHVISION_ARCHIVES = {
    "mnist": tuple(f"MNIST/raw/{name}.gz" for names in MNIST_FILES.values() for name in names),
    "cifar10": ("cifar-10-python.tar.gz",),
    "cifar100": ("cifar-100-python.tar.gz",),
}


class ClassFolders(NamedTuple):
    """The image files of both splits by class; classes and files are sorted by name.

    The names of the classes are text of one form (`titn.data.classes.text_of`).
    """

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
        directory = TORCHVISION_FILES[name][0]
        if remedy := instead_of_torchvision(place, directory, TORCHVISION_ARCHIVES[name]):
            raise ValueError(f"root={printable(place)}: {remedy}")
        shards = find_shards(place, alternative=directory)
    published = PUBLISHED_FORMATS[name]
    if (shards.num_train, shards.num_test) != (sum(published.train), sum(published.test)):
        raise ValueError(
            f"root={printable(place)}: is not {name}, which has {published}; this has "
            f"{shards.num_train} training and {shards.num_test} test images; {ANY_OTHER}"
        )
    return shards


def check_published(name: str, root: Path, found: PublishedFormat) -> None:
    """ValueError if decoded images are not those of the published set of this name."""
    published = PUBLISHED_FORMATS[name]
    if found == published:
        return
    what = f"is not {name}, which has {published}; this has {found}"
    if str(found) == str(published):
        counts = zip(published.train + published.test, found.train + found.test, strict=True)
        label, (theirs, ours) = next(
            (at % found.num_classes, pair) for at, pair in enumerate(counts) if len(set(pair)) > 1
        )
        what = f"is not {name}, which has {theirs} images of class {label}; this has {ours}"
    raise ValueError(f"root={printable(root)}: {what}; {ANY_OTHER}")


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
        check_directory(place, "the one with train/ and test/")
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
        where = "; ".join(
            f"only {split}/ has {', '.join(map(_visible, names))}"
            for split, names in only.items()
            if names
        )
        raise ValueError(f"root={root}: classes differ: {where}; give both the same")
    try:
        check_class_names(tuple(train))
        check_classes(tuple(train), *([len(s[name]) for name in train] for s in (train, test)))
    except ValueError as error:
        raise ValueError(f"root={root}: {error}") from None
    return ClassFolders(root, train, test)


def _classes(root: Path, split: str) -> dict[str, tuple[Path, ...]]:
    """The files of each class of a split, without what file managers left (.DS_Store)."""
    if not is_directory(root / split):
        raise ValueError(f"root={root}: has no directory {split}/; {instead_of_split(root, split)}")
    items = belonging(root / split)
    if loose := [item for item in items if not is_directory(item)]:
        raise ValueError(f"root={root}: {split}/{loose[0].name} {_no_class(loose[0], split)}")
    if not items:
        raise ValueError(f"root={root}: {split}/ has no classes; it needs {split}/CLASS/*")
    classes: dict[str, tuple[Path, ...]] = {}
    for item in items:
        name = text_of(item.name)
        if name in classes:
            raise ValueError(
                f"root={root}: {split}/ has two directories {name}, whose names look alike but "
                "are not written with the same characters; put their images into one"
            )
        classes[name] = tuple(belonging(item))
    return classes


def _visible(name: str) -> str:
    """In quotes if it begins or ends with a space, which nobody would see."""
    return repr(name) if name != name.strip() else name


def _no_class(item: Path, split: str) -> str:
    reason = why_not_a_file(item)
    if item.is_symlink() and reason:
        return f"is no directory but {reason}; repair or remove it"
    return f"is in no class; put it in {split}/CLASS/"
