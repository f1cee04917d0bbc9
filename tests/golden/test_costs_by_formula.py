"""Parameters and multiply-accumulates of the networks against closed formulas, to the unit."""

import pytest
import torch
from hydra import compose, initialize_config_dir

from titn.config import resolve
from titn.config.paths import conf_dir
from titn.models.titn import TITN
from titn.models.vit import ViT
from titn.paper import costs
from titn.paper.heads import cost_with_classes
from titn.training import build
from titn.training.metrics import macs, num_parameters
from titn.types import ImageSpec


def counted(model: torch.nn.Module, spec: ImageSpec) -> tuple[int, int, int]:
    return num_parameters(model), *macs(model, spec)


def by_formula(cost: costs.Cost) -> tuple[int, int, int]:
    return cost.parameters, cost.macs_paper, cost.macs


def configured(name: str, num_classes: int) -> tuple[int, int, int]:
    """As the configuration has it, on the meta device: shapes without numbers."""
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        run = resolve.resolve(compose("config", [f"model={name}"]))
    spec = ImageSpec(num_classes=num_classes)
    with torch.device("meta"):
        return counted(build.instantiate(run, "model", images=spec), spec)


LARGE_PATCH = {"patch_size": 16, "pixel_size": 4}


@pytest.mark.parametrize(
    ("name", "num_classes", "cost"),
    [
        ("vit", 100, costs.vit(distillation_token=False)),
        ("deit", 100, costs.vit(distillation_token=True)),
        ("tnt", 100, costs.titn(distillation_token=False)),
        ("titn", 100, costs.titn(distillation_token=True)),
        ("titn_large_patch", 100, costs.titn(distillation_token=True, **LARGE_PATCH)),
        ("titn", 10, costs.titn(distillation_token=True, num_classes=10)),
        ("vgg16_bn", 1000, costs.vgg16_bn(num_classes=1000)),
        ("vgg16_bn", 100, costs.vgg16_bn(num_classes=100)),
        ("vgg16_bn", 10, costs.vgg16_bn(num_classes=10)),
    ],
)
def test_the_papers_networks_cost_what_the_formulas_say(name, num_classes, cost):
    assert configured(name, num_classes) == by_formula(cost)


@pytest.mark.parametrize(
    "overrides",
    [
        "vit",
        "deit model.patch_dim=96",
        "tnt",
        "titn",
        "titn_large_patch",
        "vgg16",
        "vgg16_bn",
        "vgg16_bn model.stem=cifar",
        "vgg19",
        "resnet18",
        "resnet50",
        "wide_resnet50",
        "wide_resnet28_10",
        "densenet121",
        "mobilenet_v3",
        "mobilenet_v3 model.size=small",
        # Its head's work depends on the size of the map before it.
        "squeezenet",
        "squeezenet dataset.image_size=64",
        "squeezenet model.version='1.0'",
        "squeezenet model.stem=cifar",
        "resnet9 model.width=16",
        "airbench94",
        "airbench96",
    ],
)
def test_a_recorded_cost_is_turned_into_that_of_other_classes(overrides):
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        run = resolve.resolve(compose("config", f"model={overrides}".split()))
    found, size = [], run["dataset"]["image_size"]
    for num_classes in (10, 100):
        spec = ImageSpec(num_classes=num_classes, size=size)
        with torch.device("meta"):
            found.append(counted(build.instantiate(run, "model", images=spec), spec))
    recorded = dict(zip(("parameters", "macs_paper", "macs"), found[0], strict=True))
    recorded |= {f"model.{key}": value for key, value in run["model"].items()}
    recorded["dataset.image_size"] = size
    assert by_formula(cost_with_classes(recorded, 10, 100)) == found[1]


@pytest.mark.parametrize("network", ["titn.models.timm_network.TimmNetwork", "my.own.ViT",
                                     "titn.models.vit.ViT"])  # fmt: skip
def test_without_a_known_head_there_is_no_other_number_of_classes(network):
    # The last one does not say how wide it is.
    run = {"model._target_": network, "model.distillation_token": True}
    run |= {"parameters": 1, "macs_paper": 1, "macs": 1}
    assert cost_with_classes(run, 10, 100) is None


# Sizes of which no two are the same, so that none can stand in for another.
SMALL = {"patch_size": 6, "depth": 3, "patch_dim": 20, "mlp_ratio": 2.5}
IMAGES = {"num_classes": 7, "channels": 1}
SPEC = ImageSpec(size=24, mean=(0.5,), std=(0.25,), **IMAGES)


@pytest.mark.parametrize("token", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_vit_of_any_size(token, bias):
    model = ViT(images=SPEC, distillation_token=token, heads=5, qkv_bias=bias, **SMALL)
    cost = costs.vit(image_size=24, distillation_token=token, qkv_bias=bias, **IMAGES, **SMALL)
    assert counted(model, SPEC) == by_formula(cost)


@pytest.mark.parametrize("token", [False, True])
@pytest.mark.parametrize("inner_depth", [1, 2, 3])
def test_a_titn_of_any_size(token, inner_depth):
    sizes = SMALL | {"pixel_size": 2, "pixel_dim": 8, "inner_depth": inner_depth}
    model = TITN(images=SPEC, distillation_token=token, outer_heads=5, inner_heads=4, **sizes)
    cost = costs.titn(image_size=24, distillation_token=token, **IMAGES, **sizes)
    assert counted(model, SPEC) == by_formula(cost)


def test_the_printed_unit_is_a_batch_of_1024():
    # 109,375 multiply-accumulates, 1024 times: 0.112 thousand million.
    assert costs.Cost(macs_paper=109_375).gflops_batch1024 == pytest.approx(0.112)


def test_a_further_inner_block_is_as_large_as_the_first():
    # 12 d^2 + 13 d parameters for pixels d = 12 wide, in each of 12 layers. On 16 patches of 16
    # pixels: 12 d^2 in the linear layers, 8 d in the norms, and two products with 16 scores.
    one, two = (costs.titn(distillation_token=True, inner_depth=depth) for depth in (1, 2))
    assert two.parameters - one.parameters == 12 * 1884
    assert two.macs_paper - one.macs_paper == 12 * 256 * (1728 + 96)
    assert two.products - one.products == 12 * 256 * 2 * 16 * 12


def test_a_patch_projection_is_a_linear_layer_on_every_patch():
    # 16 patches of 8 x 8 x 3 values to 192.
    without, with_it = (
        costs.titn(distillation_token=True, patch_projection=on) for on in (False, True)
    )
    assert with_it.macs_paper - without.macs_paper == 16 * 192 * 192
    assert with_it.parameters - without.parameters == 193 * 192
