"""Parameters and multiply-accumulates by closed formulas: no network is built here.

Written from the architecture alone, so that the models of `titn.models` and the paper's columns are
checked against something that neither was made with. The number of heads changes none of it: heads
share the width.
"""

from dataclasses import dataclass

# How many images the paper's GFLOPs are for (section 4.1), as tables 3 and 6 show.
PRINTED_BATCH = 1024

# torchvision's VGG-16: the widths of its 3x3 convolutions, with a pooling after each stage.
VGG16_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
# What its average pooling makes of any last map, and its two hidden layers.
VGG_POOLED_SIDE, VGG_HIDDEN = 7, 4096


@dataclass(frozen=True)
class Cost:
    """parameters: all of the network's own. The rest for one image.

    macs_paper: what the paper counts: linear layers, convolutions, normalisation (4 for each
    element) and average pooling. products: q k^T, and the attention weights times v.
    """

    parameters: int = 0
    macs_paper: int = 0
    products: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.parameters + other.parameters,
            self.macs_paper + other.macs_paper,
            self.products + other.products,
        )

    def times(self, count: int) -> "Cost":
        """So many such parts, one after another, each with its own weights."""
        return Cost(count * self.parameters, count * self.macs_paper, count * self.products)

    @property
    def macs(self) -> int:
        return self.macs_paper + self.products

    @property
    def gflops_batch1024(self) -> float:
        """The paper's unit: 1e9 multiply-accumulates of a batch of 1024, without the products."""
        return self.macs_paper * PRINTED_BATCH / 1e9

    @property
    def parameters_m(self) -> float:
        return self.parameters / 1e6


def vit(
    *,
    distillation_token: bool,
    image_size: int = 32,
    channels: int = 3,
    num_classes: int = 100,
    patch_size: int = 8,
    depth: int = 12,
    patch_dim: int = 192,
    mlp_ratio: float = 4.0,
    qkv_bias: bool = False,
) -> Cost:
    """ViT; with a distillation token, DeiT: a linear layer on patches, blocks, one norm, heads."""
    patches = (image_size // patch_size) ** 2
    outputs = 1 + distillation_token
    tokens = patches + outputs
    embedding = linear(patches, channels * patch_size**2, patch_dim)
    learned = Cost((outputs + tokens) * patch_dim)
    blocks = block(1, tokens, patch_dim, mlp_ratio, qkv_bias).times(depth)
    heads = linear(1, patch_dim, num_classes).times(outputs)
    return embedding + learned + blocks + norm(tokens, patch_dim) + heads


def titn(
    *,
    distillation_token: bool,
    image_size: int = 32,
    channels: int = 3,
    num_classes: int = 100,
    patch_size: int = 8,
    pixel_size: int = 2,
    depth: int = 12,
    inner_depth: int = 1,
    patch_dim: int = 192,
    pixel_dim: int = 12,
    mlp_ratio: float = 4.0,
    qkv_bias: bool = True,
    patch_projection: bool = False,
) -> Cost:
    """TITN; without a distillation token, TNT.

    Each layer: `inner_depth` blocks on the p pixels of each of n patches, the patch residual (norm,
    flatten, linear), a block on the patches and tokens. The last norm sees only what the heads see.
    patch_projection: a linear layer from patches to the outer path, which the printed numbers
    rule out.
    """
    patches = (image_size // patch_size) ** 2
    pixels = (patch_size // pixel_size) ** 2
    outputs = 1 + distillation_token
    tokens = patches + outputs
    embedding = linear(patches * pixels, channels * pixel_size**2, pixel_dim)
    learned = Cost(pixels * pixel_dim + 2 * tokens * patch_dim)
    inner = block(patches, pixels, pixel_dim, mlp_ratio, qkv_bias).times(inner_depth)
    residual = norm(patches * pixels, pixel_dim) + linear(patches, pixels * pixel_dim, patch_dim)
    outer = block(1, tokens, patch_dim, mlp_ratio, qkv_bias)
    layers = (inner + residual + outer).times(depth)
    heads = linear(1, patch_dim, num_classes).times(outputs)
    cost = embedding + learned + layers + norm(outputs, patch_dim) + heads
    if patch_projection:
        cost += linear(patches, channels * patch_size**2, patch_dim)
    return cost


def vgg16_bn(*, num_classes: int, image_size: int = 32, channels: int = 3) -> Cost:
    """torchvision's VGG-16 with batch normalisation, its head as it is for ImageNet."""
    cost, side, before = Cost(), image_size, channels
    for stage in VGG16_STAGES:
        for width in stage:
            cost += linear(side**2, 9 * before, width) + norm(side**2, width)
            before = width
        side //= 2
    # Every pixel of the last map is added once, every pooled value is divided once.
    cost += Cost(macs_paper=before * (side**2 + VGG_POOLED_SIDE**2))
    cost += linear(1, before * VGG_POOLED_SIDE**2, VGG_HIDDEN)
    return cost + linear(1, VGG_HIDDEN, VGG_HIDDEN) + linear(1, VGG_HIDDEN, num_classes)


def block(sequences: int, length: int, width: int, mlp_ratio: float, qkv_bias: bool) -> Cost:
    """Norm, attention, norm, MLP on each of so many sequences, with the same weights."""
    rows, hidden = sequences * length, int(width * mlp_ratio)
    attention = linear(rows, width, 3 * width, qkv_bias) + linear(rows, width, width)
    attention += Cost(products=2 * sequences * length**2 * width)
    mlp = linear(rows, width, hidden) + linear(rows, hidden, width)
    return norm(rows, width).times(2) + attention + mlp


def linear(rows: int, fan_in: int, fan_out: int, bias: bool = True) -> Cost:
    """A linear layer on each of so many rows; a convolution is one on each pixel."""
    return Cost((fan_in + bias) * fan_out, rows * fan_in * fan_out)


def norm(rows: int, width: int) -> Cost:
    """Layer or batch normalisation with scale and shift."""
    return Cost(2 * width, 4 * rows * width)
