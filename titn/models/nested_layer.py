"""One layer of a transformer in a transformer (figure 1, algorithm 1)."""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from titn.models.layers import ALL, Block


class NestedLayer(nn.Module):
    """Inner transformer blocks and one outer block, joined by the patch residual (figure 1).

    inner_depth: how many inner blocks; figure 1 and algorithm 1 have one. drop_path: of every
    block, inner or outer.
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
    ):
        super().__init__()
        self.inner = Block(pixel_dim, inner_heads, mlp_ratio, True, drop_path)
        # Beside the first, not around it: a network with one block keeps the names of its weights.
        self.further_inner = nn.ModuleList(
            Block(pixel_dim, inner_heads, mlp_ratio, True, drop_path)
            for _ in range(inner_depth - 1)
        )
        self.residual_norm = nn.LayerNorm(pixel_dim)
        self.residual = nn.Linear(pixels_per_patch * pixel_dim, patch_dim)
        self.outer = Block(patch_dim, outer_heads, mlp_ratio, True, drop_path)

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """pixels (b n, p, d), tokens (b, n + 1 or n + 2, d) to the same shapes."""
        pixels = self.inner(pixels)
        for block in self.further_inner:
            pixels = block(pixels)
        residual = self.residual(rearrange(self.residual_norm(pixels), "m p d -> m (p d)"))
        return pixels, self.attend(residual, tokens)

    def attend(self, residual: Tensor, tokens: Tensor, rows: slice = ALL) -> Tensor:
        """The outer block, after the patch residual (b n, d) was added to the tokens of patches."""
        residual = rearrange(residual, "(b n) d -> b n d", b=len(tokens))
        # Zero rows: above for the class token, below for the distillation token if there is one.
        rows_below = tokens.shape[1] - residual.shape[1] - 1
        return self.outer(tokens + F.pad(residual, (0, 0, 1, rows_below)), rows)
