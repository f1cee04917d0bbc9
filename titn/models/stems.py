"""What makes a network for ImageNet one for images of 32x32, torchvision's or timm's."""

from torch import nn


def small_convolution(channels: int, width: int) -> nn.Conv2d:
    """A 3x3 convolution of stride 1 without bias, initialised as a ResNet's are."""
    layer = nn.Conv2d(channels, width, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


def remove_two_strides(net: nn.Module) -> None:
    """Make the first two convolutions of stride 2 ones of stride 1, in place.

    In the order of the modules, in which an image passes them; a stride is no weight.
    """
    convolutions = (layer for layer in net.modules() if isinstance(layer, nn.Conv2d))
    for layer in [layer for layer in convolutions if layer.stride == (2, 2)][:2]:
        layer.stride = (1, 1)
