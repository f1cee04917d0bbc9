"""Which parameters weight decay applies to, and which are hidden matrices."""

from itertools import dropwhile, takewhile

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


def hidden_matrices(model: nn.Module) -> set[int]:
    """The ids of the weights of linear layers and convolutions that do not give the logits.

    The layers that do are the last one in the order of the model's modules, and those right before
    it that have as many outputs: both of `titn.models.layers.Heads`, or timm's `head` and
    `head_dist`, in modules of their own or not. So the number of classes need not be known, and may
    be the width of a hidden layer too. The first layer is hidden: images are dense, where the
    tables of a language model, which Jordan et al. (2024) leave out, are looked up.

    A convolution in groups is left out. It is many small matrices, of a depthwise one each a single
    row, and flattened they would be made orthogonal to each other.
    """
    layers = _layers(model)
    if not layers:
        return set()
    last = layers[-1]
    # Modules come before those that they hold: the last is the smallest in which it has company.
    around = [m for m in model.modules() if len(within := _layers(m)) > 1 and last in within]
    beside = [_layers(child) for child in around[-1].children()] if around else [[last]]
    outputs = [
        layer
        for (layer,) in takewhile(
            lambda within: len(within) == 1 and _width(within[0]) == _width(last),
            dropwhile(lambda within: not within, reversed(beside)),  # what follows, as a softmax
        )
    ]
    return {
        id(layer.weight)
        for layer in layers
        if layer not in outputs and getattr(layer, "groups", 1) == 1
    }


def _layers(module: nn.Module) -> list[nn.Module]:
    """The linear layers and convolutions in a module, itself included."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]


def _width(layer: nn.Module) -> int:
    """The number of outputs, or of channels, of a linear layer or a convolution."""
    weight: nn.Parameter = layer.weight  # type: ignore[assignment]
    return len(weight)
