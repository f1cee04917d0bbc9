"""The weights of TNT and TITN: their names, their number, and which blocks are dropped."""

import pytest
import torch
from torch import nn

from titn.models.layers import Block
from titn.models.titn import TITN
from titn.training.metrics import num_parameters
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=10)


def named(prefix: str, layers: str) -> list[str]:
    return [f"{prefix}.{layer}.{kind}" for layer in layers.split() for kind in ("weight", "bias")]


def of_block(prefix: str) -> list[str]:
    return named(prefix, "norm1 attn.qkv attn.proj norm2 mlp.fc1 mlp.fc2")


def weights(inner_depth: int) -> list[str]:
    model = TITN(images=SPEC, distillation_token=True, depth=1, inner_depth=inner_depth)
    return list(model.state_dict())


def test_weights_of_one_inner_block_have_the_names_that_checkpoints_have():
    assert weights(inner_depth=1) == [
        "pixel_pos",
        "tokens",
        "token_pos",
        "normalise.mean",
        "normalise.std",
        "pixel_embed.weight",
        "pixel_embed.bias",
        *of_block("layers.0.inner"),
        *named("layers.0", "residual_norm residual"),
        *of_block("layers.0.outer"),
        "norm.weight",
        "norm.bias",
        *named("heads", "cls dist"),
    ]


def test_further_inner_blocks_have_weights_of_their_own():
    added = set(weights(inner_depth=3)) - set(weights(inner_depth=1))
    first, second = (of_block(f"layers.0.further_inner.{i}") for i in range(2))
    assert added == {*first, *second}


@pytest.mark.parametrize("inner_depth", [1, 2, 3])
def test_the_number_of_parameters(inner_depth):
    # A block has 12 d^2 + 13 d, a linear layer (fan in + 1) x fan out, a norm 2 d. Pixels are 12
    # numbers into d = 12; a patch has 16 of them; 16 patches and two tokens are D = 192 wide.
    embedding = 13 * 12 + 16 * 12 + 2 * 18 * 192
    inner, outer = 12 * 12**2 + 13 * 12, 12 * 192**2 + 13 * 192
    residual = 2 * 12 + 193 * 192
    heads = 2 * 192 + 2 * 193 * 10
    model = TITN(images=SPEC, distillation_token=True, depth=3, inner_depth=inner_depth)
    assert num_parameters(model) == embedding + 3 * (inner_depth * inner + residual + outer) + heads


def test_all_blocks_of_a_layer_are_dropped_at_its_rate():
    sizes = {"depth": 3, "inner_depth": 3, "drop_path": 0.2}
    model = TITN(images=SPEC, distillation_token=True, **sizes)
    for layer, rate in zip(model.layers, (0.0, 0.1, 0.2), strict=True):
        blocks = [module for module in layer.modules() if isinstance(module, Block)]
        rates = [getattr(block.drop_path, "drop_prob", 0.0) for block in blocks]
        assert rates == pytest.approx([rate] * 4)


def test_weights_are_drawn_in_the_order_that_seeds_of_records_stand_for():
    torch.manual_seed(0)
    ours = TITN(images=SPEC, distillation_token=True, depth=1).state_dict()
    torch.manual_seed(0)
    expected = {"pixel_embed.weight": nn.Linear(12, 12).weight}
    for name, shape in {"pixel_pos": (16, 12), "tokens": (18, 192), "token_pos": (18, 192)}.items():
        expected[name] = torch.randn(shape) * 0.5
    for name, fan_in, fan_out in [
        *drawn_in_block("layers.0.inner", 12),
        ("layers.0.residual", 192, 192),
        *drawn_in_block("layers.0.outer", 192),
        ("heads.cls", 192, 10),
        ("heads.dist", 192, 10),
    ]:
        expected[f"{name}.weight"] = nn.Linear(fan_in, fan_out).weight
    assert [name for name in expected if not torch.equal(ours[name], expected[name])] == []


def drawn_in_block(prefix: str, width: int) -> list[tuple[str, int, int]]:
    return [
        (f"{prefix}.attn.qkv", width, 3 * width),
        (f"{prefix}.attn.proj", width, width),
        (f"{prefix}.mlp.fc1", width, 4 * width),
        (f"{prefix}.mlp.fc2", 4 * width, width),
    ]
