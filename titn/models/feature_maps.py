"""The features of convolutional and of timm's networks: some maps, and what the classifier reads.

Of a network whose maps shrink they are the last map of each size. Of one whose maps have all the
same size, a transformer, they are evenly spaced (`titn.models.layers.mapped_layers`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from titn.models.layers import mapped_layers
from titn.types import Features, Output

# The names under which networks of torchvision and of titn have a sequence of layers or stages.
SEQUENCES = ("features", "groups", "stages", "blocks")


@dataclass
class Recorded:
    """outputs: of the layers in order, (b, d, h, w). classified: the last linear layer's inputs."""

    outputs: list[Tensor] = field(default_factory=list)
    classified: list[Tensor] = field(default_factory=list)


def forward_with_features(net: nn.Module, forward: Callable[[], Tensor], num_maps: int) -> Output:
    """The logits of `forward` in both places, with features recorded by hooks.

    A network without a linear layer at its end, SqueezeNet, has the mean of its last map in the
    place of what such a layer reads. ValueError if it has fewer than `num_maps` maps.
    """
    with recording(net) as recorded:
        logits = forward()
    read = recorded.classified or [recorded.outputs[-1].mean((2, 3))]
    maps = choose_maps(recorded.outputs, num_maps)
    return Output(logits, logits, Features(maps, read[-1], read[-1]))


def forward_timm_with_features(
    net: Any, forward_head: Callable[[Tensor], Output], normalised: Tensor, num_maps: int
) -> Output:
    """The same of a network of timm, by its `forward_intermediates`.

    forward_head: from what the network's body makes of images to the logits of both heads. What
    both heads of a distilled network read is the mean of their tokens, as timm has it. RuntimeError
    for a network whose classifiers read vectors of several sizes, or cannot be followed.
    """
    body, outputs = net.forward_intermediates(normalised, output_fmt="NCHW")
    classifiers = net.get_classifier()
    read: list[Tensor] = []
    hooks = [
        layer.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0].flatten(1)))
        for layer in (classifiers if isinstance(classifiers, tuple) else (classifiers,))
    ]
    try:
        output = forward_head(body)
    finally:
        for hook in hooks:
            hook.remove()
    if not read or len({one.shape for one in read}) > 1:
        raise RuntimeError(f"what a {type(net).__name__} classifies is not one vector of an image")
    mean = torch.stack(read).mean(0)  # (heads, b, d) -> (b, d)
    maps = choose_maps(outputs, num_maps)
    return output._replace(features=Features(maps, mean, mean))


def choose_maps(outputs: list[Tensor], num_maps: int) -> tuple[Tensor, ...]:
    """`num_maps` of the outputs of layers, (b, d, h, w) each; ValueError if there are fewer."""
    # A later map of the same size takes the place of an earlier one.
    by_size = {map.shape[2:]: map for map in outputs}
    if len(by_size) == 1:
        return tuple(outputs[i] for i in mapped_layers(num_maps, len(outputs)))
    if num_maps > len(by_size):
        raise ValueError(
            f"stages={num_maps}: a network has maps of {len(by_size)} sizes; "
            f"take at most {len(by_size)}"
        )
    return tuple(by_size.values())[len(by_size) - num_maps :]


@contextmanager
def recording(net: nn.Module) -> Iterator[Recorded]:
    """What the layers of a network compute while the context lasts."""
    recorded = Recorded()
    linear = [module for module in net.modules() if isinstance(module, nn.Linear)]
    hooks = [
        layer.register_forward_hook(lambda _, inputs, output: recorded.outputs.append(output))
        for layer in stages(net)
    ]
    hooks += [
        layer.register_forward_pre_hook(lambda _, inputs: recorded.classified.append(inputs[0]))
        for layer in linear[-1:]
    ]
    try:
        yield recorded
    finally:
        for hook in hooks:
            hook.remove()


def stages(net: nn.Module) -> list[nn.Module]:
    """The layers whose outputs are looked at, in the order in which they are called."""
    for name in SEQUENCES:
        if isinstance(sequence := getattr(net, name, None), nn.Sequential):
            return list(sequence)
    return [child for name, child in net.named_children() if name.startswith("layer")]  # ResNet
