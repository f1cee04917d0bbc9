"""Stems for images of 32x32, for timm's convolutional networks."""

from typing import Any

import timm.models
from torch import nn

from titn.models.stems import remove_two_strides, small_convolution

# Both halve a map five times, by convolutions alone.
MOBILE = (timm.models.EfficientNet, timm.models.MobileNetV3)


def use_cifar_stem(net: Any, name: str) -> None:
    """Change a network for ImageNet in place, so that its last map is 4x4 at 32x32.

    ResNet and its kin: a first convolution of 3x3 and stride 1 in place of 7x7 and stride 2, or
    stride 1 for the first of three, and no pooling after it. EfficientNet, MobileNetV3 and their
    kin: the first two of five strides are 1. Only that first convolution has new weights.

    ValueError for other networks.
    """
    is_resnet = isinstance(net, timm.models.ResNet)
    if is_resnet:
        net.maxpool = nn.Identity()
        if isinstance(net.conv1, nn.Conv2d):
            net.conv1 = small_convolution(net.conv1.in_channels, net.conv1.out_channels)
        else:
            net.conv1[0].stride = (1, 1)
    elif isinstance(net, MOBILE):
        remove_two_strides(net)
    else:
        raise ValueError(
            f"stem=cifar: is for timm's ResNets, EfficientNets and MobileNetV3s, not for {name}; "
            "set it to imagenet"
        )


def new_stem(net: nn.Module) -> tuple[str, ...]:
    """The names of the layers that `use_cifar_stem` has made anew."""
    is_new = isinstance(net, timm.models.ResNet) and isinstance(net.conv1, nn.Conv2d)
    return ("conv1",) if is_new else ()
