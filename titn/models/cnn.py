"""torchvision's convolutional networks, as models and as teachers."""

from torch import Tensor, nn
from torchvision import models as torchvision_models

from titn.models.layers import Normalise
from titn.outputs import ImageSpec, Output
from titn.values import ProperFraction


class CNN(nn.Module):
    """A network from images to (b, k) logits, with its own normalisation in front.

    images (b, c, h, w) to Output, whose two logits are the same: there is no distillation token.
    """

    has_distillation_token = False

    def __init__(self, images: ImageSpec, net: nn.Module):
        super().__init__()
        self.normalise = Normalise(images)
        self.net = net

    def forward(self, images: Tensor) -> Output:
        logits = self.net(self.normalise(images))
        return Output(logits, logits)


def vgg16_bn(*, images: ImageSpec, dropout: ProperFraction = 0.5) -> CNN:
    """VGG-16 with batch normalisation (Simonyan and Zisserman, 2015), torchvision's.

    The head for 224x224 images is kept, as the printed parameters and FLOPs show (tables 3 and
    6): at 32x32 the last feature map is a single pixel, repeated 7 x 7 times by the pooling.
    """
    return CNN(images, torchvision_models.vgg16_bn(num_classes=images.num_classes, dropout=dropout))
