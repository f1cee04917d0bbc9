"""What a network would cost with another number of classes: only its last layers change."""

from collections.abc import Mapping
from typing import Any

from titn.paper.costs import VGG_HIDDEN, Cost, linear

# The width of VGG16-BN's last hidden layer with its stem for 32x32 images.
VGG_CIFAR_HIDDEN = 512


def cost_with_classes(run: Mapping[str, Any], num_own: int, num_classes: int) -> Cost | None:
    """The cost of a recorded network, built for `num_classes` instead of `num_own`.

    run: a record as a flat dict. None if the record lacks its costs, or if the width of the
    network's last layer is not known here: of the paper's students and VGG16-BN it is.
    """
    head = _head(run)
    known = [run.get(key) for key in ("parameters", "macs_paper", "macs")]
    if head is None or not all(isinstance(value, int | float) for value in known):
        return None
    parameters, macs_paper, macs = (int(value) for value in known if value is not None)
    width, count = head
    own, other = (linear(1, width, classes).times(count) for classes in (num_own, num_classes))
    return Cost(
        parameters - own.parameters + other.parameters,
        macs_paper - own.macs_paper + other.macs_paper,
        macs - macs_paper,
    )


def _head(run: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and number of the last linear layers."""
    name = str(run.get("model._target_")).rpartition(".")[2]
    width = run.get("model.patch_dim")
    if name in ("ViT", "TITN") and isinstance(width, int | float):
        return int(width), 1 + bool(run.get("model.distillation_token"))
    if name == "vgg16_bn":
        is_small = run.get("model.stem") == "cifar"
        return (VGG_CIFAR_HIDDEN if is_small else VGG_HIDDEN), 1
    return None
