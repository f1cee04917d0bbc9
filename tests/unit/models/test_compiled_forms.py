"""The forms that are compiled compute what the plain networks compute. Not compiled here."""

import pytest
import torch
from timm.layers import Mlp
from torch import nn

from titn.models import pixels_last
from titn.models.layers import Attention, Block
from titn.models.titn import TITN
from titn.models.vit import ViT
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=10)
SMALL = {"depth": 2, "patch_dim": 24, "images": SPEC}
IMAGES = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)

NETWORKS = {
    "TITN": lambda: TITN(**SMALL, distillation_token=True),
    "TNT": lambda: TITN(**SMALL, distillation_token=False),
    "four inner heads": lambda: TITN(**SMALL, distillation_token=True, inner_heads=4),
    "two inner blocks": lambda: TITN(**SMALL, distillation_token=True, inner_depth=2),
    "large patch": lambda: TITN(**SMALL, distillation_token=True, patch_size=16, pixel_size=4),
    "stochastic depth": lambda: TITN(**SMALL, distillation_token=True, drop_path=0.5),
    "TITN with convolutions": lambda: stirred(
        TITN(**SMALL, distillation_token=True, outer_embed="conv", conv_mlp=True)
    ),
    "TITN with patches": lambda: TITN(**SMALL, distillation_token=True, outer_embed="linear"),
    "DeiT": lambda: ViT(**SMALL, distillation_token=True),
    "DeiT with convolutions": lambda: stirred(
        ViT(**SMALL, distillation_token=True, patch_embed="conv", conv_mlp=True)
    ),
    "TITN with local attention": lambda: TITN(
        **SMALL, distillation_token=True, local_attention=True
    ),
    "DeiT with local attention": lambda: ViT(
        **SMALL, distillation_token=True, local_attention=True
    ),
    "ViT": lambda: ViT(**SMALL, distillation_token=False),
}


def stirred(network: nn.Module) -> nn.Module:
    """The network with the weights that begin at 0 drawn, so that they matter."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.reset_parameters()
    return network


def as_it_is(function):
    return function


def step(network: nn.Module, parameters: list[nn.Parameter]) -> list[torch.Tensor]:
    """Both logits and all gradients of a step; the noise is that of one seed."""
    torch.manual_seed(1)
    output = network(IMAGES)
    loss = (output.cls.square() + output.dist.sin()).sum()
    return [output.cls, output.dist, *torch.autograd.grad(loss, parameters)]


@pytest.mark.parametrize("compiler", [as_it_is, None], ids=["layers", "whole"])
@pytest.mark.parametrize("name", NETWORKS)
def test_logits_and_gradients_are_those_of_the_plain_network(name, compiler):
    torch.manual_seed(0)
    network = NETWORKS[name]().train()
    parameters = [p for p in network.parameters() if p.numel()]
    plain = step(network, parameters)
    compiled = step(network.compiled(compiler), parameters)
    torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["TITN", "ViT"])
def test_it_knows_whether_it_has_a_distillation_token(name):
    network = NETWORKS[name]()
    assert network.compiled(as_it_is).has_distillation_token == network.has_distillation_token


@pytest.mark.parametrize("name", ["TITN", "DeiT"])
def test_all_layers_run_through_one_function_that_the_compiler_saw(name):
    seen, calls = [], []

    def compiler(function):
        seen.append(function)
        return lambda *arguments: calls.append(function) or function(*arguments)

    NETWORKS[name]().compiled(compiler)(IMAGES)
    assert len(seen) == 1
    assert calls == 2 * seen


def last(x: torch.Tensor) -> torch.Tensor:
    """(m, p, d) to (d, p, m)."""
    return x.permute(2, 1, 0)


@pytest.mark.parametrize(
    ("function", "modules"),
    [
        (pixels_last.attention, Attention(12, 2, qkv_bias=True)),
        (pixels_last.attention, Attention(12, 4, qkv_bias=True)),
        (pixels_last.mlp, Mlp(12, hidden_features=48)),
        (pixels_last.linear, nn.Linear(12, 5)),
        (pixels_last.layer_norm, nn.LayerNorm(12)),
        (pixels_last.block, Block(12, 2, 4.0, True, 0.0)),
    ],
    ids=["attention", "4 heads", "mlp", "linear", "layer_norm", "block"],
)
def test_each_function_computes_what_its_modules_do(function, modules):
    torch.manual_seed(0)
    nn.init.normal_(next(modules.parameters()))
    x = torch.randn(7, 16, 12)
    torch.testing.assert_close(function(modules, last(x)), last(modules(x)), rtol=1e-5, atol=1e-5)
