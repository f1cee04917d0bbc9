"""Decode a user's image files in train/CLASS/ and test/CLASS/.

Links to directories and to files are followed, because data sets are often made of them. Nothing
of a file is kept but its decoded pixels, and a file that cannot be decoded is named.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from tqdm import tqdm

from titn.data.channels import decode_channels
from titn.data.classes import text_of
from titn.data.decoding import ImageError, explain_memory_errors
from titn.data.images import Images
from titn.data.layouts import ClassFolders
from titn.data.overlap import Place
from titn.data.paths import check_unchanged, content_digests, explain_read_errors
from titn.data.row_file import Facts

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
        """The digest of each file's content by split, class and name; ValueError for two of one."""
        files = list(self._files())
        digests = content_digests([file for file, _ in files])
        contents: dict[Place, str] = {}
        for (file, place), digest in zip(files, digests, strict=True):
            if place in contents:  # the same accent, written in two ways
                raise ValueError(
                    f"root={self.folders.root}: two files of {'/'.join(place[:2])} have names that "
                    f"look the same, {text_of(file.name)}; rename one"
                )
            contents[place] = digest
        return contents

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
        labels = labels_of(classes)
        with explain_memory_errors(size):
            pixels = torch.empty(len(labels), channels, size, size, dtype=torch.uint8)
        decoded = self.decoded(split, classes, size, channels)
        bar = {"desc": f"decoding {split}", "unit": "img", "disable": None, "leave": False}
        for row, image in enumerate(tqdm(decoded, total=len(labels), **bar)):
            if image is not None:
                pixels[row] = image
        return Images(pixels, labels)

    def decoded(
        self,
        split: str,
        classes: dict[str, tuple[Path, ...]],
        size: int,
        channels: int,
        first: int = 0,
    ) -> Iterator[Tensor | None]:
        """Each image of a split, (channels, size, size); None before the `first`.

        None for a file that is no image: ValueError at the end, that names the first of these.
        """
        files = [file for name in classes for file in classes[name]]
        bad: list[str] = []
        for number, file in enumerate(files):
            if number < first:
                yield None
                continue
            try:
                image = decode_channels(file, size, channels)
            except ImageError as error:
                bad.append(f"{os.path.relpath(file, self.folders.root)} ({error})")
                yield None
            else:
                yield image
        if bad:
            more = f", and {len(bad) - NAMED_FILES} more" if len(bad) > NAMED_FILES else ""
            raise ValueError(
                f"root={self.folders.root}: {len(bad)} of {len(files)} files of {split} cannot be "
                f"read as images: {', '.join(bad[:NAMED_FILES])}{more}; repair or remove them"
            )

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


def labels_of(classes: dict[str, tuple[Path, ...]]) -> Tensor:
    """The class of each file, (N,) int64: those of a class lie in a row."""
    counts = torch.tensor([len(files) for files in classes.values()])
    return torch.arange(len(classes)).repeat_interleave(counts)


@dataclass(frozen=True)
class FileRows:
    """The files of a folder or a list, decoded one after the other.

    contents: the digest of each file, by which those that change meanwhile are found.
    """

    files: Folder
    contents: dict[Place, str]
    goes_on: ClassVar[bool] = True

    @property
    def root(self) -> Path:
        return self.files.folders.root

    @property
    def num_images(self) -> int:
        return len(self.contents)

    def memory(self, size: int, channels: int) -> int:
        return self.num_images * channels * size * size

    def stamp(self) -> str:
        return repr(("folder", self.files.digest(self.contents)))

    def rows(self, size: int, channels: int, first: int) -> Iterator[Tensor | None]:
        folders = self.files.folders
        num_train = sum(map(len, folders.train.values()))
        with explain_read_errors(self.root):
            yield from self.files.decoded("train", folders.train, size, channels, first)
            yield from self.files.decoded("test", folders.test, size, channels, first - num_train)

    def facts(self) -> Facts:
        digest = self.files.digest(self.contents)
        check_unchanged(self.root, digest, self.files.digest)
        train, test = (labels_of(part) for part in self.files.folders[1:])
        return Facts(train, test, self.files.class_names, digest)


class FileList(Folder):
    """Files from anywhere, of which two in one class may have the same name."""

    def _name(self, file: Path) -> str:
        return text_of(os.path.relpath(file, self.folders.root))
