"""timm's networks, built for the size of the images; what cannot be built so is explained."""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import timm
import torch
from timm.models import PretrainedCfg, get_pretrained_cfg, is_model, split_model_name_tag
from torch import Tensor, nn

from titn.config.constraints import grid_side
from titn.models.timm_stems import use_cifar_stem
from titn.types import ImageSpec, Output

# What timm's constructors raise of sizes that they cannot have.
REFUSALS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip
# timm's name of an option that is called otherwise here.
TIMMS = {"dropout": "drop_rate", "drop_path": "drop_path_rate"}
# Sides that are tried for a remedy, besides the one that a network was made for.
SIDES = (32, 64, 96, 128, 160, 192, 224, 256)


@dataclass(frozen=True)
class TimmSpec:
    """A network of timm for images of a size.

    name: of timm, perhaps with a tag. options: by the keyword of `TimmNetwork`, without those that
    are left to timm. cifar_stem: see `titn.models.timm_stems`.
    """

    name: str
    images: ImageSpec
    options: dict[str, Any]
    cifar_stem: bool


def published(name: str) -> PretrainedCfg:
    """What timm says of a name: the size that it was made for, its pretrained weights."""
    config = get_pretrained_cfg(name)
    assert config is not None, f"{name} has not been checked"
    return config


def check_name(name: str, pretrained: bool) -> None:
    """ValueError unless timm has a network of this name, and weights of its tag."""
    if ":" in name or "/" in name:
        raise ValueError(
            f"name={name}: is a place, and nothing is fetched by it; choose a name of "
            "timm.list_models(), and give a file with the key weights"
        )
    architecture, tag = split_model_name_tag(name)
    # Of names that it has changed timm knows only that.
    if not is_model(architecture) or get_pretrained_cfg(architecture) is None:
        near = difflib.get_close_matches(architecture[:100], timm.list_models(), n=3, cutoff=0.5)
        remedy = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() has them all"
        raise ValueError(f"name={name}: timm has no such network; {remedy}")
    names = map(split_model_name_tag, timm.list_pretrained(f"{architecture}.*"))
    tags = [known for _, known in names if known]
    if tag and tag not in tags:
        remedy = f"choose one of {', '.join(tags)}, or leave it out" if tags else "leave it out"
        raise ValueError(f"name={name}: timm has no weights {tag} of {architecture}; {remedy}")
    if pretrained and not tags:
        raise ValueError(f"pretrained=true: timm has no weights of {name}; set it to false")


def build(spec: TimmSpec) -> tuple[nn.Module, bool]:
    """timm's network, and whether it has two heads; ValueError, with the key, if there is none."""
    try:
        net = create(spec)
        return net, has_two_heads(net, spec.images)
    except REFUSALS as error:
        raise _explained(error, spec) from None


def create(spec: TimmSpec, **loading: Any) -> nn.Module:
    """timm's network; raises whatever timm raises. loading: further arguments for timm."""
    size = spec.images.size
    options = {TIMMS.get(key, key): value for key, value in spec.options.items()}
    if published(spec.name).fixed_input_size:
        options["img_size"] = size  # others take images of any size
    net: Any = timm.create_model(
        spec.name,
        num_classes=spec.images.num_classes,
        in_chans=spec.images.channels,
        **options,
        **loading,
    )
    embed = getattr(net, "patch_embed", None)
    patch, proj = getattr(embed, "patch_size", None), getattr(embed, "proj", None)
    # Patches of PVT are padded and overlap: they need not tile the image.
    overlap = getattr(proj, "kernel_size", None) == patch != getattr(proj, "stride", None)
    if (
        isinstance(patch, tuple)
        and patch == (patch[0],) * 2
        and isinstance(patch[0], int)
        and not overlap
    ):
        # timm leaves out the pixels beyond the last whole patch.
        grid_side(size, patch[0], "the image's size", "patch_size")
    if hasattr(net, "set_distilled_training"):
        net.set_distilled_training(True)
    if spec.cifar_stem:
        use_cifar_stem(net, spec.name)
    return net


def forward_heads(net: nn.Module, forward: Callable, inputs: Tensor) -> Output:
    """The logits of the class, and of the distillation token where there is one.

    forward: of the network, from (b, c, h, w), or of its head alone.

    Only in training does timm keep two heads apart, if it was asked to. The module that adds them
    asks its own `training` for nothing else: dropout and normalisation are modules within it, which
    stay in evaluation mode.
    """
    adds_heads = next((m for m in net.modules() if hasattr(m, "distilled_training")), None)
    if adds_heads is None or adds_heads.training:
        logits = forward(inputs)
    else:
        adds_heads.training = True
        try:
            logits = forward(inputs)
        finally:
            adds_heads.training = False
    return Output(*logits) if isinstance(logits, tuple) else Output(logits, logits)


def has_two_heads(net: nn.Module, images: ImageSpec) -> bool:
    """Found out by two images; AssertionError if they are not answered by a logit for each class.

    So a network is refused here whose last maps would have shrunk to nothing. On the meta device
    nothing is computed, and the class has to say it.
    """
    if next(net.parameters()).is_meta:
        return hasattr(net, "set_distilled_training")
    training = net.training
    with torch.no_grad():
        images_of_zeros = torch.zeros(2, images.channels, images.size, images.size)
        output = forward_heads(net, net.eval(), images_of_zeros)
    net.train(training)
    shapes = {tuple(getattr(logits, "shape", ())) for logits in output[:2]}
    assert shapes == {(2, images.num_classes)}, "its answers are not a logit for each class"
    return output.cls is not output.dist


def _explained(error: Exception, spec: TimmSpec) -> ValueError:
    """The key that a network cannot be built with, and a value with which it can."""
    name, size, options = spec.name, spec.images.size, spec.options
    reason = (str(error) or type(error).__name__).splitlines()[0][:120]
    if isinstance(error, ValueError) and re.match(r"(patch_size|stem)=", reason):
        return error
    refused = re.search(r"unexpected keyword argument '(\w+)'", reason)
    for key, value in options.items():
        if refused and refused[1] == TIMMS.get(key, key):
            return ValueError(f"{key}={value}: {name} takes none; {_without(key)}")
    for side in sorted({*SIDES, published(name).input_size[-1]}):
        images = replace(spec.images, size=side)
        if side != size and _can_be_built(replace(spec, images=images)):
            return ValueError(
                f"name={name}: takes no images of {size}x{size} ({reason}); "
                f"set dataset.image_size={side}"
            )
    for key, value in options.items():
        rest = {other: options[other] for other in options if other != key}
        if _can_be_built(replace(spec, options=rest)):
            return ValueError(f"{key}={value}: does not fit {name} ({reason}); {_without(key)}")
    return ValueError(f"name={name}: does not classify images ({reason}); choose another")


def _without(key: str) -> str:
    """How to leave an option to timm."""
    return f"set it to {0 if key in TIMMS else 'null'}"


def _can_be_built(spec: TimmSpec) -> bool:
    try:
        has_two_heads(create(spec), spec.images)
    except REFUSALS:
        return False
    return True
