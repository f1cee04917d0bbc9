"""`titn.data.images.images_digest` of images that come a few at a time."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class RowDigest:
    """SHA-256 over class names, and of train and then of test: shape, pixels, labels.

    The same as of tensors that are in memory.
    """

    def __init__(self, class_names: Sequence[str]):
        self.sha = hashlib.sha256(repr(tuple(class_names)).encode())

    def begin(self, num_images: int, shape: Sequence[int]) -> None:
        """The pixels of a split follow, (num_images, *shape) uint8."""
        self.sha.update(repr(((num_images, *map(int, shape)), "torch.uint8")).encode())

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """Some of them, (n, *shape)."""
        self.sha.update(np.ascontiguousarray(pixels).data)

    def end(self, labels: NDArray[np.int64]) -> None:
        """The labels of a split, (N,)."""
        self.sha.update(repr((labels.shape, "torch.int64")).encode())
        self.sha.update(labels.data)

    def hexdigest(self) -> str:
        return self.sha.hexdigest()
