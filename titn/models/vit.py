"""ViT (Dosovitskiy et al., 2021) and DeiT (Touvron et al., 2021) at 32x32."""

import torch
from einops import rearrange
from torch import Tensor, nn

from titn.models.layers import (
    Block,
    Heads,
    Normalise,
    check_heads,
    drop_path_rates,
    grid_side,
    initialise,
    learned,
)
from titn.outputs import ImageSpec, Output
from titn.values import Count, Init, Positive, ProperFraction


class ViT(nn.Module):
    """Vision transformer; with `distillation_token` true it is DeiT.

    images (b, c, h, w) to Output of (b, k) logits.

    As timm's `VisionTransformer` and `VisionTransformerDistilled`, but for the order of the
    tokens: row 0 is the class token, the last row the distillation token (section 3.2). Without
    a bias on q, k and v by default: so the printed parameter counts come out (table 3).
    """

    def __init__(
        self,
        *,
        images: ImageSpec,
        distillation_token: bool,
        patch_size: Count = 8,
        depth: Count = 12,
        patch_dim: Count = 192,
        heads: Count = 3,
        mlp_ratio: Positive = 4.0,
        qkv_bias: bool = False,
        drop_path: ProperFraction = 0.0,
        init: Init = "torch",
        token_std: Positive = 0.5,
    ):
        super().__init__()
        patch_grid = grid_side(images.size, patch_size, "the image's size", "patch_size")
        check_heads(patch_dim, heads, "patch_dim", "heads")
        self.has_distillation_token = distillation_token
        self.patch_grid = patch_grid

        self.normalise = Normalise(images)
        self.patch_embed = nn.Linear(images.channels * patch_size**2, patch_dim)
        self.cls_token = learned(1, patch_dim, std=token_std)
        self.dist_token = learned(int(distillation_token), patch_dim, std=token_std)
        self.token_pos = learned(patch_grid**2 + 1 + distillation_token, patch_dim, std=token_std)
        self.layers = nn.ModuleList(
            Block(patch_dim, heads, mlp_ratio, qkv_bias, rate)
            for rate in drop_path_rates(drop_path, depth)
        )
        self.norm = nn.LayerNorm(patch_dim)
        self.heads = Heads(patch_dim, images.num_classes, distillation_token)
        initialise(self, init)

    def forward(self, images: Tensor) -> Output:
        patches = rearrange(
            self.normalise(images),
            "b c (gh ph) (gw pw) -> b (gh gw) (c ph pw)",
            gh=self.patch_grid,
            gw=self.patch_grid,
        )
        first, last = (
            token.expand(len(images), -1, -1) for token in (self.cls_token, self.dist_token)
        )
        tokens = torch.cat([first, self.patch_embed(patches), last], dim=1) + self.token_pos
        for layer in self.layers:
            tokens = layer(tokens)
        return self.heads(self.norm(tokens))
