"""Attention that looks away from itself."""

import torch
from torch import Tensor, nn

from titn.models.layers import Attention


class LocalAttention(Attention):
    """Locality self-attention (Lee et al., 2021, section 3.2): a softmax without the diagonal.

    No token attends to itself, and each head learns the temperature of its softmax, which begins at
    the usual sqrt(d_k). Both make the weights of a small data set's network sharper.

    (b, n, d) to (b, n, d), or to those `rows` of n alone; n is 2 or more.
    """

    def __init__(self, width: int, num_heads: int, qkv_bias: bool):
        super().__init__(width, num_heads, qkv_bias)
        # (h, 1, 1), to broadcast over (b, h, n, d): one over the temperature of each head.
        self.scale = nn.Parameter(torch.full((num_heads, 1, 1), (width // num_heads) ** -0.5))

    def weights(self, q: Tensor, k: Tensor, rows: slice) -> Tensor:
        scores = q * self.scale @ k.transpose(-2, -1)  # (b, h, n, n), or its rows
        itself = torch.eye(k.shape[-2], dtype=torch.bool, device=k.device)[rows]
        return scores.masked_fill(itself, -torch.inf).softmax(-1)
