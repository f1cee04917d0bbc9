"""torch's optimizers as the `_target_`s of conf/optimizer; `model` is supplied by the build.

SGD, Adam and AdamW use torch's fused kernels, which pass over memory once for each parameter. On a
CPU that pass is what a step costs: VGG-16 has 134 million parameters.
"""

from typing import Annotated

from torch import nn, optim

from titn.config.annotations import Decay, Needs, NonNegative, Positive, ProperFraction
from titn.config.constraints import check_needs
from titn.optim.groups import parameter_groups, split_biases


def sgd(
    *,
    model: nn.Module,
    lr: Positive = 0.1,
    momentum: ProperFraction = 0.9,
    weight_decay: NonNegative = 1e-4,
    nesterov: Annotated[bool, Needs("momentum")] = False,
    decay: Decay = "all",
    bias_factor: Positive = 1.0,
) -> optim.Optimizer:
    """Stochastic gradient descent with momentum; the defaults are the paper's (section 4.1).

    bias_factor: of the rate, for biases, those of normalisation included; 64 in airbench (Jordan,
    2024). Their weight decay is divided by it, so that they shrink by as much a step as before.
    """
    check_needs(nesterov, momentum, "nesterov", "momentum")
    groups = parameter_groups(model, weight_decay, decay)
    groups = [part for group in groups for part in split_biases(group, model, lr, bias_factor)]
    return optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)


def adam(
    *,
    model: nn.Module,
    lr: Positive = 1e-3,
    beta1: ProperFraction = 0.9,
    beta2: ProperFraction = 0.999,
    weight_decay: NonNegative = 1e-4,
    decay: Decay = "all",
) -> optim.Optimizer:
    """Adam (Kingma and Ba, 2015); its weight decay is an L2 term in the gradient."""
    groups = parameter_groups(model, weight_decay, decay)
    return optim.Adam(groups, lr=lr, betas=(beta1, beta2), fused=True)


def adamw(
    *,
    model: nn.Module,
    lr: Positive = 1e-3,
    beta1: ProperFraction = 0.9,
    beta2: ProperFraction = 0.999,
    weight_decay: NonNegative = 0.05,
    decay: Decay = "matrices",
) -> optim.Optimizer:
    """AdamW (Loshchilov and Hutter, 2019): decoupled weight decay, of matrices only as in DeiT."""
    groups = parameter_groups(model, weight_decay, decay)
    return optim.AdamW(groups, lr=lr, betas=(beta1, beta2), fused=True)


def rmsprop(
    *,
    model: nn.Module,
    lr: Positive = 1e-3,
    smoothing: ProperFraction = 0.99,
    momentum: ProperFraction = 0.0,
    weight_decay: NonNegative = 1e-4,
    decay: Decay = "all",
) -> optim.Optimizer:
    """RMSprop; smoothing: the decay of the running mean of squared gradients, torch's alpha."""
    groups = parameter_groups(model, weight_decay, decay)
    return optim.RMSprop(groups, lr=lr, alpha=smoothing, momentum=momentum)
