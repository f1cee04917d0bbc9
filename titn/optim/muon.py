"""Muon for the hidden matrices of a network, AdamW for all else, in one optimizer.

Neither timm's Muon nor torch's serves here. Both iterate in bfloat16, for which a CPU without units
for it takes twenty to thirty times as long as for float32: a step of TITN would take eleven seconds
instead of half of one. torch's takes matrices only. timm's gives its AdamW a rate that does not
follow the schedule, up to version 1.0.26.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from torch import Tensor, nn, optim

from titn.config.annotations import (
    Decay,
    MuonScale,
    Needs,
    NonNegative,
    Positive,
    ProperFraction,
)
from titn.config.constraints import check_needs
from titn.optim.groups import hidden_matrices, parameter_groups
from titn.system.bf16 import good_at_bf16

# Of the quintic a x + b x^3 + c x^5 (Jordan et al., 2024): steep at 0, and near 1 only roughly. So
# many steps bring singular values from 0.002 to 1 into 0.68 to 1.21.
QUINTIC = (3.4445, -4.7750, 2.0315)
STEPS = 5
# For a gradient that is zero.
EPSILON = 1e-7


def muon(
    *,
    model: nn.Module,
    lr: Positive = 1e-3,
    adamw_lr: Positive = 1e-3,
    momentum: ProperFraction = 0.95,
    nesterov: Annotated[bool, Needs("momentum")] = True,
    beta1: ProperFraction = 0.9,
    beta2: ProperFraction = 0.95,
    weight_decay: NonNegative = 0.05,
    decay: Decay = "matrices",
    scale: MuonScale = "match_rms_adamw",
) -> optim.Optimizer:
    """Muon (Jordan et al., 2024), with AdamW for what is no matrix and for the output layers.

    lr, momentum, nesterov: Muon's, for `titn.optim.groups.hidden_matrices`. adamw_lr, beta1, beta2:
    AdamW's, for biases, normalisation, learned tokens and positions, and the layers that give the
    logits. Both rates follow the schedule; weight decay is decoupled in both, at the rate of each.

    scale: what the orthogonal update of a matrix (out, in) is multiplied by. match_rms_adamw:
    0.2 sqrt(max(out, in)), with which its entries have the root mean square of AdamW's, so that
    AdamW's rates serve both (Liu et al., 2025, equation 4). original: sqrt(max(1, out / in)), with
    which rates are twenty times as high.

    Whatever the batch, a step takes 26 GFLOP for TITN and 104 for ResNet-18, as much as training on
    30 to 40 images: batches should be large. VGG-16's 11,000 are too many for a CPU.
    """
    check_needs(nesterov, momentum, "nesterov", "momentum")
    hidden = hidden_matrices(model)
    orthogonalised: list[dict] = []
    others: list[dict] = []
    for group in parameter_groups(model, weight_decay, decay):
        for groups, wanted in ((orthogonalised, True), (others, False)):
            chosen = [p for p in group["params"] if (id(p) in hidden) == wanted]
            if chosen:
                groups.append(group | {"params": chosen})
    return MuonAndAdamW(
        orthogonalised,
        optim.AdamW(others, lr=adamw_lr, betas=(beta1, beta2), fused=True),
        lr=lr,
        momentum=momentum,
        nesterov=nesterov,
        scale=scale,
    )


class MuonAndAdamW(optim.Optimizer):
    """Muon for `groups` of matrices and convolutions, and an AdamW for groups of its own.

    A momentum M = momentum M + (1 - momentum) G of the gradients G; with `nesterov` what is used of
    it is (1 - momentum) G + momentum M. The weights move by -lr scale(M) `orthogonalise`(M). The
    kernels of a convolution (out, in, h, w) are the matrix (out, in h w).
    """

    def __init__(
        self,
        groups: list[dict],
        adamw: optim.AdamW,
        *,
        lr: float,
        momentum: float,
        nesterov: bool,
        scale: MuonScale,
    ):
        settings = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "scale": scale}
        groups = [group | settings | {"muon": True} for group in groups]
        # AdamW's come with all its own settings, and go through its own step.
        others = [group | {"muon": False} for group in adamw.param_groups]
        super().__init__([*groups, *others], defaults={})
        self.adamw = adamw

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move all parameters that have a gradient; the gradients stay as they are."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["muon"]:
                self._step_of_muon(group)
        # The same groups and the same state: one set of rates, and one state dict with all.
        self.adamw.param_groups = [group for group in self.param_groups if not group["muon"]]
        self.adamw.state = self.state
        self.adamw.step()
        return loss

    def _step_of_muon(self, group: dict[str, Any]) -> None:
        weights = [weight for weight in group["params"] if weight.grad is not None]
        if not weights:
            return
        gradients = [weight.grad for weight in weights]
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        moments = [self.state[weight]["momentum_buffer"] for weight in weights]
        torch._foreach_lerp_(moments, gradients, 1 - group["momentum"])
        used: Iterable[Tensor] = moments
        if group["nesterov"]:
            used = torch._foreach_lerp(gradients, moments, group["momentum"])
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        for weight, update in zip(weights, _orthogonalised(used), strict=True):
            factor = update_scale(update.shape, group["scale"])
            weight.add_(update.reshape(weight.shape), alpha=-group["lr"] * factor)


def update_scale(shape: torch.Size, scale: MuonScale) -> float:
    """The factor of the update of a matrix of shape (out, in); see `muon`."""
    out, ins = shape
    if scale == "original":
        return max(1.0, out / ins) ** 0.5
    return 0.2 * max(out, ins) ** 0.5


def _orthogonalised(updates: Iterable[Tensor]) -> list[Tensor]:
    """`orthogonalise` each as a matrix (out, in), those of one shape together."""
    matrices = [update.flatten(1) for update in updates]  # (out, in, h, w) -> (out, in h w)
    by_shape: dict[torch.Size, list[int]] = {}
    for index, matrix in enumerate(matrices):
        by_shape.setdefault(matrix.shape, []).append(index)
    for indices in by_shape.values():
        # m of them: (m, out, in). A GPU launches each product once instead of m times.
        batch = orthogonalise(torch.stack([matrices[index] for index in indices]))
        for index, matrix in zip(indices, batch.unbind(), strict=True):
            matrices[index] = matrix
    return matrices


def orthogonalise(matrices: Tensor) -> Tensor:
    """About U V^T of each matrix U S V^T: (m, r, c) to (m, r, c), by Newton and Schulz.

    Its singular values are p(p(...p(s / |S|))), p the quintic `QUINTIC`, five times. Where the
    hardware multiplies bfloat16 the products are of it, which is enough (Jordan et al., 2024).
    """
    a, b, c = QUINTIC
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    # The smaller side first: the products X X^T are of its size.
    x = matrices.mT if is_tall else matrices
    x = x.to(torch.bfloat16 if good_at_bf16(x.device) else torch.float32)
    # No singular value is above the root of the sum of their squares.
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=EPSILON)
    for _ in range(STEPS):
        gram = x @ x.mT  # (m, r, c) @ (m, c, r) -> (m, r, r)
        even = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)  # b X X^T + c (X X^T)^2
        x = torch.baddbmm(x, even, x, beta=a)
    return (x.mT if is_tall else x).to(matrices.dtype)
