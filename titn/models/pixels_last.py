"""TITN's inner transformer with the long axis last, which is how compilers make it fast.

A patch has few pixels and a pixel few numbers: 16 of width 12, in two heads of 6. Whatever works
along those axes (layer normalisation, softmax, the products of attention) runs in vectors that
hardly fill, and one by one for each of thousands of patches. Here a tensor of pixels is (d, p, m),
d the width, p the pixels of a patch and m = b n all patches of the batch: all but the linear layers
is then elementwise along m, or a short sum over slices that are m long, and a compiler joins it
into a few passes over memory. Not compiled, this form is no faster than the plain one.

The functions take the modules of `titn.models.layers` for their parameters and compute what those
do, to rounding; products of attention are summed in float32.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from einops import rearrange
from timm.layers import Mlp
from torch import Tensor, nn

from titn.models.layers import ALL, Attention, Block, read_rows
from titn.models.nested_layer import NestedLayer
from titn.types import Compiler, Output


class PixelsLast(nn.Module):
    """A TITN that runs its layers in this form, through one compiled function for all of them.

    Compiled as a whole, its last layer computes only the rows that the heads read.
    """

    def __init__(self, network: Any, compiler: Compiler | None):
        """network: a TITN, whose module imports this one to offer its compiled form."""
        super().__init__()
        self.network = network
        self.has_distillation_token: bool = network.has_distillation_token
        self.run: Callable = layer if compiler is None else compiler(layer)
        self.last_rows = ALL
        if compiler is None:
            self.last_rows = read_rows(len(network.token_pos), self.has_distillation_token)

    def forward(self, images: Tensor) -> Output:
        network = self.network
        pixels = rearrange(network.cut(images), "m p c -> c p m")
        pixels = linear(network.pixel_embed, pixels) + network.pixel_pos.t()[:, :, None]
        # Contiguous as those of later layers are, or the first would be compiled for itself.
        tokens = network.first_tokens(len(images)).contiguous()
        *layers, last = network.layers
        for one in layers:
            pixels, tokens = self.run(one, pixels, tokens, ALL)
        return network.read(self.run(last, pixels, tokens, self.last_rows)[1])


def layer(
    modules: NestedLayer, pixels: Tensor, tokens: Tensor, rows: slice
) -> tuple[Tensor, Tensor]:
    """`NestedLayer`: pixels (d, p, b n), tokens (b, n + 1 or n + 2, d) to the same, or `rows`."""
    pixels = block(modules.inner, pixels)
    for further in modules.further_inner:
        pixels = block(cast(Block, further), pixels)
    normed = rearrange(layer_norm(modules.residual_norm, pixels), "d p m -> m (d p)")
    # Without einops: it would remember the type of a parameter, and a second compilation follow.
    weight = modules.residual.weight.unflatten(1, (-1, len(pixels))).transpose(1, 2).flatten(1)
    residual = F.linear(normed, weight, modules.residual.bias)
    return pixels, modules.attend(residual, tokens, rows)


def block(modules: Block, x: Tensor) -> Tensor:
    """`Block`: (d, p, m) to the same."""
    x = x + drop_patches(modules.drop_path, attention(modules.attn, layer_norm(modules.norm1, x)))
    return x + drop_patches(modules.drop_path, mlp(modules.mlp, layer_norm(modules.norm2, x)))


def attention(modules: Attention, x: Tensor) -> Tensor:
    """`Attention`: (d, p, m) to the same."""
    pattern = "(three h d) p m -> three h d p m"
    q, k, v = rearrange(linear(modules.qkv, x), pattern, three=3, h=modules.num_heads)
    # The scale on q, not on the scores: before a softmax, a compiler makes more of it than it is.
    q = q * q.shape[1] ** -0.5
    # (h, d, i, j, m) summed over d: compiled, the products are never in memory one by one.
    scores = (q[:, :, :, None].float() * k[:, :, None].float()).sum(1)
    weights = scores.softmax(2).to(v.dtype)
    heads = (weights[:, None].float() * v[:, :, None].float()).sum(3)
    return linear(modules.proj, rearrange(heads, "h d p m -> (h d) p m"))


def mlp(modules: Mlp, x: Tensor) -> Tensor:
    """timm's `Mlp`: (d, p, m) to the same."""
    return linear(modules.fc2, F.gelu(linear(modules.fc1, x)))


def linear(modules: nn.Module, x: Tensor) -> Tensor:
    """`nn.Linear` over the first axis: (d, p, m) to (k, p, m)."""
    weight, bias = cast(Tensor, modules.weight), cast(Tensor, modules.bias)
    y = weight @ x.flatten(1)
    return y.add(bias.to(y.dtype)[:, None]).unflatten(1, x.shape[1:])


def layer_norm(modules: nn.LayerNorm, x: Tensor) -> Tensor:
    """`nn.LayerNorm` over the first axis of (d, p, m)."""
    centred = x - x.mean(0, keepdim=True)
    scale = (centred.square().mean(0, keepdim=True) + modules.eps).rsqrt()
    return centred * scale * modules.weight[:, None, None] + modules.bias[:, None, None]


def drop_patches(drop_path: nn.Module, branch: Tensor) -> Tensor:
    """Stochastic depth for each of m patches, with the draws that the plain form makes."""
    if isinstance(drop_path, nn.Identity):
        return branch
    kept: Tensor = drop_path(torch.ones_like(branch[0, 0])[:, None])
    return branch * kept.flatten()
