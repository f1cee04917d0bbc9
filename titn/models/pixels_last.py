"""TITN's inner transformer with the long axis last, which is how compilers make it fast.

A patch has few pixels and a pixel few numbers: 16 pixels of width 12, in two heads of 6. What works
along those axes (layer normalisation, softmax, the products of attention) hardly fills a vector
register, and runs once for each of thousands of patches. Here a tensor of pixels is (d, p, m): d
the width, p the pixels of a patch, m = b n the patches of the whole batch. Everything but the
linear layers is then elementwise along m, or a short sum of slices of length m, and a compiler
fuses it into a few passes over memory. Without a compiler this form is no faster than the plain.

The functions take their parameters from the modules of `titn.models.layers` and compute the same
as those, to rounding; the products of attention are summed in float32.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from einops import rearrange
from timm.layers import Mlp
from torch import Tensor, nn

from titn.models.layers import ALL, Attention, Block, head_rows, mapped_layers
from titn.models.nested_layer import NestedLayer
from titn.types import Compiler, Output


class PixelsLast(nn.Module):
    """A TITN that runs its layers in this form, through one compiled function for all of them.

    In a network that is compiled as a whole the last layer computes only the rows that the heads
    read.
    """

    def __init__(self, network: Any, compiler: Compiler | None):
        """network: a TITN; not annotated as one, because its module imports this one."""
        super().__init__()
        self.network = network
        self.has_distillation_token: bool = network.has_distillation_token
        self.run: Callable = layer if compiler is None else compiler(layer)
        self.last_rows = ALL
        if compiler is None:
            self.last_rows = head_rows(len(network.token_pos), self.has_distillation_token)

    def forward(self, images: Tensor, num_maps: int | None = None) -> Output:
        network = self.network
        # (b n, p, c m m), where m is the side of a pixel, -> (c m m, p, b n), then (d, p, b n).
        normalised = network.normalise(images)
        pixels = rearrange(network.to_pixels(normalised), "bn p c -> c p bn")
        pixels = linear(network.pixel_embed, pixels) + network.pixel_pos.t()[:, :, None]
        # Contiguous, as the tokens of later layers are: other strides would make the compiler
        # compile the first layer a second time.
        tokens = network.initial_tokens(normalised).contiguous()
        depth = len(network.layers)
        mapped, maps = mapped_layers(num_maps, depth), []
        for i, modules in enumerate(network.layers):
            rows = self.last_rows if i == depth - 1 and i not in mapped else ALL
            pixels, tokens = self.run(modules, pixels, tokens, rows)
            if i in mapped:
                maps.append(network.to_map(tokens))
        return network.classify(tokens, None if num_maps is None else maps)


def layer(
    modules: NestedLayer, pixels: Tensor, tokens: Tensor, rows: slice
) -> tuple[Tensor, Tensor]:
    """`NestedLayer`: pixels (d, p, b n) and tokens (b, n + 1 or n + 2, d) to the same shapes.

    rows: which tokens to return.
    """
    pixels = block(modules.inner, pixels)
    for further in modules.further_inner:
        pixels = block(cast(Block, further), pixels)
    normed = rearrange(layer_norm(modules.residual_norm, pixels), "d p m -> m (d p)")
    # The pixels lie here as (d p), in the plain form as (p d), so the weight's columns follow:
    # (o, p d) -> (o, p, d) -> (o, d, p) -> (o, d p), o the width of a token. Without einops, which
    # would remember that this is a parameter and cause a second compilation.
    weight = modules.residual.weight.unflatten(1, (-1, len(pixels))).transpose(1, 2).flatten(1)
    residual = F.linear(normed, weight, modules.residual.bias)
    return pixels, modules.update_tokens(residual, tokens, rows)


def block(modules: Block, x: Tensor) -> Tensor:
    """`Block`: (d, p, m) to the same."""
    plain_mlp = cast(Mlp, modules.mlp)
    x = x + drop_patches(modules.drop_path, attention(modules.attn, layer_norm(modules.norm1, x)))
    return x + drop_patches(modules.drop_path, mlp(plain_mlp, layer_norm(modules.norm2, x)))


def attention(modules: Attention, x: Tensor) -> Tensor:
    """`Attention`: (d, p, m) to the same."""
    pattern = "(three h d) p m -> three h d p m"  # from here on d is the width of one head
    q, k, v = rearrange(linear(modules.qkv, x), pattern, three=3, h=modules.num_heads)
    # The scale is applied to q and not to the scores: a compiler turns a scale before a softmax
    # into more work than it is.
    q = q * q.shape[1] ** -0.5
    # q (h, d, i, 1, m) times k (h, d, 1, j, m), summed over d to (h, i, j, m): pixels i, j of one
    # patch. Compiled, the products (h, d, i, j, m) are never all in memory.
    scores = (q[:, :, :, None].float() * k[:, :, None].float()).sum(1)
    weights = scores.softmax(2).to(v.dtype)  # over the keys j
    # weights (h, 1, i, j, m) times v (h, d, 1, j, m), summed over j to (h, d, i, m).
    heads = (weights[:, None].float() * v[:, :, None].float()).sum(3)
    return linear(modules.proj, rearrange(heads, "h d p m -> (h d) p m"))


def mlp(modules: Mlp, x: Tensor) -> Tensor:
    """timm's `Mlp`: (d, p, m) to the same."""
    return linear(modules.fc2, F.gelu(linear(modules.fc1, x)))


def linear(modules: nn.Module, x: Tensor) -> Tensor:
    """`nn.Linear` over the first axis: (d, p, m) to (o, p, m), o the output width."""
    weight, bias = cast(Tensor, modules.weight), cast(Tensor, modules.bias)
    y = weight @ x.flatten(1)  # (o, d) @ (d, p m) -> (o, p m)
    return y.add(bias.to(y.dtype)[:, None]).unflatten(1, x.shape[1:])


def layer_norm(modules: nn.LayerNorm, x: Tensor) -> Tensor:
    """`nn.LayerNorm` over the first axis of (d, p, m)."""
    centred = x - x.mean(0, keepdim=True)
    scale = (centred.square().mean(0, keepdim=True) + modules.eps).rsqrt()
    return centred * scale * modules.weight[:, None, None] + modules.bias[:, None, None]


def drop_patches(drop_path: nn.Module, branch: Tensor) -> Tensor:
    """Stochastic depth of branch (d, p, m), for each of m patches, with the plain form's draws."""
    if isinstance(drop_path, nn.Identity):
        return branch
    # DropPath draws one number for each row of its input: give it m rows of a single 1.
    kept: Tensor = drop_path(torch.ones_like(branch[0, 0])[:, None])
    return branch * kept.flatten()
