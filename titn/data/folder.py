"""Decode a user's image files in train/CLASS/ and test/CLASS/.

Links to directories and to files are followed, because data sets are often made of them. Nothing
of a file is kept but its decoded pixels, and a file that cannot be decoded is named.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from titn.data.decoding import ImageError, decode_image, explain_memory_errors
from titn.data.images import Images
from titn.data.layouts import ClassFolders
from titn.data.paths import explain_read_errors

# The most files that cannot be read to name in a message; it counts the rest.
NAMED_FILES = 5


@dataclass(frozen=True)
class Folder:
    """The images in the class folders of both splits."""

    folders: ClassFolders

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.folders.train)

    def stamp(self, size: int) -> str:
        """A text that changes whenever a file is added, removed or replaced."""
        files = [(*self._place(file), *(_facts(file) or ())) for file in self._files()]
        with explain_read_errors(self.folders.root):
            return repr(("folder", 2, str(self.folders.root.resolve()), size, files))

    def digest(self) -> str:
        """SHA-256 over the names and contents of the files."""
        sha = hashlib.sha256()
        for file in self._files():
            with explain_read_errors(self.folders.root), open(file, "rb") as content:
                inner = hashlib.file_digest(content, "sha256").hexdigest()
            sha.update(repr((*self._place(file), inner)).encode())
        return sha.hexdigest()

    def decode(self, size: int) -> tuple[Images, Images]:
        """All images of train and test, (N, 3, size, size) each.

        Raises ValueError that names the files which are not images.
        """
        train, test = self.folders.train, self.folders.test
        with explain_read_errors(self.folders.root):
            return self._images("train", train, size), self._images("test", test, size)

    def _images(self, split: str, classes: dict[str, tuple[Path, ...]], size: int) -> Images:
        files = [(f, label) for label, name in enumerate(classes) for f in classes[name]]
        with explain_memory_errors(size):
            pixels = torch.empty(len(files), 3, size, size, dtype=torch.uint8)
        bad: list[str] = []
        for row, (file, _) in enumerate(
            tqdm(files, desc=f"decoding {split}", unit="img", disable=None, leave=False)
        ):
            try:
                pixels[row] = decode_image(file, size)
            except ImageError as error:
                bad.append(f"{file.relative_to(self.folders.root)} ({error})")
        if bad:
            more = f", and {len(bad) - NAMED_FILES} more" if len(bad) > NAMED_FILES else ""
            raise ValueError(
                f"root={self.folders.root}: {len(bad)} of {len(files)} files of {split}/ cannot be "
                f"read as images: {', '.join(bad[:NAMED_FILES])}{more}; repair or remove them"
            )
        labels = torch.tensor([label for _, label in files], dtype=torch.int64)
        return Images(pixels, labels)

    def _files(self) -> Iterator[Path]:
        for classes in (self.folders.train, self.folders.test):
            for files in classes.values():
                yield from files

    def _place(self, file: Path) -> tuple[str, ...]:
        """Split, class and name: where a file lies under the root, whatever the root is called."""
        return file.relative_to(self.folders.root).parts


def _facts(file: Path) -> tuple[int, int] | None:
    """Size and time of a file; None if there are none (a broken link), which `decode` reports."""
    try:
        facts = file.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns
