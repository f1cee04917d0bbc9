"""A network is tried before it is trained, where its constructor cannot know that it fits."""

from typing import Any

import torch
from torch import Tensor, nn

from titn.config.keys import is_own
from titn.system.errors import ConfigError, first_line
from titn.system.text import printable
from titn.training.accumulation import micro_batch_sizes
from titn.types import ImageSpec, Output


def check_network(network: nn.Module, run: dict, spec: ImageSpec, num_images: int) -> None:
    """ConfigError if a network cannot be trained as it is; it is changed, and of no more use.

    One that is not titn's own is shown two images. In batches of one image any network is: batch
    normalisation needs more than one number for each channel. num_images: to train on.
    """
    target = run["model"]["_target_"]
    images = torch.zeros(2, spec.channels, spec.size, spec.size)
    if is_own(target):
        network.eval()
        for pixels in (images, images.byte()):
            _check_output(_answer(network, pixels, target), target, spec)
    if too_few := fewer_at_once(2, run, num_images):
        _check_single_image(network.train(), images[:1], *too_few)


@torch.no_grad()
def _answer(network: nn.Module, pixels: Tensor, target: str) -> Any:
    try:
        return network(pixels)
    except (Exception, SystemExit) as error:  # whatever code of a user's raises
        said = f"{type(error).__name__}: {first_line(error)[:150]}"
        raise ConfigError(
            printable(
                f"model._target_={target}: cannot take {tuple(pixels.shape)} {pixels.dtype} "
                f"({said}); images are uint8 in 0..255 or floating point in [0, 1], and "
                "titn.models.layers.Normalise(images) takes both"
            )
        ) from None


def _check_output(output: Any, target: str, spec: ImageSpec) -> None:
    remedy = "one head returns Output(logits, logits)"
    if not isinstance(output, Output):
        found = f"a {type(output).__name__}"
    elif not all(isinstance(logits, Tensor) for logits in output[:2]):
        found = "an Output of no tensors"
    else:
        shapes = sorted({tuple(logits.shape) for logits in output[:2]})
        if shapes == [(2, spec.num_classes)]:
            return
        found = f"for two images logits of shape {' and '.join(map(str, shapes))}"
        remedy = "images.num_classes says how many"
    raise ConfigError(
        f"model._target_={target}: returns {found}; a model returns titn.types.Output(cls, dist), "
        f"each (b, {spec.num_classes}); {remedy}"
    )


def fewer_at_once(needed: int, run: dict, num_images: int) -> tuple[str, str] | None:
    """What makes a run see fewer images at once than are needed, and what to give it instead.

    None if it does not. num_images: to train on.
    """
    size, num_parts = min(run["batch_size"], num_images), run["accumulate"]
    *_, smallest = micro_batch_sizes(size, num_parts)
    if smallest >= needed:
        return None
    if num_parts > 1 and size >= needed:
        return f"accumulate={num_parts}", f"give {size // needed} or less"
    if num_images < needed:
        return f"dataset.fraction={run['dataset'].get('fraction', 1.0)}", "give more images"
    return f"batch_size={run['batch_size']}", f"give {needed} or more"


def _check_single_image(network: nn.Module, image: Tensor, key: str, remedy: str) -> None:
    try:
        network(image)
    except ValueError as error:  # torch's batch normalisation
        raise ConfigError(
            f"{key}: one image is too few for the model's batch normalisation "
            f"({first_line(error)}); {remedy}"
        ) from None
