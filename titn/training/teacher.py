"""A trained network as a teacher."""

import torch
from torch import Tensor, nn


class Frozen(nn.Module):
    """images (b, c, h, w) to (b, k) logits of a fixed network, without gradients.

    It stays in evaluation mode whoever calls `.train()` on it or on a module that holds it: in
    training mode its batch statistics would follow the student's batches.

    weight_dtype: that of the weights of linear layers and convolutions. They are converted once,
    to the dtype to which autocast would convert them on every call; so a VGG-16 answers twice as
    fast (benchmarks/cpu_choices.py).
    """

    def __init__(self, network: nn.Module, weight_dtype: torch.dtype = torch.float32):
        super().__init__()
        self.network = network.requires_grad_(False)
        for module in network.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                module.to(weight_dtype)
        self.network.to(memory_format=torch.channels_last)
        self.train(False)

    def train(self, mode: bool = True) -> "Frozen":
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return self.network(images).cls
