"""TNT and TITN: transformers in a transformer (section 3.2, algorithm 1, figures 1 and 2)."""

from typing import Annotated

import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from titn.config.annotations import (
    Count,
    Divides,
    Init,
    OuterEmbed,
    Positive,
    ProperFraction,
    Shares,
)
from titn.config.constraints import check_heads, grid_side
from titn.models.conv_mlp import outer_mlps
from titn.models.layers import (
    Attention,
    Heads,
    Normalise,
    drop_path_rates,
    initialise_linear_layers,
    mapped_layers,
    normal_parameter,
)
from titn.models.local_attention import LocalAttention
from titn.models.nested_layer import NestedLayer
from titn.models.patch_embedding import embed_patches, patch_embedding
from titn.models.pixels_last import PixelsLast
from titn.types import Compiler, ImageSpec, Output


class TITN(nn.Module):
    """Transformer-in-Transformer Network (section 3.2); with `distillation_token` false, TNT.

    images (b, c, h, w) to Output of (b, k) logits.

    An image is n patches of `patch_size`, a patch is p "pixels": non-overlapping squares of
    `pixel_size`. Two paths run side by side. The inner path holds the pixels of every patch,
    (b n, p, pixel_dim), embedded by one linear layer plus a position embedding that all patches
    share. The outer path holds one token for each patch, between the class token (row 0) and the
    distillation token (last row).

    This TNT is lucidrains' and not Han et al.'s: no linear layer projects a patch into the outer
    path. Its tokens start as learned vectors plus positions, the same for every image, and learn
    of the image only through the patch residual of each layer. The printed parameters and GFLOPs
    (tables 1 and 3) pin all of this. They leave the number of inner heads open: 2 is that of Han
    et al.'s tiny model.

    inner_depth: the number of inner blocks before the patch residual of each layer; 1 in the
    paper. drop_path: the rate of the last layer, in [0, 1); it grows linearly from 0 at the first
    layer, and all blocks of a layer share it. init: how the linear layers are drawn. token_std:
    the standard deviation of tokens and positions at the start. The paper prints neither; see
    `initialise_linear_layers` in titn.models.layers, and docs/recipes.md.

    None of the paper's: outer_embed adds to the learned tokens what a linear layer makes of each
    patch, as Han et al. do, or a stem of convolutions (`ConvStem`). conv_mlp: whether the outer
    MLPs look at the neighbouring patches (`ConvMlp`). local_attention: whether no outer token
    attends to itself, and the outer temperatures are learned (`LocalAttention`).
    """

    gives_features = True
    # A compiled step saves 0.9 ms an image, compiling takes up to 15 s (benchmarks/ledger.md).
    compiling_pays_from = 20_000

    def __init__(
        self,
        *,
        images: ImageSpec,
        distillation_token: bool,
        patch_size: Annotated[Count, Divides("images.size")] = 8,
        pixel_size: Annotated[Count, Divides("patch_size")] = 2,
        depth: Count = 12,
        inner_depth: Count = 1,
        patch_dim: Count = 192,
        pixel_dim: Count = 12,
        outer_heads: Annotated[Count, Shares("patch_dim")] = 3,
        inner_heads: Annotated[Count, Shares("pixel_dim")] = 2,
        mlp_ratio: Positive = 4.0,
        drop_path: ProperFraction = 0.0,
        init: Init = "torch",
        token_std: Positive = 0.5,
        outer_embed: OuterEmbed = "learned",
        conv_mlp: bool = False,
        local_attention: bool = False,
    ):
        super().__init__()
        patch_grid = grid_side(images.size, patch_size, "the image's size", "patch_size")
        pixel_grid = grid_side(patch_size, pixel_size, "patch_size", "pixel_size")
        check_heads(patch_dim, outer_heads, "patch_dim", "outer_heads")
        check_heads(pixel_dim, inner_heads, "pixel_dim", "inner_heads")
        self.has_distillation_token = distillation_token
        self.patch_grid, self.pixel_grid = patch_grid, pixel_grid
        num_tokens = patch_grid**2 + 1 + distillation_token  # n patches, class, distillation

        self.normalise = Normalise(images)
        self.pixel_embed = nn.Linear(images.channels * pixel_size**2, pixel_dim)
        self.pixel_pos = normal_parameter(pixel_grid**2, pixel_dim, std=token_std)
        self.outer_embed = None
        if outer_embed != "learned":
            self.outer_embed = patch_embedding(outer_embed, images.channels, patch_size, patch_dim)
        self.tokens = normal_parameter(num_tokens, patch_dim, std=token_std)
        self.token_pos = normal_parameter(num_tokens, patch_dim, std=token_std)
        rates = drop_path_rates(drop_path, depth)
        mlps = outer_mlps(conv_mlp, depth, patch_dim, mlp_ratio, patch_grid, num_tokens)
        self.layers = nn.ModuleList(
            NestedLayer(
                pixels_per_patch=pixel_grid**2,
                pixel_dim=pixel_dim,
                patch_dim=patch_dim,
                inner_depth=inner_depth,
                inner_heads=inner_heads,
                outer_heads=outer_heads,
                mlp_ratio=mlp_ratio,
                drop_path=rate,
                outer_mlp=mlp,
                outer_attention=LocalAttention if local_attention else Attention,
            )
            for rate, mlp in zip(rates, mlps, strict=True)
        )
        self.norm = nn.LayerNorm(patch_dim)
        self.heads = Heads(patch_dim, images.num_classes, distillation_token)
        initialise_linear_layers(self, init)

    def forward(self, images: Tensor, num_maps: int | None = None) -> Output:
        """num_maps: of how many layers the output has maps among its features; None: no features.

        They are those of the outer path; see `mapped_layers`.
        """
        # (b n, p, c m m) -> (b n, p, d): one sequence of p pixels for each patch of the batch.
        normalised = self.normalise(images)
        pixels = self.pixel_embed(self.to_pixels(normalised)) + self.pixel_pos
        tokens = self.initial_tokens(normalised)  # (b, n + 1 or n + 2, d)
        mapped, maps = mapped_layers(num_maps, len(self.layers)), []
        for i, layer in enumerate(self.layers):
            pixels, tokens = layer(pixels, tokens)
            if i in mapped:
                maps.append(self.to_map(tokens))
        return self.classify(tokens, None if num_maps is None else maps)

    def to_pixels(self, normalised: Tensor) -> Tensor:
        """Cut (b, c, h, w) into the values of each pixel, (b n, p, c m m).

        m is the side of a pixel. The patches join the batch: attention stays within a patch.
        """
        return rearrange(
            normalised,
            "b c (gh ph mh) (gw pw mw) -> (b gh gw) (ph pw) (c mh mw)",
            gh=self.patch_grid,
            gw=self.patch_grid,
            ph=self.pixel_grid,
            pw=self.pixel_grid,
        )

    def initial_tokens(self, normalised: Tensor) -> Tensor:
        """(b, n + 1 or n + 2, d) of images (b, c, h, w): learned, and `outer_embed` added."""
        tokens = repeat(self.tokens + self.token_pos, "n d -> b n d", b=len(normalised))
        if self.outer_embed is None:
            return tokens
        patches = embed_patches(self.outer_embed, normalised, self.patch_grid)
        # Rows of zeros for the class token above and the distillation token below.
        return tokens + F.pad(patches, (0, 0, 1, tokens.shape[1] - patches.shape[1] - 1))

    def to_map(self, tokens: Tensor) -> Tensor:
        """The patches among (b, n + 1 or n + 2, d) tokens, (b, d, h, w) with n = h w."""
        patches = tokens[:, 1 : self.patch_grid**2 + 1]
        return rearrange(patches, "b (gh gw) d -> b d gh gw", gh=self.patch_grid)

    def classify(self, tokens: Tensor, maps: list[Tensor] | None = None) -> Output:
        """The last layer's tokens (b, n + 1 or n + 2, d) to (b, k) logits."""
        # Only the tokens that the heads read are normalised, not the patches: the printed GFLOPs
        # count a LayerNorm of two rows (one row in TNT).
        rows = [0, -1] if self.has_distillation_token else [0]
        return self.heads(self.norm(tokens[:, rows]), maps)  # (b, 1 or 2, d) -> (b, k) each

    def compiled(self, compiler: Compiler | None) -> nn.Module:
        """The same network in a form that compilers make fast; it shares the parameters.

        compiler: compiles one layer, whose code serves all layers; None if the network is going
        to be compiled as a whole.
        """
        return PixelsLast(self, compiler)
