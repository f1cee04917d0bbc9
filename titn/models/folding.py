"""Convolutional networks rearranged: less to compute, the same logits to rounding."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import VGG


def pool_before_relu(layers: nn.Sequential) -> None:
    """Max pooling before the ReLU that it follows: the same, on a quarter of the elements."""
    for i in range(len(layers) - 1):
        if isinstance(layers[i], nn.ReLU) and isinstance(layers[i + 1], nn.MaxPool2d):
            layers[i], layers[i + 1] = layers[i + 1], layers[i]


def sum_repeated_pixel(net: VGG) -> None:
    """For a VGG whose last map is one pixel: sum the weights that it meets, and repeat it no more.

    At 32x32 the pixel, repeated 7 x 7 times, enters 102 million weights; their sums are 2 million.
    """
    wide: nn.Linear = net.classifier[0]
    channels = next(layer.out_channels for layer in reversed(net.features) if _is_conv(layer))
    narrow = nn.Linear(channels, wide.out_features)
    narrow.weight.data = _sums(wide.weight.data, channels)
    narrow.bias.data = wide.bias.data
    net.classifier[0], net.avgpool = narrow, nn.Identity()


def unrepeated(net: VGG, images: Tensor) -> Tensor:
    """The same for training: images (b, c, h, w) to the (b, k) logits of `net`.

    The weights stay as they are, and are summed anew in every step. Backward, the gradient of a sum
    is written to all of its terms, instead of 102 million products being summed over the batch.
    """
    pixel = net.features(images).flatten(1)
    wide, *others = net.classifier
    hidden = F.linear(pixel, _sums(wide.weight, pixel.shape[1]), wide.bias)
    for layer in others:
        hidden = layer(hidden)
    return hidden


def _sums(weight: Tensor, channels: int) -> Tensor:
    return weight.unflatten(1, (channels, -1)).sum(-1)


class Unpadded(nn.Module):
    """A convolution on maps smaller than its kernel, as one matrix: nothing is spent on padding.

    (b, c, height, width) to what `conv` makes of it.
    """

    def __init__(self, conv: nn.Conv2d, height: int, width: int):
        super().__init__()
        size = conv.in_channels * height * width
        basis = torch.eye(size).reshape(size, conv.in_channels, height, width)
        with torch.no_grad():
            images = F.conv2d(basis, conv.weight, None, conv.stride, conv.padding, conv.dilation)
        self.shape = images.shape[1:]
        self.linear = nn.Linear(size, images[0].numel(), bias=conv.bias is not None)
        self.linear.weight.data = images.flatten(1).t().contiguous()
        if conv.bias is not None:
            self.linear.bias.data = conv.bias.data.repeat_interleave(images[0, 0].numel())

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1)).unflatten(1, self.shape)


def unpad_small_maps(net: nn.Module, image: Tensor) -> None:
    """Replace every convolution that, on this image (1, c, h, w), sees less than its kernel."""
    seen: dict[str, torch.Size] = {}
    hooks = [
        module.register_forward_pre_hook(
            lambda _, inputs, name=name: seen.update({name: inputs[0].shape})
        )
        for name, module in net.named_modules()
        if _is_conv(module) and module.groups == 1 and module.padding_mode == "zeros"
    ]
    with torch.no_grad():
        net(image)
    for hook in hooks:
        hook.remove()
    for name, (_, _, height, width) in seen.items():
        conv = net.get_submodule(name)
        if isinstance(conv, nn.Conv2d) and height * width < conv.weight[0, 0].numel():
            net.set_submodule(name, Unpadded(conv, height, width))


def _is_conv(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d)
