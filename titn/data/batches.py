"""The mixed batches of one epoch, and the plain batches of an evaluation.

All images lie on the device as uint8 and never leave it, so a batch is made by indexing and there
is no DataLoader.
"""

from collections.abc import Iterator

import torch

from titn.data.images import Images
from titn.data.mixing import Mix
from titn.data.streams import stream
from titn.data.views import View
from titn.types import Batch

# Bytes of the pixels whose views are made together: 1,024 and 16,384 images of 3x32x32. AutoAugment
# groups the images that drew the same operation: a batch of 128 falls into some forty groups, too
# small to be worth a call each. On a CPU more than this no longer fit its caches
# (benchmarks/ledger.md), and views of large images may take eighteen times their bytes.
VIEW_BYTES = {"cpu": 3 << 20}
VIEW_BYTES_ELSEWHERE = 48 << 20


def steps_per_epoch(num_images: int, batch_size: int) -> int:
    """Full batches only, so that every step has the same weight; at least one step."""
    return max(num_images // batch_size, 1)


def training_batches(
    images: Images,
    view: View,
    mix: Mix,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    first: int = 0,
    repeats: int = 1,
) -> Iterator[Batch]:
    """The batches of an epoch; their order, views and mixes follow from (seed, epoch) alone.

    Order, views and mixes have streams of their own, so changing one leaves the others as they are.

    first: the first step to yield; after an interruption the number of steps that were done.
    repeats: how often each image comes, one after the other, each time with another view (repeated
    augmentation: Hoffer et al., 2020; Berman et al., 2019). An epoch has as many steps as without,
    and so only some of the images, as with DeiT's sampler on a single device.
    """
    order = torch.from_numpy(stream("order", seed, epoch).permutation(len(images)))
    # The row of the table that each place in this order takes.
    row_of = order
    if repeats > 1:
        order = order.repeat_interleave(repeats)[: len(images)]
        row_of = torch.arange(len(images))
    device = images.pixels.device
    table = view.draw(len(images), stream("views", seed, epoch))
    at_once = VIEW_BYTES.get(device.type, VIEW_BYTES_ELSEWHERE) // images.pixels.shape[1:].numel()
    steps = range(steps_per_epoch(len(images), batch_size))
    num_batches = max(at_once // batch_size, 1)
    for start in steps[::num_batches]:
        together = steps[start : start + num_batches]
        if together[-1] < first:
            continue
        # The views of the whole group, even if some were seen before an interruption: images that
        # are transformed together round together, and a resumed run has to have the same bits.
        places = slice(together[0] * batch_size, (together[-1] + 1) * batch_size)
        # From here on `rows` and `chosen` have num_batches * batch_size images, in this order.
        rows = {name: column[row_of[places]] for name, column in table.items()}
        chosen = images.take(order[places].to(device))
        views = Images(view.apply(chosen.pixels, rows), chosen.labels)
        for step, part in zip(together, sequential_batches(views, batch_size), strict=True):
            if step < first:
                continue
            batch = mix.mix(part.pixels, part.labels, stream("mix", seed, epoch, step))
            yield batch._replace(at=(epoch, step))


def sequential_batches(images: Images, batch_size: int) -> Iterator[Images]:
    """All images in their order; the last batch may be smaller."""
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        yield Images(images.pixels[part], images.labels[part])
