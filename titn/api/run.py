"""A finished run as an object: its network, its record, and what it makes of images."""

import copy
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from titn.api.pixels import stack_images
from titn.cells.classify import class_probabilities
from titn.cells.reopen import FinishedRun
from titn.training import hardware

# What `Run.predict` takes for one image.
ImageLike = str | os.PathLike[str] | Image.Image | NDArray[Any] | Tensor


@dataclass(frozen=True)
class Prediction:
    """What a network makes of n images, of k classes.

    probabilities: (n, k) float32, of the mean of the tokens that were trained. labels: (n,) int64,
    the most probable class of each. names: their names.

    >>> import numpy as np
    >>> Prediction.of(np.float32([[0.25, 0.75]]), ["cat", "dog"]).names
    ['dog']
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: list[str]

    @classmethod
    def of(cls, probabilities: NDArray[np.float32], classes: list[str]) -> "Prediction":
        """From (n, k) probabilities and the names of the k classes."""
        labels = probabilities.argmax(-1)
        return cls(probabilities, labels, [classes[label] for label in labels])

    def __len__(self) -> int:
        return len(self.labels)


class Run:
    """A finished run, as `titn.load` and `titn.train` return it.

    >>> import titn
    >>> run = titn.train(["model=deit", "model.depth=1", "epochs=1", "compile=none"])
    >>> run.config["choices"]["dataset"], run.record["split"], run.classes[:3]
    ('digits', 'test', ['0', '1', '2'])
    >>> run.predict(np.zeros((2, 8, 8, 1), dtype=np.uint8)).probabilities.shape
    (2, 10)
    """

    def __init__(self, finished: FinishedRun, device: str):
        self._finished = finished
        self._device = hardware.device(device)

    def __repr__(self) -> str:
        network, top1 = self.config["choices"]["model"], self.record["top1"]
        return f"<titn.Run {network}, top1 {top1:.4f}, in {self.path}>"

    @property
    def path(self) -> Path:
        """Its directory."""
        return self._finished.directory.path

    @property
    def config(self) -> dict[str, Any]:
        """Its configuration, in the form that `titn.compose` returns; a copy."""
        return copy.deepcopy(self._finished.run)

    @property
    def record(self) -> dict[str, Any]:
        """What its result.json says: metrics, sizes, times; fractions and seconds. A copy."""
        return copy.deepcopy(self._finished.result)

    @property
    def classes(self) -> list[str]:
        """The names of the k classes, in the order of the logits."""
        return list(self._finished.class_names)

    @cached_property
    def model(self) -> nn.Module:
        """The trained network in evaluation mode, a plain `nn.Module` with float32 weights.

        It takes images (b, c, s, s), uint8 or in [0, 1], of the channels and the size of `config`,
        normalises them itself, and returns `titn.types.Output`: (b, k) logits of the class token
        and of the distillation token, which are the same in a network without one. Raises
        ConfigError if the weights are not there or are not this run's.
        """
        with torch.random.fork_rng([]):  # a constructor draws weights, and they are replaced
            return self._finished.network().to(self._device)

    def predict(self, images: ImageLike | Iterable[ImageLike]) -> Prediction:
        """Class probabilities, as `titn predict` prints them.

        images: one image, or several. An image is a path, a PIL image, an array (h, w), (h, w, 1),
        (h, w, 3) or (h, w, 4), or a tensor (h, w), (1, h, w), (3, h, w) or (4, h, w); arrays and
        tensors are uint8, or floating point in [0, 1]. Grey, colours and transparency become what
        the network was trained on. Several are a list, also of different kinds and sizes, an array
        (n, h, w, c) or a tensor (n, c, h, w). Each is resized to the network's size. Raises
        ConfigError for what is no image, naming it.
        """
        # (n, c, s, s), of as many channels as the network was trained on.
        spec = self._finished.spec
        pixels = stack_images(images, spec.size, spec.channels)
        found = class_probabilities(self._finished, self.model, pixels)
        return Prediction.of(found.numpy(), self.classes)
