"""ViT and DeiT against timm's, with timm's weights."""

import pytest
import torch
from einops import rearrange
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer

from titn.models.vit import ViT
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=10)
TIMM = {
    "img_size": 32,
    "patch_size": 8,
    "num_classes": 10,
    "embed_dim": 192,
    "depth": 12,
    "num_heads": 3,
    "norm_layer": torch.nn.LayerNorm,
}


# The order matters: head_dist before head.
NAMES = {"blocks.": "layers.", "head_dist.": "heads.dist.", "head.": "heads.cls."}


def from_timm(theirs: torch.nn.Module) -> dict[str, torch.Tensor]:
    """timm's weights under our names: a projection for a convolution, the last token last."""
    state = {}
    for name, value in theirs.state_dict().items():
        if name == "patch_embed.proj.weight":
            state["patch_embed.weight"] = rearrange(value, "d c ph pw -> d (c ph pw)")
        elif name == "patch_embed.proj.bias":
            state["patch_embed.bias"] = value
        elif name in ("cls_token", "dist_token"):
            state[name] = value[0]
        elif name == "pos_embed":
            tokens = list(range(value.shape[1]))
            if hasattr(theirs, "dist_token"):  # theirs: class, distillation, patches
                tokens = [0, *tokens[2:], 1]
            state["token_pos"] = value[0, tokens]
        else:
            for theirs_name, ours_name in NAMES.items():
                name = name.replace(theirs_name, ours_name)
            state[name] = value
    if "dist_token" not in state:
        state["dist_token"] = torch.zeros(0, 192)
    return state


@pytest.mark.parametrize("qkv_bias", [True, False])
@pytest.mark.parametrize("distilled", [True, False])
def test_logits_agree_with_timms(distilled, qkv_bias):
    torch.manual_seed(0)
    theirs = (VisionTransformerDistilled if distilled else VisionTransformer)(
        **TIMM, qkv_bias=qkv_bias
    )
    with torch.no_grad():
        for parameter in theirs.parameters():  # timm begins with zero heads and biases
            parameter.copy_(torch.randn_like(parameter) * 0.05)
    ours = ViT(images=SPEC, distillation_token=distilled, qkv_bias=qkv_bias)
    ours.load_state_dict(from_timm(theirs), strict=False)
    missing = set(ours.state_dict()) - set(from_timm(theirs))
    assert missing == {"normalise.mean", "normalise.std"}
    images = torch.rand(4, 3, 32, 32)
    if distilled:
        theirs.set_distilled_training(True)
    expected = theirs.train()(ours.normalise(images))
    output = ours.train()(images)
    expected = expected if distilled else (expected, expected)
    torch.testing.assert_close(output.cls, expected[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(output.dist, expected[1], atol=1e-5, rtol=1e-5)
