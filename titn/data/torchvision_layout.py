"""MNIST, CIFAR-10 and CIFAR-100 as torchvision downloads and keeps them.

CIFAR's batches are pickles, and unpickling can run any code. So each file is read once, and its
bytes are unpickled only if they have the checksum that torchvision publishes for it.
"""

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision import datasets
from torchvision.datasets.mnist import read_image_file, read_label_file

from titn.data.images import Images
from titn.data.layouts import MNIST_FILES, TORCHVISION_FILES, torchvision_files
from titn.data.paths import content_digests, explain_read_errors, is_file
from titn.system.errors import first_line
from titn.system.text import printable

TORCHVISION_CLASSES: dict[str, Any] = {
    "mnist": datasets.MNIST,
    "cifar10": datasets.CIFAR10,
    "cifar100": datasets.CIFAR100,
}


@dataclass(frozen=True)
class TorchvisionLayout:
    """A data set under torchvision's `root`. name: mnist, cifar10 or cifar100."""

    name: str
    root: Path

    def is_there(self) -> bool:
        with explain_read_errors(self.root):
            return all(is_file(file) for file in self._files())

    def download(self) -> None:
        """Download and unpack into the root, with verified checksums; ValueError if that fails."""
        try:
            for train in (True, False):
                TORCHVISION_CLASSES[self.name](str(self.root), train=train, download=True)
        except Exception as error:
            place, reason = self.root / TORCHVISION_FILES[self.name][0], first_line(error)
            raise ValueError(
                printable(
                    f"download=true: {self.name} could not be fetched ({reason}); give the files "
                    f"that torchvision would keep in {place} yourself"
                )
            ) from None

    def stamp(self) -> str:
        """A text that stands for the contents of all files, wherever they are."""
        return repr(("torchvision", 3, self.name, content_digests(self._files())))

    def decode(self) -> tuple[Images, Images, tuple[str, ...]]:
        """All images of train and test, and the class names in the order of the labels."""
        with explain_read_errors(self.root):
            return self._decode()

    def _decode(self) -> tuple[Images, Images, tuple[str, ...]]:
        if self.name == "mnist":
            names = tuple(str(digit) for digit in range(10))
            train, test = (self._digits(split) for split in ("train", "test"))
            return train, test, names
        published = TORCHVISION_CLASSES[self.name]
        meta = self._unpickled(published.meta["filename"], published.meta["md5"])
        train, test = (self._batches(of) for of in (published.train_list, published.test_list))
        return train, test, tuple(meta[published.meta["key"]])

    def _files(self) -> list[Path]:
        return torchvision_files(self.name, self.root)

    def _digits(self, split: str) -> Images:
        files = [self.root / TORCHVISION_FILES["mnist"][0] / name for name in MNIST_FILES[split]]
        try:
            pixels, labels = read_image_file(str(files[0])), read_label_file(str(files[1]))
        except Exception as error:
            reason = first_line(error) if str(error) else "it is not as long as it says"
            raise ValueError(
                f"root={self.root}: MNIST/raw/{split} cannot be read ({reason}); fetch it again"
            ) from None
        if len(pixels) != len(labels) or not len(labels) or int(labels.max()) > 9:
            raise ValueError(
                f"root={self.root}: MNIST/raw has {len(pixels)} images and {len(labels)} labels of "
                f"{split}, which have to be as many and from 0 to 9; fetch them again"
            )
        if pixels.shape[1:] != (28, 28):
            raise ValueError(
                f"root={self.root}: MNIST/raw has images of {split} of {tuple(pixels.shape[1:])} "
                "pixels, which have to be of (28, 28); fetch them again"
            )
        return Images(pixels.unsqueeze(1), labels)  # (N, 28, 28) -> (N, 1, 28, 28)

    def _batches(self, files: list[list[str]]) -> Images:
        """The images of CIFAR's batches: rows of 3,072 bytes, (N, 3 32 32) to (N, 3, 32, 32)."""
        batches = [self._unpickled(name, md5) for name, md5 in files]
        rows = np.concatenate([batch["data"] for batch in batches])
        key = "labels" if self.name == "cifar10" else "fine_labels"
        labels = [label for batch in batches for label in batch[key]]
        pixels = torch.from_numpy(rows.reshape(-1, 3, 32, 32))
        return Images(pixels, torch.tensor(labels, dtype=torch.int64))

    def _unpickled(self, name: str, md5: str) -> dict[str, Any]:
        path = self.root / TORCHVISION_CLASSES[self.name].base_folder / name
        content = path.read_bytes()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
            raise ValueError(
                f"root={self.root}: {path.relative_to(self.root)} is not the published file (its "
                "MD5 differs), so it is not opened; fetch it again"
            )
        return pickle.loads(content, encoding="latin1")
