"""A ViT or DeiT as a folder that timm reads: timm.create_model("local-dir:DIR", pretrained=True).

timm's networks are ours but for names, for the order of the tokens (timm's patches come last), for
the first layer (timm's is a convolution) and for the constant in the layer normalisation, 1e-6 and
not PyTorch's 1e-5.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from titn.config.spelling import as_typed
from titn.exporting.agreement import Answer
from titn.system import tensor_files
from titn.system.errors import ConfigError
from titn.system.files import write_text
from titn.training import build
from titn.types import Output

# timm's constructors of the two; all that differs from them stands in the folder's config.json.
ARCHITECTURES = {False: "vit_tiny_patch16_224", True: "deit_tiny_distilled_patch16_224"}
TIMMS_EPS = 1e-6
VIT, TIMM_NETWORK = "titn.models.vit.ViT", "titn.models.timm_network.TimmNetwork"
# What timm's networks have no choice of.
PLAIN = {"patch_embed": "linear", "conv_mlp": False, "local_attention": False}

# Prefixes of names, ours and timm's.
PREFIXES = {"layers.": "blocks.", "heads.cls.": "head.", "heads.dist.": "head_dist."}
# What writes to the residual stream: the last layers of each block's two branches, and the first
# layer, the tokens and the positions in front.
BRANCHES = (".attn.proj.", ".mlp.fc2.")
IN_FRONT = ("patch_embed.proj.", "cls_token", "dist_token", "pos_embed")


class MeanOfLogits(nn.Module):
    """What timm answers with: the mean of both tokens' logits, where titn has that of softmaxes."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        output: Output = self.network(images)
        return (output.cls + output.dist) / 2


def check_convertible(run: dict) -> None:
    """ConfigError if timm has no network like a run's, or one that would answer otherwise.

    run: as `titn.config.resolve.resolve` returns it.
    """
    model, name = run["model"], run["choices"]["model"]
    others = "choose --to=onnx, torch.export or hub"
    if model["_target_"] == TIMM_NETWORK:
        raise ConfigError(f"--to=timm: {name} is timm's own: take titn.load(RUN).model.net")
    if model["_target_"] != VIT:
        raise ConfigError(f"--to=timm: timm has no {name}, only vit and deit; {others}")
    for key, plain in PLAIN.items():
        if model.get(key, plain) != plain:
            raise ConfigError(
                f"--to=timm: timm has no model.{key}={as_typed(model[key])}; {others}"
            )
    tokens = build.instantiate(run, "loss").token_weights
    if model["distillation_token"] and not (tokens.cls and tokens.dist):
        untrained = "distillation" if tokens.cls else "class"
        raise ConfigError(
            "--to=timm: timm answers with the mean of both heads, and this loss has not trained "
            f"that of the {untrained} token; {others}"
        )


def timm_config(network: Any, run: dict, classes: list[str]) -> dict[str, Any]:
    """config.json, as timm writes it: how to build the network, and what it takes."""
    model, size = run["model"], run["dataset"]["image_size"]
    channels = run["dataset"].get("channels", 3)
    arguments = {
        "img_size": size,
        "in_chans": channels,
        "patch_size": model["patch_size"],
        "embed_dim": model["patch_dim"],
        "depth": model["depth"],
        "num_heads": model["heads"],
        "mlp_ratio": model["mlp_ratio"],
        "qkv_bias": model["qkv_bias"],
    }
    heads = ["head", "head_dist"] if network.has_distillation_token else "head"
    return {
        "architecture": ARCHITECTURES[network.has_distillation_token],
        "num_classes": len(classes),
        "label_names": classes,
        "model_args": arguments,
        "pretrained_cfg": {
            "num_classes": len(classes),
            "input_size": [channels, size, size],
            "fixed_input_size": True,
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "crop_mode": "squash",  # proportions are not kept, and nothing is cut off
            "mean": network.normalise.mean.flatten().tolist(),
            "std": network.normalise.std.flatten().tolist(),
            "first_conv": "patch_embed.proj",
            "classifier": heads,
        },
    }


def timm_state(network: Any, patch_size: int) -> dict[str, Tensor]:
    """The weights by timm's names, for the same logits.

    LN(x) = (x - m) / sqrt(v + eps) with eps 1e-5 is LN(s x) with eps 1e-6 if s^2 = 1e-6 / 1e-5. So
    all that writes to the residual stream is scaled by s; nothing else reads it but such a layer.
    """
    scale = (TIMMS_EPS / network.norm.eps) ** 0.5
    has_dist = network.has_distillation_token
    state: dict[str, Tensor] = {}
    for ours, value in network.state_dict().items():
        if ours.startswith("normalise.") or (ours == "dist_token" and not has_dist):
            continue
        name = _timms_name(ours)
        if (
            name == "patch_embed.proj.weight"
        ):  # a linear layer on pixels in the order c, row, column
            value = rearrange(value, "d (c ph pw) -> d c ph pw", ph=patch_size, pw=patch_size)
        elif name in ("cls_token", "dist_token"):
            value = value[None]  # (1, d) -> (1, 1, d)
        elif name == "pos_embed":  # ours: class, patches, distillation; timm's: patches last
            order = [0, -1, *range(1, len(value) - 1)] if has_dist else list(range(len(value)))
            value = value[None, order]  # (tokens, d) -> (1, tokens, d)
        if name.startswith(IN_FRONT) or any(branch in name for branch in BRANCHES):
            value = value * scale
        state[name] = value
    return state


def _timms_name(name: str) -> str:
    if name == "token_pos":
        return "pos_embed"
    if name.startswith("patch_embed."):
        return name.replace("patch_embed.", "patch_embed.proj.")
    for ours, timms in PREFIXES.items():
        if name.startswith(ours):
            return name.replace(ours, timms, 1)
    return name


def write_timm_folder(network: Any, run: dict, classes: list[str], folder: Path) -> None:
    """Write config.json and model.safetensors into a folder that is there."""
    state = timm_state(network, run["model"]["patch_size"])
    tensor_files.save(folder / "model.safetensors", state, {})
    config = timm_config(network, run, classes)
    write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")


def run_timm(folder: Path) -> Answer:
    """Builds the network with timm alone, and runs it on images in [0, 1]."""
    import timm

    network: Any = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    mean, std = (
        torch.tensor(network.pretrained_cfg[key]).reshape(-1, 1, 1) for key in ("mean", "std")
    )

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return network((torch.from_numpy(images) - mean) / std).numpy()

    return answer
