"""An exponential moving average of a network's weights."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class WeightAverage:
    """A network whose weights follow those of another: w = d w + (1 - d) v after every step.

    d = min(decay, (1 + t) / (10 + t)), t the number of steps so far: the first steps, which know
    nothing yet, are soon forgotten (TensorFlow's ExponentialMovingAverage). Running statistics of
    batch normalisation are averaged as the weights are, so that they belong to these; whole numbers
    are copied.

    Not timm's ModelEmaV3, whose decay warms up by another rule, and not torch's AveragedModel,
    which counts steps in a tensor that would have to be read from the device at every step.

    network: on the device of `source`, and at the start its equal.
    """

    def __init__(self, source: nn.Module, decay: float):
        self.network = copy.deepcopy(source).requires_grad_(False)
        self.source = source
        self.decay = decay

    def update(self, num_steps: int) -> None:
        """Follow the source; num_steps: that it has taken, this one included."""
        decay = min(self.decay, (1 + num_steps) / (10 + num_steps))
        averages, values = _tensors(self.network), _tensors(self.source)
        pairs = list(zip(averages, values, strict=True))
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([own for own, _ in floats], [new for _, new in floats], 1 - decay)
            for own, new in pairs:
                if not own.is_floating_point():
                    own.copy_(new)


def _tensors(network: nn.Module) -> Iterable[Tensor]:
    """Parameters and buffers, each once, in an order that a copy of the network shares."""
    yield from network.parameters()
    yield from network.buffers()
