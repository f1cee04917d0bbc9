"""Which parameters decay."""

from torch import nn

from titn.config.annotations import Decay


def parameter_groups(model: nn.Module, weight_decay: float, decay: Decay) -> list[dict]:
    """Groups for an optimizer, in the order of `model.parameters()` within each.

    all: every parameter decays, PyTorch's plain usage.
    matrices: only the weights of linear layers and convolutions do; biases, normalisation,
    learned tokens and positions do not, as in DeiT and timm.
    """
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
