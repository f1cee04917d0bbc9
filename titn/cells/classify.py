"""What a trained network makes of image files."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from titn.cells.reopen import FinishedRun
from titn.data.channels import decode_channels
from titn.data.decoding import ImageError
from titn.data.images import Images
from titn.training import hardware
from titn.training.engine import evaluate


class Guess(NamedTuple):
    """A class for an image. rank: 1 for the most probable. probability: in [0, 1]."""

    path: Path
    rank: int
    name: str
    probability: float


def classify(
    run: FinishedRun, paths: Sequence[Path], *, top: int, device: str
) -> tuple[list[Guess], dict[Path, ImageError]]:
    """The `top` most probable classes of each image, and the files that are no images.

    Probabilities are those of the mean of the tokens that were trained. Raises ConfigError if the
    run's weights cannot be read, or for a device that is not there.
    """
    network = run.network().to(hardware.device(device))
    pixels: dict[Path, Tensor] = {}
    errors: dict[Path, ImageError] = {}
    for path in paths:
        try:
            pixels[path] = decode_channels(path, run.spec.size, run.spec.channels)
        except ImageError as error:
            errors[path] = error
    if not pixels:
        return [], errors
    probabilities = class_probabilities(run, network, torch.stack([*pixels.values()]))
    best = probabilities.topk(min(top, len(run.class_names)))  # (b, top)
    guesses = [
        Guess(path, rank, run.class_names[label], probability)
        for path, values, labels in zip(pixels, *map(Tensor.tolist, best), strict=True)
        for rank, (probability, label) in enumerate(zip(values, labels, strict=True), start=1)
    ]
    return guesses, errors


def class_probabilities(run: FinishedRun, network: nn.Module, pixels: Tensor) -> Tensor:
    """(n, k), of the mean of the tokens that were trained, in the run's precision, on the CPU.

    network: the run's, on the device that answers. pixels: (n, c, s, s), uint8 or in [0, 1].
    """
    if not len(pixels):
        return torch.zeros(0, len(run.class_names))
    device = next(network.parameters()).device
    precision = hardware.precision(run.run["precision"], device)
    wrapped = hardware.fabric(device, precision).setup_module(network)
    # Nothing asks for the labels.
    images = Images(pixels, torch.zeros(len(pixels), dtype=torch.int64)).to(device)
    return evaluate(wrapped, images).fused(run.token_weights()).exp()
