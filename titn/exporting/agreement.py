"""How far what was exported agrees with the weights that it was made from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from titn.cells.reopen import FinishedRun
from titn.system.errors import ConfigError
from titn.system.progress import say

# (b, c, h, w) float32 in [0, 1] to (b, k) logits: something exported, as its users run it.
Answer = Callable[[NDArray[np.float32]], NDArray[np.float32]]

BATCH = 128
# Images that stand in for test images which are not on this machine.
NUM_NOISE = 256


@dataclass(frozen=True)
class Agreement:
    """largest_difference: of any logit. num_equal: images with the same most probable class."""

    num_images: int
    largest_difference: float
    num_equal: int

    def __str__(self) -> str:
        return (
            f"largest difference of logits {self.largest_difference:.1e}, "
            f"{self.num_equal} of {self.num_images} predictions equal"
        )


@torch.no_grad()
def compare(reference: nn.Module, answer: Answer, pixels: Tensor) -> Agreement:
    """What `reference` and `answer` make of the same images (n, c, s, s) uint8, n above zero.

    The last batch is smaller than the others where n asks for it.
    """
    largest, num_equal = 0.0, 0
    for batch in pixels.split(BATCH):
        images = batch / 255
        expected = reference(images).numpy()
        found = answer(images.numpy())
        if found.shape != expected.shape:
            raise ConfigError(f"it answers {found.shape} for {expected.shape} logits")
        # Not max(), for which nan is larger than nothing.
        largest = float(np.maximum(largest, np.abs(found - expected).max()))
        num_equal += int((found.argmax(-1) == expected.argmax(-1)).sum())
    return Agreement(len(pixels), largest, num_equal)


def images_to_compare(run: FinishedRun, root: str | None, most: int | None) -> Tensor:
    """Test images of a run, (n, c, s, s) uint8: evenly spaced, at most `most`; noise where there
    are none.

    root: where its data set lies, if not where it lay.
    """
    try:
        images = run.dataset_at(root).evaluated
    except ConfigError as error:
        if root:
            raise
        say(f"compared on noise, because {error}")
        generator = torch.Generator().manual_seed(0)
        shape = (NUM_NOISE, run.spec.channels, run.spec.size, run.spec.size)
        return torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    if most is None:
        return images.pixels
    step = -(-len(images) // most)
    return images.take(torch.arange(0, len(images), step)).pixels
