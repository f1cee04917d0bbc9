"""torchvision's convolutional networks, as models and as teachers.

`stem=imagenet` is the network as torchvision has it. The paper's FLOPs of VGG-16 are those of this
form (table 3), whose last feature map is a single pixel for images of 32x32. `stem=cifar` adapts
the network to 32x32 as public code for CIFAR does; each function says how. For grey images, or
those with transparency, the first convolution of either stem has one channel or four.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torchvision import models as torchvision_models

from titn.config.annotations import MobileNetSize, ProperFraction, SqueezeNetVersion, Stem
from titn.config.constraints import check_image_size
from titn.models.feature_maps import forward_with_features
from titn.models.folding import (
    forward_with_summed_weights,
    pool_before_relu,
    replace_convs_on_small_maps,
    sum_repeated_pixel,
)
from titn.models.layers import Normalise
from titn.models.stems import (
    COLOURS,
    remove_two_strides,
    small_convolution,
    take_channels,
    weights_for_channels,
)
from titn.types import ImageSpec, Output


class CNN(nn.Module):
    """A network from images to (b, k) logits, with its own normalisation in front.

    images (b, c, h, w) to Output, whose two logits are the same: there is no distillation token.

    imagenet: torchvision's name of the network whose ImageNet weights fit `net`; None if there are
    none. new_layers: prefixes of the parameters that such weights do not have, or have for other
    classes.
    """

    has_distillation_token = False
    gives_features = True
    # Below this the last poolings have nothing left to pool.
    smallest_image = 32

    def __init__(
        self, images: ImageSpec, net: nn.Module, imagenet: str | None, new_layers: tuple[str, ...]
    ):
        super().__init__()
        check_image_size(images.size, self.smallest_image, imagenet or type(net).__name__)
        self.imagenet = imagenet
        self.new_layers = tuple(f"net.{layer}" for layer in new_layers)
        self.size = images.size
        self.channels = images.channels
        self.first_convolution = take_channels(net, images.channels)
        self.normalise = Normalise(images)
        # Pixel by pixel in memory, all channels of one beside each other: convolutions need not
        # rearrange their inputs (benchmarks/ledger.md).
        self.net = net.to(memory_format=torch.channels_last)
        is_vgg = isinstance(net, torchvision_models.VGG)
        # Its last map is a single pixel, which `avgpool` then repeats 7 x 7 times.
        self.repeats_pixel = is_vgg and images.size < 2 * self.smallest_image

    def forward(self, images: Tensor, num_maps: int | None = None) -> Output:
        """num_maps: how many of its last maps the output has as features; None: no features.

        After `folded` there are none.
        """
        normalised = self.normalise(images)
        if num_maps is not None:
            return forward_with_features(self.net, lambda: self.logits(normalised), num_maps)
        logits = self.logits(normalised)
        return Output(logits, logits)

    def logits(self, normalised: Tensor) -> Tensor:
        """(b, c, h, w) to (b, k)."""
        if self.training and self.repeats_pixel:
            # Saves most of the backward pass; without one there is nothing to save.
            return forward_with_summed_weights(self.net, normalised)
        return self.net(normalised)

    def adapt(self, state: dict[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        """Weights of the same network as these images need them, and the layers that stay new.

        Those for colours become those for other channels by `weights_for_channels`.
        """
        name = f"net.{self.first_convolution}.weight"
        theirs = state.get(name)
        if theirs is not None and theirs.ndim == 4 and theirs.shape[1] == COLOURS:
            state = state | {name: weights_for_channels(theirs, self.channels)}
        return state, self.new_layers

    def folded(self) -> "CNN":
        """Change this network in place into its form for inference and return it.

        It gives the same logits to rounding, and cannot be trained any more.
        """
        if isinstance(self.net, torchvision_models.VGG):
            pool_before_relu(self.net.features)
            if self.repeats_pixel:
                sum_repeated_pixel(self.net)
        if reorder := getattr(self.net, "reorder_for_inference", None):
            reorder()
        # Fold each batch normalisation into the weights of the convolution before it.
        self.net = fuse(self.net.eval(), inplace=True)
        replace_convs_on_small_maps(
            self.net, self.normalise.mean.new_zeros(1, self.channels, self.size, self.size)
        )
        return self


# --- VGG ------------------------------------------------------------------------------------


def vgg16(*, images: ImageSpec, stem: Stem = "imagenet", dropout: ProperFraction = 0.5) -> CNN:
    """VGG-16 (Simonyan and Zisserman, 2015); for `stem` see `vgg16_bn`."""
    return _vgg("vgg16", images, stem, dropout)


def vgg19(*, images: ImageSpec, stem: Stem = "imagenet", dropout: ProperFraction = 0.5) -> CNN:
    """VGG-19 (Simonyan and Zisserman, 2015); for `stem` see `vgg16_bn`."""
    return _vgg("vgg19", images, stem, dropout)


def vgg16_bn(*, images: ImageSpec, stem: Stem = "imagenet", dropout: ProperFraction = 0.5) -> CNN:
    """VGG-16 with batch normalisation.

    In a VGG it is not the stem that is made for images of 224x224, but the head. imagenet: at 32x32
    the last pixel is repeated 7 x 7 times and enters 102 million weights, as the printed parameters
    and FLOPs show (tables 3 and 6). cifar: that pixel enters 512 -> 512 -> 512 -> k instead.
    """
    return _vgg("vgg16_bn", images, stem, dropout)


def _vgg(name: str, images: ImageSpec, stem: Stem, dropout: float) -> CNN:
    net = torchvision_models.get_model(name, num_classes=images.num_classes, dropout=dropout)
    if stem == "imagenet":
        return CNN(images, net, name, ("classifier.6.",))
    net.avgpool = nn.AdaptiveAvgPool2d(1)
    linear = [nn.Linear(512, width) for width in (512, 512, images.num_classes)]
    for layer in linear:  # as torchvision initialises those of a VGG
        nn.init.normal_(layer.weight, 0, 0.01)
        nn.init.zeros_(layer.bias)
    first, second, last = linear
    hidden = [first, nn.ReLU(True), nn.Dropout(dropout), second, nn.ReLU(True), nn.Dropout(dropout)]
    net.classifier = nn.Sequential(*hidden, last)
    return CNN(images, net, name, ("classifier.",))


# --- ResNet ---------------------------------------------------------------------------------


def resnet18(*, images: ImageSpec, stem: Stem = "cifar") -> CNN:
    """ResNet-18 (He et al., 2016); for `stem` see `resnet50`."""
    return _resnet("resnet18", images, stem)


def resnet50(*, images: ImageSpec, stem: Stem = "imagenet") -> CNN:
    """ResNet-50 (He et al., 2016).

    cifar: a convolution of 3x3 and stride 1 in place of 7x7 and stride 2, and no pooling after
    it; the last map is then 4x4 instead of a single pixel.
    """
    return _resnet("resnet50", images, stem)


def wide_resnet50(*, images: ImageSpec, stem: Stem = "imagenet") -> CNN:
    """ResNet-50 with inner convolutions twice as wide (Zagoruyko and Komodakis, 2016)."""
    return _resnet("wide_resnet50_2", images, stem)


def _resnet(name: str, images: ImageSpec, stem: Stem) -> CNN:
    net = torchvision_models.get_model(name, num_classes=images.num_classes)
    if stem == "imagenet":
        return CNN(images, net, name, ("fc.",))
    net.conv1 = small_convolution(images.channels, 64)
    net.maxpool = nn.Identity()
    return CNN(images, net, name, ("fc.", "conv1."))


# --- the others -----------------------------------------------------------------------------


def densenet121(*, images: ImageSpec, stem: Stem = "imagenet") -> CNN:
    """DenseNet-121 (Huang et al., 2017); cifar: as for ResNet, 3x3, stride 1, no pooling."""
    net = torchvision_models.densenet121(num_classes=images.num_classes)
    if stem == "imagenet":
        return CNN(images, net, "densenet121", ("classifier.",))
    net.features.conv0 = small_convolution(images.channels, 64)
    net.features.pool0 = nn.Identity()
    return CNN(images, net, "densenet121", ("classifier.", "features.conv0."))


def mobilenet_v3(
    *,
    images: ImageSpec,
    size: MobileNetSize = "large",
    stem: Stem = "imagenet",
    dropout: ProperFraction = 0.2,
) -> CNN:
    """MobileNetV3, large or small (Howard et al., 2019).

    cifar: the first two of its five strides are 1, so that the last map is 4x4. No weight changes
    its shape.

    Departure: running statistics move by 0.1 a step, PyTorch's default, and not by torchvision's
    0.01. After 400 steps of 0.01 they still hold 2% of the initial variance of 1, which is larger
    than that of the activations: evaluation stayed at chance while the training loss fell.
    """
    name = f"mobilenet_v3_{size}"
    norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.1)
    net = torchvision_models.get_model(
        name, num_classes=images.num_classes, dropout=dropout, norm_layer=norm
    )
    if stem == "cifar":
        remove_two_strides(net)
    return CNN(images, net, name, ("classifier.3.",))


def squeezenet(
    *,
    images: ImageSpec,
    version: SqueezeNetVersion = "1.1",
    stem: Stem = "imagenet",
    dropout: ProperFraction = 0.5,
) -> CNN:
    """SqueezeNet 1.0 or 1.1 (Iandola et al., 2016).

    cifar: a first convolution of 3x3 and stride 1, and no pooling after it; the last map is 8x8.
    The logits end in a ReLU, as published: a class that no image excites any more stays at 0.
    """
    name = f"squeezenet{version.replace('.', '_')}"
    net = torchvision_models.get_model(name, num_classes=images.num_classes, dropout=dropout)
    if stem == "imagenet":
        return CNN(images, net, name, ("classifier.1.",))
    width = net.features[0].out_channels
    net.features[0] = nn.Conv2d(images.channels, width, 3, padding=1)
    nn.init.kaiming_uniform_(
        net.features[0].weight
    )  # as torchvision initialises those of a SqueezeNet
    nn.init.zeros_(net.features[0].bias)
    net.features[2] = nn.Identity()
    return CNN(images, net, name, ("classifier.1.", "features.0."))
