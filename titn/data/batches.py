"""The mixed batches of one epoch, and the plain ones of an evaluation."""

from collections.abc import Iterator

import torch

from titn.data.images import Images
from titn.data.mixing import Mix
from titn.data.streams import stream
from titn.data.views import View
from titn.outputs import Batch


def steps_per_epoch(num_images: int, batch_size: int) -> int:
    """Full batches only, so that every step weighs the same; at least one."""
    return max(num_images // batch_size, 1)


def training_batches(
    images: Images, view: View, mix: Mix, *, batch_size: int, seed: int, epoch: int
) -> Iterator[Batch]:
    """The batches of an epoch, in an order, with views and with mixes that (seed, epoch) decide.

    Order, views and mixes come from streams of their own: changing one leaves the others.
    """
    order = torch.from_numpy(stream("order", seed, epoch).permutation(len(images)))
    device = images.pixels.device
    table = view.draw(len(images), stream("views", seed, epoch))
    for step in range(steps_per_epoch(len(images), batch_size)):
        samples = order[step * batch_size : (step + 1) * batch_size]
        rows = {name: column[samples] for name, column in table.items()}
        chosen = images.take(samples.to(device))
        pixels = view.apply(chosen.pixels, rows)
        yield mix.mix(pixels, chosen.labels, stream("mix", seed, epoch, step))


def evaluation_batches(images: Images, batch_size: int) -> Iterator[Images]:
    """All images, in their own order."""
    for start in range(0, len(images), batch_size):
        yield Images(
            images.pixels[start : start + batch_size], images.labels[start : start + batch_size]
        )
