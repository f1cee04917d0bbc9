"""What a trained network makes of image files."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from titn.cells.reopen import FinishedRun
from titn.data.decoding import ImageError, decode_image
from titn.data.images import Images
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
    network, torch_device = run.network_on(device)
    token_weights, size = run.token_weights(), run.run["dataset"]["image_size"]
    pixels: dict[Path, torch.Tensor] = {}
    errors: dict[Path, ImageError] = {}
    for path in paths:
        try:
            pixels[path] = decode_image(path, size)
        except ImageError as error:
            errors[path] = error
    if not pixels:
        return [], errors
    # (b, c, h, w); nothing asks for the labels.
    images = Images(torch.stack([*pixels.values()]), torch.zeros(len(pixels), dtype=torch.int64))
    probabilities = evaluate(network, images.to(torch_device)).fused(token_weights).exp()
    best = probabilities.topk(min(top, len(run.class_names)))  # (b, top)
    guesses = [
        Guess(path, rank, run.class_names[label], probability)
        for path, values, labels in zip(pixels, *map(torch.Tensor.tolist, best), strict=True)
        for rank, (probability, label) in enumerate(zip(values, labels, strict=True), start=1)
    ]
    return guesses, errors
