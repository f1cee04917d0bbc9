"""What makes a network for ImageNet one for images of 32x32, torchvision's or timm's."""

from timm.models import adapt_input_conv
from torch import Tensor, nn

# Those of the images that torchvision's networks are made for, and trained on.
COLOURS = 3


def small_convolution(channels: int, width: int) -> nn.Conv2d:
    """A 3x3 convolution of stride 1 without bias, initialised as a ResNet's are."""
    layer = nn.Conv2d(channels, width, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


def take_channels(net: nn.Module, channels: int) -> str:
    """Make the first convolution take images of so many channels, in place; returns its name.

    Nothing is drawn: its weights become what `weights_for_channels` makes of those it has.
    """
    convolutions = (pair for pair in net.named_modules() if isinstance(pair[1], nn.Conv2d))
    name, layer = next(convolutions)
    if isinstance(layer, nn.Conv2d) and layer.in_channels != channels:
        layer.weight = nn.Parameter(weights_for_channels(layer.weight.detach(), channels))
        layer.in_channels = channels
    return name


def weights_for_channels(weights: Tensor, channels: int) -> Tensor:
    """(d, 3, h, w) of a first convolution to (d, channels, h, w), by timm's rule.

    Grey gets the sum over the three colours, so that a grey image gives what its copy in three
    channels gave. For four channels the first is repeated, and all are scaled by 3/4.
    """
    adapted: Tensor = adapt_input_conv(channels, weights)
    return adapted


def remove_two_strides(net: nn.Module) -> None:
    """Make the first two convolutions of stride 2 ones of stride 1, in place.

    In the order of the modules, in which an image passes them; a stride is no weight.
    """
    convolutions = (layer for layer in net.modules() if isinstance(layer, nn.Conv2d))
    for layer in [layer for layer in convolutions if layer.stride == (2, 2)][:2]:
        layer.stride = (1, 1)
