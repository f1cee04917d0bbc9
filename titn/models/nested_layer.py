"""One layer of a transformer in a transformer (figure 1, algorithm 1)."""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from titn.models.layers import ALL, Attention, Block


class NestedLayer(nn.Module):
    """Inner transformer blocks and one outer block, joined by the patch residual (figure 1).

    pixels = inner(pixels); tokens = outer(tokens + linear(flatten(LN(pixels)))), the residual with
    rows of zeros for the class and the distillation token (section 3.2).

    inner_depth: the number of inner blocks; figure 1 and algorithm 1 have one. drop_path: the rate
    of every block, inner and outer. outer_mlp: another MLP of the outer block.
    outer_attention: the class of its attention.
    """

    def __init__(
        self,
        *,
        pixels_per_patch: int,
        pixel_dim: int,
        patch_dim: int,
        inner_depth: int,
        inner_heads: int,
        outer_heads: int,
        mlp_ratio: float,
        drop_path: float,
        outer_mlp: nn.Module | None = None,
        outer_attention: type[Attention] = Attention,
    ):
        super().__init__()
        self.inner = Block(pixel_dim, inner_heads, mlp_ratio, True, drop_path)
        # In a list beside the first block, so that a network with a single one has the names of
        # weights that saved files have.
        self.further_inner = nn.ModuleList(
            Block(pixel_dim, inner_heads, mlp_ratio, True, drop_path)
            for _ in range(inner_depth - 1)
        )
        self.residual_norm = nn.LayerNorm(pixel_dim)
        self.residual = nn.Linear(pixels_per_patch * pixel_dim, patch_dim)
        self.outer = Block(
            patch_dim, outer_heads, mlp_ratio, True, drop_path, outer_mlp, outer_attention
        )

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """pixels (b n, p, d) and tokens (b, n + 1 or n + 2, d) to the same shapes.

        The two widths d differ: pixel_dim and patch_dim.
        """
        pixels = self.inner(pixels)
        for block in self.further_inner:
            pixels = block(pixels)
        # Each pixel is normalised by itself; then all pixels of a patch become one vector.
        normed = self.residual_norm(pixels)
        residual = self.residual(rearrange(normed, "bn p d -> bn (p d)"))
        return pixels, self.update_tokens(residual, tokens)

    def update_tokens(self, residual: Tensor, tokens: Tensor, rows: slice = ALL) -> Tensor:
        """The outer block on tokens plus patch residual, or those `rows` of its output alone.

        residual (b n, d), tokens (b, n + 1 or n + 2, d) to the shape of the tokens.
        """
        residual = rearrange(residual, "(b n) d -> b n d", b=len(tokens))
        # A row of zeros above for the class token, and one below if there is a distillation token:
        # (b, n, d) -> (b, n + 1 or n + 2, d). F.pad names the last axis first.
        rows_below = tokens.shape[1] - residual.shape[1] - 1
        return self.outer(tokens + F.pad(residual, (0, 0, 1, rows_below)), rows)
