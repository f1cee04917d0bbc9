"""From an image to one vector for each patch: a linear layer, or a few convolutions."""

import math

from einops import rearrange
from torch import Tensor, nn

from titn.config.annotations import PatchEmbed


class ConvStem(nn.Sequential):
    """Convolutions in place of a patch's linear layer: (b, c, h, w) to (b, d, h / p, w / p).

    log2 p convolutions of 3x3 and stride 2, each with batch normalisation, and GELU between them;
    each is twice as wide as the one before, the last has d channels. As the first layers of DHVT
    (Lu et al., 2022, section 3.2), and much as those of Xiao et al. (2021), who add a 1x1.

    patch_size: p, a power of 2; ValueError if it is none, or d is no multiple of p / 2.
    """

    def __init__(self, channels: int, patch_size: int, width: int):
        count = int(math.log2(patch_size))
        if patch_size != 2**count or count < 1:
            raise ValueError(f"patch_size={patch_size}: a convolutional stem needs 2, 4, 8 or 16")
        if width % 2 ** (count - 1):
            multiple = 2 ** (count - 1)
            raise ValueError(
                f"patch_dim={width}: a convolutional stem for patches of {patch_size} needs a "
                f"multiple of {multiple}; take {math.ceil(width / multiple) * multiple}"
            )
        layers: list[nn.Module] = []
        for i in range(count):
            wider = width // 2 ** (count - 1 - i)
            conv = nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(wider), nn.GELU()]
            channels = wider
        super().__init__(*layers[:-1])


def patch_embedding(kind: PatchEmbed, channels: int, patch_size: int, width: int) -> nn.Module:
    """The module that `embed_patches` takes.

    linear: one linear layer for all pixels of a patch. conv: `ConvStem`.
    """
    if kind == "conv":
        return ConvStem(channels, patch_size, width)
    return nn.Linear(channels * patch_size**2, width)


def embed_patches(embed: nn.Module, images: Tensor, patch_grid: int) -> Tensor:
    """(b, c, h, w) to (b, n, d); patch_grid: the side of the grid of n patches."""
    if isinstance(embed, ConvStem):
        return rearrange(embed(images), "b d gh gw -> b (gh gw) d")
    pattern = "b c (gh ph) (gw pw) -> b (gh gw) (c ph pw)"
    return embed(rearrange(images, pattern, gh=patch_grid, gw=patch_grid))
