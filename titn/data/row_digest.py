"""`titn.data.images.images_digest` of images that come a few at a time."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from titn.data.overlap import Place, row_contents, row_digests


class RowDigest:
    """SHA-256 over class names, and of train and then of test: shape, pixels, labels.

    The same as of tensors that are in memory. contents: the digest of each image, by its place.
    """

    def __init__(self, class_names: Sequence[str]):
        self.class_names = tuple(class_names)
        self.sha = hashlib.sha256(repr(self.class_names).encode())
        self.contents: dict[Place, str] = {}
        self._digests: list[str] = []

    def begin(self, num_images: int, shape: Sequence[int]) -> None:
        """The pixels of a split follow, (num_images, *shape) uint8."""
        self.sha.update(repr(((num_images, *map(int, shape)), "torch.uint8")).encode())

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """Some of them, (n, *shape)."""
        self.sha.update(np.ascontiguousarray(pixels).data)
        self._digests += row_digests(pixels)

    def end(self, split: str, labels: NDArray[np.int64]) -> None:
        """The labels of a split, (N,)."""
        self.contents |= row_contents(split, self.class_names, labels, self._digests)
        self._digests = []
        self.sha.update(repr((labels.shape, "torch.int64")).encode())
        self.sha.update(labels.data)

    def hexdigest(self) -> str:
        return self.sha.hexdigest()
