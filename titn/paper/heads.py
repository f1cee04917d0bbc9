"""What a network would cost with another number of classes: only its last layers change.

Every head here is one linear layer that ends in the classes, or two of them where there is a
distillation token.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from titn.paper.costs import Cost, linear

Config = Mapping[str, Any]

# What the last layer of a network sees, whatever its stem.
WIDTHS = {
    "resnet18": 512,
    "resnet50": 2048,
    "wide_resnet50": 2048,
    "densenet121": 1024,
    "wide_resnet28_10": 640,
}
VGG_WIDTHS = {"imagenet": 4096, "cifar": 512}  # by stem
MOBILENET_WIDTHS = {"large": 1280, "small": 1024}  # by size
SQUEEZENET_WIDTH = 512


def cost_with_classes(run: Config, num_own: int, num_classes: int) -> Cost | None:
    """The cost of a recorded network, built for `num_classes` instead of `num_own`.

    run: a record as a flat dict. None if the record lacks its costs, or if its head is not known.
    """
    one = cost_per_class(run)
    known = [run.get(key) for key in ("parameters", "macs_paper", "macs")]
    if one is None or not all(isinstance(value, int | float) for value in known):
        return None
    parameters, macs_paper, macs = (int(value) for value in known if value is not None)
    more = num_classes - num_own
    return Cost(
        parameters + more * one.parameters,
        macs_paper + more * one.macs_paper,
        macs - macs_paper,
    )


def cost_per_class(config: Config) -> Cost | None:
    """What one class more adds to a run's network; None if its head is not known.

    config: a run's configuration, flat, with dotted keys. timm's networks, those of others and
    those that are not here have no known head.
    """
    target = str(config.get("model._target_"))
    package, _, name = target.rpartition(".")
    head = HEADS.get(name) if package.startswith("titn.models.") else None
    try:
        return head(config) if head else None
    except KeyError:
        # The configuration does not say how wide the network is.
        return None


def _transformer(config: Config) -> Cost:
    """One linear layer for each token: ViT and TNT have one, DeiT and TITN two."""
    heads = 1 + bool(config["model.distillation_token"])
    return linear(1, int(config["model.patch_dim"]), 1).times(heads)


def _squeezenet(config: Config) -> Cost:
    """A convolution of 1x1 on each of s x s pixels, and their average: s^2 sums, a division."""
    pixels = _squeezenet_map(config) ** 2
    return linear(pixels, SQUEEZENET_WIDTH, 1) + Cost(macs_paper=pixels + 1)


def _squeezenet_map(config: Config) -> int:
    """The side of the map that the head sees."""
    side = int(config["dataset.image_size"])
    if config["model.stem"] == "cifar":
        # The first convolution keeps the size, and two of the three poolings are left.
        return _pooled(_pooled(side))
    kernel = 7 if str(config["model.version"]) == "1.0" else 3
    return _pooled(_pooled(_pooled((side - kernel) // 2 + 1)))


def _pooled(side: int) -> int:
    """The side after a pooling of 3x3 with stride 2 that also takes what is left at the edge."""
    return -(-(side - 3) // 2) + 1


def _by_width(width: int, config: Config) -> Cost:
    return linear(1, width, 1)


HEADS: Mapping[str, Callable[[Config], Cost]] = {
    "ViT": _transformer,
    "TITN": _transformer,
    "vgg16": lambda config: linear(1, VGG_WIDTHS[config["model.stem"]], 1),
    "vgg16_bn": lambda config: linear(1, VGG_WIDTHS[config["model.stem"]], 1),
    "vgg19": lambda config: linear(1, VGG_WIDTHS[config["model.stem"]], 1),
    **{name: partial(_by_width, width) for name, width in WIDTHS.items()},
    "mobilenet_v3": lambda config: linear(1, MOBILENET_WIDTHS[config["model.size"]], 1),
    "squeezenet": _squeezenet,
    # Without a bias.
    "resnet9": lambda config: linear(1, 8 * int(config["model.width"]), 1, bias=False),
    "airbench": lambda config: linear(1, int(config["model.width3"]), 1, bias=False),
}
