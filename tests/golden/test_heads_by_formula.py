"""A class more: the formula beside networks that are built for ten classes and for a hundred."""

import pytest
import torch
from hydra import compose, initialize_config_dir

from titn.config import resolve
from titn.config.paths import conf_dir
from titn.paper.heads import cost_per_class
from titn.training import build
from titn.training.metrics import macs, num_parameters
from titn.types import ImageSpec


# Of images of 64x64 where the head's work depends on the size of the map before it.
@pytest.mark.parametrize(
    "overrides",
    [
        ["model=vit", "model.patch_dim=96"],
        ["model=deit"],
        ["model=tnt"],
        ["model=titn"],
        ["model=vgg16"],
        ["model=vgg16_bn"],
        ["model=vgg16_bn", "model.stem=cifar"],
        ["model=vgg19"],
        ["model=resnet18"],
        ["model=resnet50"],
        ["model=wide_resnet50"],
        ["model=wide_resnet28_10"],
        ["model=densenet121"],
        ["model=mobilenet_v3"],
        ["model=mobilenet_v3", "model.size=small"],
        ["model=squeezenet"],
        ["model=squeezenet", "dataset.image_size=64"],
        ["model=squeezenet", "model.version='1.0'"],
        ["model=squeezenet", "model.stem=cifar"],
        ["model=resnet9", "model.width=16"],
        ["model=airbench94"],
        ["model=airbench96"],
    ],
    ids=lambda overrides: " ".join(overrides),
)
def test_ninety_classes_more(overrides):
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        run = resolve.resolve(compose("config", overrides))
    image_size, costs = run["dataset"]["image_size"], []
    for num_classes in (10, 100):
        images = ImageSpec(num_classes=num_classes, size=image_size)
        with torch.device("meta"):  # shapes without numbers
            network = build.instantiate(run, "model", images=images)
            costs.append((num_parameters(network), macs(network, images)[0]))
    (few, few_macs), (many, many_macs) = costs
    flat = {f"model.{key}": value for key, value in run["model"].items()}
    one = cost_per_class(flat | {"dataset.image_size": image_size})
    assert one is not None
    assert (90 * one.parameters, 90 * one.macs_paper) == (many - few, many_macs - few_macs)


def test_the_head_of_a_network_of_timm_is_not_known():
    assert cost_per_class({"model._target_": "titn.models.timm_network.TimmNetwork"}) is None


def test_a_network_that_does_not_say_how_wide_it_is_has_no_known_head():
    assert cost_per_class({"model._target_": "titn.models.vit.ViT"}) is None
