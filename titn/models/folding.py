"""Rearrangements of convolutional networks: less to compute, the same logits to rounding."""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torchvision.models import VGG


def pool_before_relu(layers: nn.Sequential) -> None:
    """Move each max pooling before the ReLU that it follows, in place.

    Both are monotonic, so the result is the same; the ReLU then sees a quarter of the elements.
    """
    for i in range(len(layers) - 1):
        if isinstance(layers[i], nn.ReLU) and isinstance(layers[i + 1], nn.MaxPool2d):
            layers[i], layers[i + 1] = layers[i + 1], layers[i]


def sum_repeated_pixel(net: VGG) -> None:
    """Change a VGG whose last map is one pixel, in place: the pixel is no longer repeated.

    At 32x32 the pixel (b, 512, 1, 1) is repeated to (b, 512, 7, 7) and enters 102 million weights.
    Equal inputs meet the sum of their weights, and there are 2 million sums.
    """
    wide: nn.Linear = net.classifier[0]
    channels = next(layer.out_channels for layer in reversed(net.features) if _is_conv(layer))
    narrow = nn.Linear(channels, wide.out_features)
    narrow.weight.data = _sums(wide.weight.data, channels)
    narrow.bias.data = wide.bias.data
    net.classifier[0], net.avgpool = narrow, nn.Identity()


def forward_with_summed_weights(net: VGG, images: Tensor) -> Tensor:
    """The training forward of a VGG whose last map is one pixel: (b, c, h, w) to (b, k) logits.

    The weights stay as they are and are summed in every step. In the backward pass the gradient of
    a sum is copied to its 49 terms, where the plain form sums 102 million products over the batch.
    """
    pixel = net.features(images).flatten(1)  # (b, 512, 1, 1) -> (b, 512)
    wide, *others = net.classifier
    hidden = F.linear(pixel, _sums(wide.weight, pixel.shape[1]), wide.bias)
    for layer in others:
        hidden = layer(hidden)
    return hidden


def _sums(weight: Tensor, channels: int) -> Tensor:
    """Sums over the copies of a pixel: (4096, 512 * 49) -> (4096, 512, 49) -> (4096, 512)."""
    return weight.unflatten(1, (channels, -1)).sum(-1)


class ConvAsLinear(nn.Module):
    """A convolution on maps smaller than its kernel, as one matrix: padding costs nothing.

    (b, c, height, width) to the output of `conv`.
    """

    def __init__(self, conv: nn.Conv2d, height: int, width: int):
        super().__init__()
        size = conv.in_channels * height * width
        # A linear map is known by its values on a basis: an image for each input element, which is
        # 1 there and 0 elsewhere. Row i of `images` is then column i of the matrix.
        basis = torch.eye(size).reshape(size, conv.in_channels, height, width)
        with torch.no_grad():
            images = F.conv2d(basis, conv.weight, None, conv.stride, conv.padding, conv.dilation)
        self.shape = images.shape[1:]  # of an output: channels, height, width
        self.linear = nn.Linear(size, images[0].numel(), bias=conv.bias is not None)
        self.linear.weight.data = images.flatten(1).t().contiguous()
        if conv.bias is not None:
            # One bias for each channel, repeated for all positions of its map.
            self.linear.bias.data = conv.bias.data.repeat_interleave(images[0, 0].numel())

    def forward(self, x: Tensor) -> Tensor:
        # (b, c, h, w) -> (b, c h w) -> (b, output elements) -> (b, channels, height, width)
        return self.linear(x.flatten(1)).unflatten(1, self.shape)


def replace_convs_on_small_maps(net: nn.Module, image: Tensor) -> None:
    """Replace every convolution whose input is smaller than its kernel by one matrix, in place.

    image: (1, c, h, w) of the size that the network is going to see.
    """
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
            net.set_submodule(name, ConvAsLinear(conv, height, width))


def _is_conv(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d)


def fold_norms(net: nn.Module, image: Tensor) -> nn.Module:
    """A network in evaluation mode with batch normalisation folded into the convolutions before it.

    The network itself, unchanged, if `torch.fx` cannot follow it, or followed it to other answers:
    what it does must not depend on values.

    image: (1, c, h, w) of the size that the network is going to see.
    """
    expected = net(image)
    try:
        folded = fuse(_with_separate_activations(net), inplace=True)
        convolutions = [module for module in folded.modules() if _is_conv(module)]
        if all(type(module) is nn.Conv2d for module in convolutions):
            replace_convs_on_small_maps(folded, image)
        found = folded(image)
    except Exception:  # whatever tracing meets
        return net
    scale = expected.abs().max().item()
    return folded if torch.allclose(found, expected, rtol=0, atol=1e-4 * scale) else net


def _with_separate_activations(net: nn.Module) -> nn.Module:
    """A copy of a network in which timm's normalisations with an activation are two modules."""
    net = copy.deepcopy(net)
    joined = [name for name, module in net.named_modules() if type(module) is BatchNormAct2d]
    for name in joined:
        both: Any = net.get_submodule(name)
        norm = nn.BatchNorm2d(both.num_features, both.eps, affine=both.affine)
        norm.load_state_dict(both.state_dict())
        net.set_submodule(name, nn.Sequential(norm, both.drop, both.act).eval())
    return net
