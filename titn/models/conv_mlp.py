"""An MLP that sees the neighbouring patches."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from titn.models.layers import hidden_units


class ConvMlp(nn.Module):
    """An MLP whose hidden layer looks at its neighbours: fc2(h + GELU(conv(h))), h = GELU(fc1(x)).

    conv is a depthwise convolution of 3x3 over the grid of patches, as in the feed-forward network
    of DHVT (Lu et al., 2022, section 3.3), without its batch normalisation and its reweighting of
    the class token. It starts at 0, which is the plain MLP. Tokens that are no patch go past it.

    (b, n + 1 or n + 2, d) to the same, or (b, r, d) of rows without patches to the same.
    patch_grid: the side of the grid, n = patch_grid^2. num_tokens: n + 1 or n + 2.
    """

    def __init__(self, width: int, hidden: int, patch_grid: int, num_tokens: int):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.conv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.fc2 = nn.Linear(hidden, width)
        for parameter in self.conv.parameters():
            nn.init.zeros_(parameter)
        self.patch_grid = patch_grid
        self.num_tokens = num_tokens

    def forward(self, x: Tensor) -> Tensor:
        h = F.gelu(self.fc1(x))
        if h.shape[1] == self.num_tokens:  # otherwise only the rows that the heads read are left
            n = self.patch_grid**2
            first, patches, last = h.split([1, n, self.num_tokens - n - 1], dim=1)
            # Patch by patch in memory, so that this is a map in channels-last and not a copy.
            grid = rearrange(patches, "b (gh gw) d -> b d gh gw", gh=self.patch_grid)
            seen = rearrange(F.gelu(self.conv(grid)), "b d gh gw -> b (gh gw) d")
            h = torch.cat([first, patches + seen, last], dim=1)
        return self.fc2(h)


def outer_mlps(
    conv_mlp: bool, depth: int, width: int, mlp_ratio: float, patch_grid: int, num_tokens: int
) -> list[ConvMlp | None]:
    """The MLPs of `depth` layers: with `conv_mlp` a ConvMlp in all but the last, None for a plain.

    No head reads the patches of the last layer, so a convolution there would learn nothing.
    """
    mixed = depth - 1 if conv_mlp else 0
    hidden = hidden_units(width, mlp_ratio)
    convs = [ConvMlp(width, hidden, patch_grid, num_tokens) for _ in range(mixed)]
    return [*convs, *[None] * (depth - mixed)]
