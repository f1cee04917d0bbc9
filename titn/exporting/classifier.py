"""A finished run's network as other tools want it: one tensor in, one tensor out."""

import torch
from torch import Tensor, nn

from titn.cells.reopen import FinishedRun
from titn.losses.terms import TokenWeights
from titn.training.metrics import log_mean_probability
from titn.types import Output


class Classifier(nn.Module):
    """Images (b, c, s, s) in [0, 1] to logits (b, k), whose softmax `titn predict` prints.

    Of one trained token they are its logits. Of two they are log((p + q) / 2), with p and q the
    softmaxes of the class and of the distillation token. The network normalises its own input.
    """

    def __init__(self, network: nn.Module, token_weights: TokenWeights):
        super().__init__()
        self.network = network
        has_dist = bool(getattr(network, "has_distillation_token", False))
        self.reads_dist = has_dist and bool(token_weights.dist)
        self.reads_cls = not self.reads_dist or bool(token_weights.cls)

    def forward(self, images: Tensor) -> Tensor:
        output: Output = self.network(images)
        if not self.reads_dist:
            return output.cls
        if not self.reads_cls:
            return output.dist
        return log_mean_probability(output.cls.log_softmax(-1), output.dist.log_softmax(-1))


def classifier_of(run: FinishedRun) -> Classifier:
    """A run's classifier on the CPU, in evaluation mode and float32; ConfigError as `network`."""
    with torch.random.fork_rng([]):  # a constructor draws weights, and they are replaced
        return Classifier(run.network(), run.token_weights()).eval()
