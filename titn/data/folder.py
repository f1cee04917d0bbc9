"""Anyone's images: a directory train/ and a directory test/, in each a directory for each class.

Links are followed, of directories and of files: data sets are often made of them. Nothing of a file
is kept or passed on but its decoded pixels, and what cannot be decoded is named.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from titn.data.decoding import PictureError, fitting, picture
from titn.data.images import Images
from titn.data.layouts import ClassFolders
from titn.data.paths import told

# So many files that cannot be read are named; of the rest there is the number.
NAMED_FILES = 5


@dataclass(frozen=True)
class Folder:
    """What is in the image files of both splits."""

    found: ClassFolders

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.found.train)

    def stamp(self, size: int) -> str:
        """Changes whenever a file is added, taken away or replaced."""
        files = [(*self._place(file), *(_facts(file) or ())) for file in self._files()]
        with told(self.found.root):
            return repr(("folder", 2, str(self.found.root.resolve()), size, files))

    def digest(self) -> str:
        """SHA-256 over the names and contents of the files."""
        sha = hashlib.sha256()
        for file in self._files():
            with told(self.found.root), open(file, "rb") as content:
                inner = hashlib.file_digest(content, "sha256").hexdigest()
            sha.update(repr((*self._place(file), inner)).encode())
        return sha.hexdigest()

    def decode(self, size: int) -> tuple[Images, Images]:
        """All images, (n, 3, size, size); ValueError names the files that are not images."""
        train, test = self.found.train, self.found.test
        with told(self.found.root):
            return self._images("train", train, size), self._images("test", test, size)

    def _images(self, split: str, classes: dict[str, tuple[Path, ...]], size: int) -> Images:
        files = [(f, label) for label, name in enumerate(classes) for f in classes[name]]
        with fitting(size):
            pixels = torch.empty(len(files), 3, size, size, dtype=torch.uint8)
        bad: list[str] = []
        for row, (file, _) in enumerate(
            tqdm(files, desc=f"decoding {split}", unit="img", disable=None, leave=False)
        ):
            try:
                pixels[row] = picture(file, size)
            except PictureError as error:
                bad.append(f"{file.relative_to(self.found.root)} ({error})")
        if bad:
            more = f", and {len(bad) - NAMED_FILES} more" if len(bad) > NAMED_FILES else ""
            raise ValueError(
                f"root={self.found.root}: {len(bad)} of {len(files)} files of {split}/ cannot be "
                f"read as images: {', '.join(bad[:NAMED_FILES])}{more}; mend them or take them away"
            )
        labels = torch.tensor([label for _, label in files], dtype=torch.int64)
        return Images(pixels, labels)

    def _files(self) -> Iterator[Path]:
        for classes in (self.found.train, self.found.test):
            for files in classes.values():
                yield from files

    def _place(self, file: Path) -> tuple[str, ...]:
        """Split, class and name: where a file lies under the root, whatever the root is called."""
        return file.relative_to(self.found.root).parts


def _facts(file: Path) -> tuple[int, int] | None:
    """Size and time; None of what `decode` is going to name, a link that leads nowhere or so."""
    try:
        facts = file.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns
