"""ViT (Dosovitskiy et al., 2021) and DeiT (Touvron et al., 2021) at 32x32."""

from collections.abc import Callable
from typing import Annotated

import torch
from einops import rearrange
from torch import Tensor, nn

from titn.config.annotations import (
    Count,
    Divides,
    Init,
    PatchEmbed,
    Positive,
    ProperFraction,
    Shares,
)
from titn.config.constraints import check_heads, grid_side
from titn.models.conv_mlp import outer_mlps
from titn.models.layers import (
    ALL,
    Attention,
    Block,
    Heads,
    Normalise,
    drop_path_rates,
    head_rows,
    initialise_linear_layers,
    mapped_layers,
    normal_parameter,
)
from titn.models.local_attention import LocalAttention
from titn.models.patch_embedding import embed_patches, patch_embedding
from titn.types import Compiler, ImageSpec, Output


class ViT(nn.Module):
    """Vision transformer; with `distillation_token` true, DeiT.

    images (b, c, h, w) to Output of (b, k) logits.

    It equals timm's `VisionTransformer` and `VisionTransformerDistilled` but for the order of the
    tokens: row 0 is the class token, the last row the distillation token (section 3.2). By default
    q, k and v have no bias: that gives the printed parameter counts (table 3).

    patch_embed: conv is a stem of convolutions in place of the linear layer (`ConvStem`). conv_mlp:
    whether the MLPs look at the neighbouring patches (`ConvMlp`). local_attention: whether no
    token attends to itself, and temperatures are learned (`LocalAttention`).
    """

    gives_features = True
    # Compiling takes up to 12 s. It saves 0.05 to 0.2 ms an image with patches of 8, and more with
    # smaller ones or with convolutions (benchmarks/ledger.md).
    compiling_pays_from = 50_000

    def __init__(
        self,
        *,
        images: ImageSpec,
        distillation_token: bool,
        patch_size: Annotated[Count, Divides("images.size")] = 8,
        depth: Count = 12,
        patch_dim: Count = 192,
        heads: Annotated[Count, Shares("patch_dim")] = 3,
        mlp_ratio: Positive = 4.0,
        qkv_bias: bool = False,
        drop_path: ProperFraction = 0.0,
        init: Init = "torch",
        token_std: Positive = 0.5,
        patch_embed: PatchEmbed = "linear",
        conv_mlp: bool = False,
        local_attention: bool = False,
    ):
        super().__init__()
        patch_grid = grid_side(images.size, patch_size, "the image's size", "patch_size")
        check_heads(patch_dim, heads, "patch_dim", "heads")
        self.has_distillation_token = distillation_token
        self.patch_grid = patch_grid

        self.normalise = Normalise(images)
        num_tokens = patch_grid**2 + 1 + distillation_token  # n patches, class, distillation
        self.patch_embed = patch_embedding(patch_embed, images.channels, patch_size, patch_dim)
        # In a ViT the distillation token is (0, d): it adds no row, and one forward serves both.
        self.cls_token = normal_parameter(1, patch_dim, std=token_std)
        self.dist_token = normal_parameter(int(distillation_token), patch_dim, std=token_std)
        self.token_pos = normal_parameter(num_tokens, patch_dim, std=token_std)
        rates = drop_path_rates(drop_path, depth)
        mlps = outer_mlps(conv_mlp, depth, patch_dim, mlp_ratio, patch_grid, num_tokens)
        attention = LocalAttention if local_attention else Attention
        self.layers = nn.ModuleList(
            Block(patch_dim, heads, mlp_ratio, qkv_bias, rate, mlp, attention)
            for rate, mlp in zip(rates, mlps, strict=True)
        )
        self.norm = nn.LayerNorm(patch_dim)
        self.heads = Heads(patch_dim, images.num_classes, distillation_token)
        initialise_linear_layers(self, init)

    def forward(self, images: Tensor, num_maps: int | None = None) -> Output:
        return self.forward_through(_layer, ALL, images, num_maps)

    def forward_through(
        self, run: Callable, last_rows: slice, images: Tensor, num_maps: int | None
    ) -> Output:
        """The forward pass, with `run` for a layer: (layer, tokens, rows) to those rows of tokens.

        last_rows: what the last layer has to return. num_maps: of how many layers the output has
        maps among its features, see `mapped_layers`; None for no features.
        """
        tokens = self.embed(images)
        mapped, last, maps = mapped_layers(num_maps, len(self.layers)), len(self.layers) - 1, []
        for i, layer in enumerate(self.layers):
            tokens = run(layer, tokens, last_rows if i == last and i not in mapped else ALL)
            if i in mapped:
                maps.append(self.to_map(tokens))
        return self.classify(tokens, None if num_maps is None else maps)

    def embed(self, images: Tensor) -> Tensor:
        """(b, c, h, w) to (b, n + 1 or n + 2, d): class token, patches, distillation token."""
        patches = embed_patches(self.patch_embed, self.normalise(images), self.patch_grid)
        first, last = (
            token.expand(len(images), -1, -1) for token in (self.cls_token, self.dist_token)
        )
        # (b, n, d) between (b, 1, d) and (b, 1, d); the last is (b, 0, d) in ViT.
        return torch.cat([first, patches, last], dim=1) + self.token_pos

    def to_map(self, tokens: Tensor) -> Tensor:
        """The patches among (b, n + 1 or n + 2, d) tokens, (b, d, h, w) with n = h w."""
        patches = tokens[:, 1 : self.patch_grid**2 + 1]
        return rearrange(patches, "b (gh gw) d -> b d gh gw", gh=self.patch_grid)

    def classify(self, tokens: Tensor, maps: list[Tensor] | None = None) -> Output:
        """The last layer's tokens (b, n + 1 or n + 2, d) to (b, k) logits."""
        return self.heads(self.norm(tokens), maps)

    def compiled(self, compiler: Compiler | None) -> nn.Module:
        """The same network with one layer compiled for all; it shares the parameters.

        compiler: compiles one layer, whose code serves all layers; None if the network is going
        to be compiled as a whole.
        """
        return CompiledLayers(self, compiler)


class CompiledLayers(nn.Module):
    """A ViT that runs its layers through one compiled function.

    One layer's code serves all, because they differ in their parameters alone. In a network that
    is compiled as a whole the last layer computes only the rows that the heads read.
    """

    def __init__(self, network: ViT, compiler: Compiler | None):
        super().__init__()
        self.network = network
        self.has_distillation_token = network.has_distillation_token
        self.run = _layer if compiler is None else compiler(_layer)
        self.last_rows = ALL
        if compiler is None:
            self.last_rows = head_rows(len(network.token_pos), self.has_distillation_token)

    def forward(self, images: Tensor, num_maps: int | None = None) -> Output:
        return self.network.forward_through(self.run, self.last_rows, images, num_maps)


def _layer(layer: nn.Module, tokens: Tensor, rows: slice) -> Tensor:
    return layer(tokens, rows)
