"""A trained network as a teacher."""

import torch
from torch import Tensor, nn

from titn.losses.terms import BOTH_TOKENS, TokenWeights
from titn.training.metrics import log_mean_probability
from titn.types import Output


class Frozen(nn.Module):
    """images (b, c, h, w) to (b, k) logits of a fixed network, without gradients.

    With `num_maps` to Output, which has these logits in both places and the network's features.

    A network with a distillation token answers what its recorded `top1` is of: its logits are the
    logarithm of the mean of the two softmaxes, in float32. If one of the tokens was not trained,
    they are the other's; those of a network without that token are its own.

    It stays in evaluation mode whoever calls `.train()` on it or on a module that holds it: in
    training mode its batch statistics would follow the student's batches.

    weight_dtype: that of the weights of torch's own linear layers and convolutions; timm's classes
    may change their weights first, as those that standardise them. They are converted once, to the
    dtype to which autocast would convert them on every call; so a VGG-16 answers twice as fast
    (benchmarks/cpu_choices.py). token_weights: those of the loss that the network was trained with.
    """

    def __init__(
        self,
        network: nn.Module,
        weight_dtype: torch.dtype = torch.float32,
        token_weights: TokenWeights = BOTH_TOKENS,
    ):
        super().__init__()
        self.network = network.requires_grad_(False)
        self.token_weights = token_weights
        for module in network.modules():
            if type(module) in (nn.Linear, nn.Conv2d):
                module.to(weight_dtype)
        self.network.to(memory_format=torch.channels_last)
        self.train(False)

    def train(self, mode: bool = True) -> "Frozen":
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor, num_maps: int | None = None) -> Tensor | Output:
        if num_maps is None:
            return self._logits(self.network(images))
        output: Output = self.network(images, num_maps)
        logits = self._logits(output)
        return Output(logits, logits, output.features)

    def _logits(self, output: Output) -> Tensor:
        dist = output.dist if self.network.has_distillation_token else None
        tokens = self.token_weights.trained(output.cls, dist)
        if len(tokens) == 1:
            return tokens[0]
        return log_mean_probability(*(logits.float().log_softmax(-1) for logits in tokens))
