"""Anyone's images: a directory train/ and a directory test/, in each a directory for each class."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from titn.data.images import Images
from titn.data.pictures import PictureError, picture

# So many files that cannot be read are named; of the rest there is the number.
NAMED_FILES = 5


@dataclass(frozen=True)
class Folder:
    """The image files of both splits, by class, in the order of their names."""

    root: Path
    train: dict[str, tuple[Path, ...]]
    test: dict[str, tuple[Path, ...]]

    @classmethod
    def find(cls, root: Path) -> "Folder":
        """Look under `root`; ValueError if train/ and test/ do not hold the same classes."""
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
        return cls(root, train, test)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.train)

    def stamp(self, size: int) -> str:
        """Changes whenever a file is added, taken away or replaced."""
        files = [(*self._place(f), f.stat().st_size, f.stat().st_mtime_ns) for f in self._files()]
        return repr(("folder", 1, str(self.root.resolve()), size, files))

    def digest(self) -> str:
        """SHA-256 over the names and contents of the files."""
        sha = hashlib.sha256()
        for file in self._files():
            with open(file, "rb") as content:
                inner = hashlib.file_digest(content, "sha256").hexdigest()
            sha.update(repr((*self._place(file), inner)).encode())
        return sha.hexdigest()

    def decode(self, size: int) -> tuple[Images, Images]:
        """All images, (n, 3, size, size); ValueError names the files that are not images."""
        return self._images("train", self.train, size), self._images("test", self.test, size)

    def _images(self, split: str, classes: dict[str, tuple[Path, ...]], size: int) -> Images:
        files = [(f, label) for label, name in enumerate(classes) for f in classes[name]]
        pixels = torch.empty(len(files), 3, size, size, dtype=torch.uint8)
        bad: list[str] = []
        for row, (file, _) in enumerate(
            tqdm(files, desc=f"decoding {split}", unit="img", disable=None, leave=False)
        ):
            try:
                pixels[row] = picture(file, size)
            except PictureError as error:
                bad.append(f"{file.relative_to(self.root)} ({error})")
        if bad:
            more = f", and {len(bad) - NAMED_FILES} more" if len(bad) > NAMED_FILES else ""
            raise ValueError(
                f"root={self.root}: {len(bad)} of {len(files)} files of {split}/ cannot be read as "
                f"images: {', '.join(bad[:NAMED_FILES])}{more}; mend them or take them away"
            )
        labels = torch.tensor([label for _, label in files], dtype=torch.int64)
        return Images(pixels, labels)

    def _files(self) -> Iterator[Path]:
        for classes in (self.train, self.test):
            for files in classes.values():
                yield from files

    def _place(self, file: Path) -> tuple[str, ...]:
        """Split, class and name: where a file lies under the root, whatever the root is called."""
        return file.relative_to(self.root).parts


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
