"""Parts that the vision transformers share.

The MLP and stochastic depth are timm's. The profiler with which the paper's GFLOPs agree counts
`nn.Linear` and `nn.LayerNorm` but not their subclasses, so those are used plain.
"""

import math

import torch
from einops import rearrange
from timm.layers import DropPath, Mlp
from torch import Tensor, nn

from titn.config.annotations import Init
from titn.types import Features, ImageSpec, Output

# The rows of tokens that a block returns: all of them.
ALL = slice(None)


class Normalise(nn.Module):
    """(images - mean) / std, per channel.

    (b, c, h, w), uint8 in 0..255 or floating point in [0, 1], to floating point of that shape.
    Mean and standard deviation are buffers and saved with the weights: a network brings its own,
    so that a student and its teacher can see the very same images.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, images: ImageSpec):
        super().__init__()
        if len(images.mean) != images.channels or len(images.std) != images.channels:
            raise ValueError(f"mean and std need one value for each of {images.channels} channels")
        # (c, 1, 1), to broadcast over the rows and columns of (b, c, h, w).
        self.register_buffer("mean", torch.tensor(images.mean).reshape(-1, 1, 1))
        self.register_buffer("std", torch.tensor(images.std).reshape(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        if images.dtype == torch.uint8:
            images = images.to(self.mean.dtype) / 255
        return (images - self.mean) / self.std


class Attention(nn.Module):
    """Multi-head self-attention, softmax(q k^T / sqrt(d_k)) v (section 3.1.1, equations 1 to 3).

    (b, n, d) to (b, n, d), or to those `rows` of n alone. Departures: equation 2 concatenates the
    heads, as here, where the prose adds them; and d_k is the width of a head, d / h, where the
    prose calls its root "the dimension".
    """

    def __init__(self, width: int, num_heads: int, qkv_bias: bool):
        super().__init__()
        self.width = width
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, rows: slice = ALL) -> Tensor:
        # From here on d is the width of one head. One linear layer for q, k and v of all heads.
        q, k, v = rearrange(
            self.qkv(x), "b n (three h d) -> three b h n d", three=3, h=self.num_heads
        )
        # Each row of the output follows from its own query and all keys and values, so a row that
        # is not asked for is left out here.
        q = q[:, :, rows]
        # Spelled out because it is faster here than the fused kernel: sequences are short and the
        # inner heads are 6 wide (1.5 times the images a second: benchmarks/cpu_choices.py).
        weights = self.weights(q, k, rows)
        heads = weights @ v  # (b, h, n, n) @ (b, h, n, d) -> (b, h, n, d)
        return self.proj(rearrange(heads, "b h n d -> b n (h d)"))

    def weights(self, q: Tensor, k: Tensor, rows: slice) -> Tensor:
        """(b, h, n, n), each row of which sums to 1, of queries and keys (b, h, n, d).

        The queries may be those `rows` of n alone.
        """
        return (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)).softmax(-1)

    def product_macs(self, num_tokens: int) -> int:
        """Multiply-accumulates of q k^T and of the weights times v, for one sequence."""
        return 2 * num_tokens**2 * self.width


def hidden_units(width: int, mlp_ratio: float) -> int:
    """Of an MLP; ValueError if there are none."""
    if not (hidden := int(width * mlp_ratio)):
        raise ValueError(
            f"mlp_ratio={mlp_ratio}: leaves no hidden unit in an MLP of width {width}; give "
            f"{math.ceil(1000 / width) / 1000} or more"
        )
    return hidden


class Block(nn.Module):
    """Pre-norm transformer block: x + attention(LN(x)), then x + MLP(LN(x)) (figure 1).

    (b, n, d) to (b, n, d), or to those `rows` of n alone. The MLP is d -> mlp_ratio d -> d with a
    GELU between (equation 4). drop_path: the probability in [0, 1) that a branch of a sample is
    left out in training (stochastic depth, Huang et al., 2016). mlp: another one in its place.
    attention: its class.
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        mlp_ratio: float,
        qkv_bias: bool,
        drop_path: float,
        mlp: nn.Module | None = None,
        attention: type[Attention] = Attention,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = attention(width, num_heads, qkv_bias)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = mlp or Mlp(width, hidden_features=hidden_units(width, mlp_ratio))
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: Tensor, rows: slice = ALL) -> Tensor:
        # Attention reads all rows of x and returns `rows`; from there on only they are computed.
        x = x[:, rows] + self.drop_path(self.attn(self.norm1(x), rows))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class Heads(nn.Module):
    """Two linear heads: (b, n, d) to (b, k) logits of the first row and (b, k) of the last.

    The first row is the class token, the last the distillation token. Without a distillation token
    there is one head, and its logits stand in both places. maps: the features that are returned
    beside the logits, with what the heads read; None for none.
    """

    def __init__(self, width: int, num_classes: int, distillation_token: bool):
        super().__init__()
        self.cls = nn.Linear(width, num_classes)
        self.dist = nn.Linear(width, num_classes) if distillation_token else None

    def forward(self, tokens: Tensor, maps: list[Tensor] | None = None) -> Output:
        first = tokens[:, 0]
        last = first if self.dist is None else tokens[:, -1]
        cls = self.cls(first)  # (b, d) -> (b, k)
        features = None if maps is None else Features(tuple(maps), first, last)
        return Output(cls, cls if self.dist is None else self.dist(last), features)


def head_rows(num_tokens: int, distillation_token: bool) -> slice:
    """The rows that `Heads` reads: the first, and with a distillation token the last."""
    return slice(0, None, num_tokens - 1) if distillation_token else slice(0, 1)


def mapped_layers(num_maps: int | None, depth: int) -> list[int]:
    """Which of `depth` layers give a map: `num_maps` of them, evenly from the first to the last.

    Three of twelve are 0, 6 and 11, those of Li et al. (2022). One is the last. None is none.
    """
    if not num_maps:
        return []
    if num_maps > depth:
        raise ValueError(f"stages={num_maps}: a network has {depth} layers; take at most {depth}")
    gaps = max(num_maps - 1, 1)
    return [math.floor((depth - 1) * i / gaps + 0.5) for i in range(num_maps - 1)] + [depth - 1]


def drop_path_rates(drop_path: float, depth: int) -> list[float]:
    """Rates of stochastic depth: linear from 0 at the first layer to `drop_path` at the last."""
    return [drop_path * i / max(depth - 1, 1) for i in range(depth)]


def normal_parameter(*shape: int, std: float) -> nn.Parameter:
    """A learned parameter (tokens, positions), drawn from N(0, std^2)."""
    return nn.Parameter(torch.randn(*shape) * std)


def initialise_linear_layers(model: nn.Module, init: Init) -> None:
    """Initialise all linear layers, in place.

    torch: as PyTorch's constructor drew them: uniform in +-1/sqrt(fan in), weights and biases.
    trunc_normal: as DeiT and timm do: truncated normal of standard deviation 0.02, biases zero.
    With trunc_normal a 12-layer TITN hardly leaves chance (docs/recipes.md has the comparison).
    """
    for module in model.modules():
        if isinstance(module, nn.Linear) and init == "trunc_normal":
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
