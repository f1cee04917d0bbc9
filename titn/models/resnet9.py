"""ResNet-9 for images of 32x32, after David Page's "How to train your ResNet" (2018)."""

from torch import Tensor, nn

from titn.config.annotations import Count, Positive
from titn.models.cnn import CNN
from titn.types import ImageSpec


def resnet9(*, images: ImageSpec, width: Count = 64, logit_scale: Positive = 0.125) -> CNN:
    """Eight convolutions of 3x3 and a linear layer: 94% on CIFAR-10 in 24 epochs (Page, 2018).

    width: channels of the first convolution; the maps of 16x16, 8x8 and 4x4 have 2, 4 and 8 times
    as many. logit_scale: what the logits are multiplied by.
    """
    return CNN(images, ResNet9(images, width, logit_scale), None, ("classifier.",))


class ResNet9(nn.Module):
    """Normalised images (b, c, h, w) to (b, k) logits."""

    def __init__(self, images: ImageSpec, width: int, logit_scale: float):
        super().__init__()
        self.stem = _convolution(images.channels, width)
        # Every stage halves the map: 32x32 -> 16x16 -> 8x8 -> 4x4.
        self.stages = nn.Sequential(
            *(_convolution(width, 2 * width), nn.MaxPool2d(2), Residual(2 * width)),
            *(_convolution(2 * width, 4 * width), nn.MaxPool2d(2)),
            *(_convolution(4 * width, 8 * width), nn.MaxPool2d(2), Residual(8 * width)),
        )
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.classifier = nn.Linear(8 * width, images.num_classes, bias=False)
        self.logit_scale = logit_scale

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stages(self.stem(x))).flatten(1)  # (b, 8 width)
        return self.classifier(x) * self.logit_scale


class Residual(nn.Module):
    """x plus two convolutions of it, each with normalisation and ReLU; no shape changes."""

    def __init__(self, width: int):
        super().__init__()
        self.convs = nn.Sequential(_convolution(width, width), _convolution(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convs(x)


def _convolution(channels: int, width: int) -> nn.Sequential:
    """A 3x3 convolution, batch normalisation and ReLU: (b, channels, h, w) to (b, width, h, w)."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )
