"""Which parameters weight decay applies to."""

from torch import nn

from titn.config.annotations import Decay


def parameter_groups(model: nn.Module, weight_decay: float, decay: Decay) -> list[dict]:
    """Parameter groups for an optimizer, each in the order of `model.parameters()`.

    all: every parameter decays, as in a plain `SGD(model.parameters())`; the paper does not say.
    matrices: only the weights of linear layers and convolutions decay; biases, normalisation,
    learned tokens and positions do not, as in DeiT and timm.
    """
    # By identity: `parameters()` gives tensors without the module that they belong to.
    matrices = {
        id(module.weight) for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)
    }
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for parameter in model.parameters():
        (decayed if decay == "all" or id(parameter) in matrices else spared).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def split_biases(group: dict, model: nn.Module, lr: float, factor: float) -> list[dict]:
    """A group as two, of which the biases learn at `factor` times `lr`; one if the factor is 1.

    The step of weight decay, rate times decay, stays what it is for both.
    """
    if factor == 1:
        return [group]
    biases = {id(bias) for m in model.modules() if (bias := getattr(m, "bias", None)) is not None}
    others = [p for p in group["params"] if id(p) not in biases]
    chosen = [p for p in group["params"] if id(p) in biases]
    faster = {"lr": lr * factor, "weight_decay": group["weight_decay"] / factor}
    parts = [group | {"params": others}, group | {"params": chosen} | faster]
    return [part for part in parts if part["params"]]
