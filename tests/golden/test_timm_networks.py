"""timm's networks in titn answer as in timm, bit for bit, and cost what they cost elsewhere."""

import pytest
import timm
import torch

from titn.models.timm_network import TimmNetwork
from titn.models.vit import ViT
from titn.training.metrics import macs
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=10, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
MEAN = torch.tensor(SPEC.mean).reshape(3, 1, 1)
STD = torch.tensor(SPEC.std).reshape(3, 1, 1)
IMAGES = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
NORMALISED = (IMAGES / 255 - MEAN) / STD


def with_weights_of(ours: TimmNetwork, theirs: torch.nn.Module) -> TimmNetwork:
    ours.net.load_state_dict(theirs.state_dict())
    return ours


def drawn(network: torch.nn.Module) -> torch.nn.Module:
    """With random weights where timm begins with zeros, as in heads."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.05)
    return network


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "name", ["test_resnet", "test_vit", "coatnet_pico_rw_224", "test_mambaout"]
)
def test_logits_are_timms(name, training):
    fixed = {"img_size": 32} if timm.get_pretrained_cfg(name).fixed_input_size else {}
    theirs = drawn(timm.create_model(name, num_classes=10, **fixed))
    ours = with_weights_of(TimmNetwork(images=SPEC, name=name), theirs).train(training)
    output = ours(IMAGES)
    assert torch.equal(output.cls, theirs.train(training)(NORMALISED))
    assert output.cls is output.dist
    assert not ours.has_distillation_token


def test_two_heads_are_timms_and_stay_apart_in_evaluation():
    name = "deit_tiny_distilled_patch16_224"
    theirs = drawn(timm.create_model(name, num_classes=10, img_size=32, depth=2))
    ours = with_weights_of(TimmNetwork(images=SPEC, name=name, depth=2), theirs)
    assert ours.has_distillation_token
    theirs.set_distilled_training(True)
    cls, dist = theirs.train()(NORMALISED)
    for training in (True, False):
        output = ours.train(training)(IMAGES)
        assert torch.equal(output.cls, cls)
        assert torch.equal(output.dist, dist)
    assert torch.equal((cls + dist) / 2, theirs.eval()(NORMALISED))


def test_dropout_rests_in_evaluation_where_two_heads_stay_apart():
    name = "deit_tiny_distilled_patch16_224"
    network = drawn(TimmNetwork(images=SPEC, name=name, depth=2, dropout=0.9, drop_path=0.9))
    first, second = (network.eval()(IMAGES) for _ in range(2))
    assert torch.equal(first.dist, second.dist)
    assert not any(module.training for module in network.modules())
    assert not torch.equal(network.train()(IMAGES).dist, network(IMAGES).dist)


def test_timms_deit_costs_what_titns_costs():
    images = ImageSpec(num_classes=100)
    theirs = TimmNetwork(images=images, name="deit_tiny_distilled_patch16_224", patch_size=8)
    ours = ViT(images=images, distillation_token=True, qkv_bias=True)
    assert macs(theirs, images) == macs(ours, images)


def test_products_that_are_no_layers_are_counted():
    """BEiT multiplies by the weights of q, k and v itself, and not through their layer."""
    images = ImageSpec(num_classes=10)
    network = TimmNetwork(
        images=images, name="beit_base_patch16_224", embed_dim=64, depth=1, num_heads=2
    )
    paper, everything = macs(network, images)
    tokens, width = (32 // 16) ** 2 + 1, 64
    qkv = tokens * width * 3 * width
    attention = 2 * tokens**2 * width
    assert everything - paper == qkv + attention
