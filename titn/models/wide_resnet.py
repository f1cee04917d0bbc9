"""Wide residual networks for images of 32x32, which torchvision does not have."""

import torch.nn.functional as F
from torch import Tensor, nn

from titn.config.annotations import ProperFraction
from titn.models.cnn import CNN
from titn.types import ImageSpec


def wide_resnet28_10(*, images: ImageSpec, dropout: ProperFraction = 0.0) -> CNN:
    """WRN-28-10 (Zagoruyko and Komodakis, 2016, table 1): 36.5M parameters.

    dropout: between the two convolutions of a block; the authors use 0.3 in some of their runs.
    """
    net = WideResNet(
        depth=28,
        widening=10,
        channels=images.channels,
        num_classes=images.num_classes,
        dropout=dropout,
    )
    return CNN(images, net, None, ("classifier.",))


class WideBlock(nn.Module):
    """x + conv(relu(bn(conv(relu(bn(x)))))): normalisation before each 3x3 convolution.

    (b, c, h, w) to (b, width, h / stride, w / stride). Where the shape changes, the shortcut is a
    convolution of 1x1 of the normalised input, as in the authors' code.
    """

    def __init__(self, channels: int, width: int, stride: int, dropout: float):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut = None
        if channels != width or stride != 1:
            self.shortcut = nn.Conv2d(channels, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        normalised = F.relu(self.norm1(x))
        shortcut = x if self.shortcut is None else self.shortcut(normalised)
        inner = self.conv1(normalised)  # (b, c, h, w) -> (b, width, h / stride, w / stride)
        return shortcut + self.conv2(self.dropout(F.relu(self.norm2(inner))))


class WideResNet(nn.Module):
    """WRN-depth-widening: images (b, c, h, w) to (b, k) logits.

    Three groups of (depth - 4) / 6 blocks, `widening` times 16, 32 and 64 channels wide. The second
    and the third group begin with stride 2: 32x32 becomes 16x16 and 8x8.
    """

    def __init__(
        self, *, depth: int, widening: int, channels: int, num_classes: int, dropout: float
    ):
        super().__init__()
        blocks: list[nn.Module] = []
        before = 16
        for base, stride in ((16, 1), (32, 2), (64, 2)):
            for number in range((depth - 4) // 6):
                width = base * widening
                # Only the first block of a group has its stride.
                blocks.append(WideBlock(before, width, 1 if number else stride, dropout))
                before = width
        self.stem = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.BatchNorm2d(before)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(before, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.blocks(self.stem(x))))  # (b, 64 widening, h / 4, w / 4)
        return self.classifier(self.pool(x).flatten(1))  # (b, 64 widening) -> (b, k)
