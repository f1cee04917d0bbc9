"""TNT and TITN: transformers in a transformer (section 3.2, algorithm 1, figures 1 and 2)."""

from typing import Annotated

from einops import rearrange, repeat
from torch import Tensor, nn

from titn.config.annotations import Count, Divides, Init, Positive, ProperFraction, Shares
from titn.config.constraints import check_heads, grid_side
from titn.models.layers import Heads, Normalise, drop_path_rates, initialise, learned
from titn.models.nested_layer import NestedLayer
from titn.models.pixels_last import PixelsLast
from titn.types import Compiler, ImageSpec, Output


class TITN(nn.Module):
    """Transformer-in-Transformer Network; with `distillation_token` false it is TNT.

    images (b, c, h, w) to Output of (b, k) logits.

    Each of n patches is cut into p pixels: non-overlapping squares of `pixel_size`, through one
    linear layer, plus a position embedding that all patches share. The outer path has no
    projection of the patch: it starts from learned tokens plus positions, and hears of the image
    only through the patch residual of each layer. Token row 0 is the class token, the last row
    the distillation token. The printed parameters and GFLOPs (tables 1 and 3) pin all of this;
    they leave the number of inner heads open: 2 is that of TNT's own tiny model.

    inner_depth: how many inner blocks each layer has before its patch residual. drop_path: of the
    last layer's blocks; the rate grows with the layer, and all blocks of a layer share it.
    init: how the linear layers begin; token_std: the deviation with which tokens and positions
    do. The paper prints neither; see `titn.models.layers.initialise` and docs/recipes.md.
    """

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
    ):
        super().__init__()
        patch_grid = grid_side(images.size, patch_size, "the image's size", "patch_size")
        pixel_grid = grid_side(patch_size, pixel_size, "patch_size", "pixel_size")
        check_heads(patch_dim, outer_heads, "patch_dim", "outer_heads")
        check_heads(pixel_dim, inner_heads, "pixel_dim", "inner_heads")
        self.has_distillation_token = distillation_token
        self.patch_grid, self.pixel_grid = patch_grid, pixel_grid
        num_tokens = patch_grid**2 + 1 + distillation_token

        self.normalise = Normalise(images)
        self.pixel_embed = nn.Linear(images.channels * pixel_size**2, pixel_dim)
        self.pixel_pos = learned(pixel_grid**2, pixel_dim, std=token_std)
        self.tokens = learned(num_tokens, patch_dim, std=token_std)
        self.token_pos = learned(num_tokens, patch_dim, std=token_std)
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
            )
            for rate in drop_path_rates(drop_path, depth)
        )
        self.norm = nn.LayerNorm(patch_dim)
        self.heads = Heads(patch_dim, images.num_classes, distillation_token)
        initialise(self, init)

    def forward(self, images: Tensor) -> Output:
        pixels = self.pixel_embed(self.cut(images)) + self.pixel_pos
        tokens = self.first_tokens(len(images))
        for layer in self.layers:
            pixels, tokens = layer(pixels, tokens)
        return self.read(tokens)

    def cut(self, images: Tensor) -> Tensor:
        """Normalised images (b, c, h, w) to the values of each pixel, (b n, p, c m m)."""
        return rearrange(
            self.normalise(images),
            "b c (gh ph mh) (gw pw mw) -> (b gh gw) (ph pw) (c mh mw)",
            gh=self.patch_grid,
            gw=self.patch_grid,
            ph=self.pixel_grid,
            pw=self.pixel_grid,
        )

    def first_tokens(self, num_images: int) -> Tensor:
        """(b, n + 1 or n + 2, d): learned, the same for every image."""
        return repeat(self.tokens + self.token_pos, "n d -> b n d", b=num_images)

    def read(self, tokens: Tensor) -> Output:
        """The last layer's tokens to logits."""
        # The patches are not normalised: the printed GFLOPs count the tokens only.
        rows = [0, -1] if self.has_distillation_token else [0]
        return self.heads(self.norm(tokens[:, rows]))

    def compiled(self, compiler: Compiler | None) -> nn.Module:
        """The same network in the form that compilers make fast; it shares the parameters.

        compiler: for one layer; None in a network that is going to be compiled as a whole.
        """
        return PixelsLast(self, compiler)
