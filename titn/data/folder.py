"""Decode a user's image files in train/CLASS/ and test/CLASS/.

Links to directories and to files are followed, because data sets are often made of them. Nothing
of a file is kept but its decoded pixels, and a file that cannot be decoded is named.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from titn.data.channels import decode_channels
from titn.data.classes import text_of
from titn.data.decoding import ImageError, explain_memory_errors
from titn.data.images import Images
from titn.data.layouts import ClassFolders
from titn.data.overlap import Place
from titn.data.paths import check_unchanged, content_digests, explain_read_errors

# The most files that cannot be read to name in a message; it counts the rest.
NAMED_FILES = 5


@dataclass(frozen=True)
class Folder:
    """The images in the class folders of both splits."""

    folders: ClassFolders

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.folders.train)

    def contents(self) -> dict[Place, str]:
        """The digest of each file's content by split, class and name."""
        files = list(self._files())
        digests = content_digests([file for file, _ in files])
        return {place: digest for (_, place), digest in zip(files, digests, strict=True)}

    def digest(self, contents: dict[Place, str] | None = None) -> str:
        """SHA-256 over the names and contents of the files; contents: if they are known."""
        sha = hashlib.sha256()
        for place, content in (contents or self.contents()).items():
            sha.update(repr((*place, content)).encode())
        return sha.hexdigest()

    def decode(
        self, size: int, contents: dict[Place, str], channels: int = 3
    ) -> tuple[Images, Images]:
        """All images of train and test, (N, channels, size, size) each.

        Raises ValueError that names the files which are not images, or if their contents are
        others when they are decoded.
        """
        root = self.folders.root
        with explain_read_errors(root):
            train = self._images("train", self.folders.train, size, channels)
            test = self._images("test", self.folders.test, size, channels)
        check_unchanged(root, self.digest(contents), self.digest)
        return train, test

    def _images(
        self, split: str, classes: dict[str, tuple[Path, ...]], size: int, channels: int
    ) -> Images:
        files = [(f, label) for label, name in enumerate(classes) for f in classes[name]]
        with explain_memory_errors(size):
            pixels = torch.empty(len(files), channels, size, size, dtype=torch.uint8)
        bad: list[str] = []
        for row, (file, _) in enumerate(
            tqdm(files, desc=f"decoding {split}", unit="img", disable=None, leave=False)
        ):
            try:
                pixels[row] = decode_channels(file, size, channels)
            except ImageError as error:
                bad.append(f"{os.path.relpath(file, self.folders.root)} ({error})")
        if bad:
            more = f", and {len(bad) - NAMED_FILES} more" if len(bad) > NAMED_FILES else ""
            raise ValueError(
                f"root={self.folders.root}: {len(bad)} of {len(files)} files of {split} cannot be "
                f"read as images: {', '.join(bad[:NAMED_FILES])}{more}; repair or remove them"
            )
        labels = torch.tensor([label for _, label in files], dtype=torch.int64)
        return Images(pixels, labels)

    def _files(self) -> Iterator[tuple[Path, Place]]:
        """Each file, and its split, class and name: where it is, whatever the root is called."""
        splits = {"train": self.folders.train, "test": self.folders.test}
        for split, classes in splits.items():
            for name, files in classes.items():
                for file in files:
                    yield file, (split, name, self._name(file))

    def _name(self, file: Path) -> str:
        """What tells a file from others of its class, wherever the root is."""
        return text_of(file.name)


class FileList(Folder):
    """Files from anywhere, of which two in one class may have the same name."""

    def _name(self, file: Path) -> str:
        return text_of(os.path.relpath(file, self.folders.root))
