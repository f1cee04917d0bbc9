"""Batch normalisation over the images of all processes."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from titn.training.ranks import sum_over_ranks


class SynchronisedBatchNorm(_BatchNorm):
    """Batch normalisation whose mean and variance are those of the rows of all processes.

    Like torch's SyncBatchNorm, which has no form for a CPU. Sums are in float32 in every precision,
    and the variance is of what is left after the mean, so that large means cost no digits.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)
        axes = [0, *range(2, x.dim())]
        shape = [1, -1, *[1] * (x.dim() - 2)]
        values = x.float()
        own_count = values.new_full((1,), values.numel() / values.shape[1])  # filled on the device
        sums = sum_over_ranks(torch.cat([values.sum(axes), own_count]))  # (channels + 1,)
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = values - mean.view(shape)
        variance = sum_over_ranks(centred.square().sum(axes)) / count
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        if self.weight is not None:
            normal = normal * self.weight.view(shape)
        if self.bias is not None:
            normal = normal + self.bias.view(shape)
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        return normal.to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, unbiased: Tensor) -> None:
        """Let the running statistics follow those of a batch, as torch's do."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share: Any = self.momentum
        if share is None:
            share = 1 / self.num_batches_tracked.float()
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(unbiased, share)


class _Synchronised1d(SynchronisedBatchNorm, nn.BatchNorm1d):
    pass


class _Synchronised2d(SynchronisedBatchNorm, nn.BatchNorm2d):
    pass


FORMS: dict[type, type] = {nn.BatchNorm1d: _Synchronised1d, nn.BatchNorm2d: _Synchronised2d}


def synchronise(network: nn.Module) -> None:
    """Turn a network's batch normalisations, in place, into those over all processes.

    Parameters, statistics and names stay; in evaluation mode nothing changes. ValueError for a
    kind of which there is no such form.
    """
    for module in network.modules():
        kind = type(module)
        if kind in FORMS:
            module.__class__ = FORMS[kind]
        elif isinstance(module, _BatchNorm) and not isinstance(module, SynchronisedBatchNorm):
            raise ValueError(f"{kind.__name__} has no form for several processes")
