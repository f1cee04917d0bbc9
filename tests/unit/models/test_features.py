"""The features of each kind of network: taken where they are said to be, beside equal logits."""

import pytest
import torch
from torch import nn

from titn.losses.features import Guidance
from titn.models.airbench import airbench
from titn.models.cnn import densenet121, mobilenet_v3, resnet18, squeezenet, vgg16_bn
from titn.models.feature_maps import choose_maps
from titn.models.layers import mapped_layers
from titn.models.resnet9 import resnet9
from titn.models.timm_network import TimmNetwork
from titn.models.titn import TITN
from titn.models.vit import ViT
from titn.models.wide_resnet import wide_resnet28_10
from titn.system.errors import ConfigError
from titn.training import build
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=10, sample=torch.randint(256, (50, 3, 32, 32), dtype=torch.uint8))
IMAGES = torch.rand(2, 3, 32, 32)


@pytest.mark.parametrize(
    ("num_maps", "depth", "expected"),
    [
        (3, 12, [0, 6, 11]),  # Li et al. (2022)
        (1, 12, [11]),
        (2, 5, [0, 4]),
        (4, 4, [0, 1, 2, 3]),
        (0, 12, []),
        (None, 12, []),
    ],
)
def test_layers_with_a_map(num_maps, depth, expected):
    assert mapped_layers(num_maps, depth) == expected


def test_more_maps_than_layers_are_refused():
    with pytest.raises(ValueError, match=r"^stages=3: a network has 2 layers; take at most 2$"):
        mapped_layers(3, 2)
    with pytest.raises(ValueError, match=r"^stages=3: a network has maps of 2 sizes; .* 2$"):
        choose_maps([torch.zeros(1, 2, s, s) for s in (8, 8, 4)], 3)


def test_the_last_map_of_each_size_is_taken():
    outputs = [torch.full((1, 2, s, s), i) for i, s in enumerate((16, 16, 8, 4, 4))]
    assert [map.unique().item() for map in choose_maps(outputs, 2)] == [2, 4]


def as_it_is(function):
    return function


TRANSFORMERS = {
    "ViT": lambda: ViT(images=SPEC, distillation_token=False, depth=3, patch_dim=24),
    "DeiT": lambda: ViT(images=SPEC, distillation_token=True, depth=3, patch_dim=24),
    "TNT": lambda: TITN(images=SPEC, distillation_token=False, depth=3, patch_dim=24),
    "TITN": lambda: TITN(images=SPEC, distillation_token=True, depth=3, patch_dim=24),
}


@pytest.mark.parametrize("compiler", [as_it_is, None], ids=["layers", "whole"])
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_maps_of_a_transformer_are_its_layers_patches(name, compiler):
    torch.manual_seed(0)
    network = TRANSFORMERS[name]()
    seen = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _, inputs, out: seen.append(out))
    plain = network(IMAGES, 2)
    layers = [out[-1] if isinstance(out, tuple) else out for out in seen]  # (b, n + 1 or + 2, d)
    for map, tokens in zip(plain.features.maps, (layers[0], layers[2]), strict=True):
        assert map.shape == (2, 24, 4, 4)
        # Patch 6 is in row 1 and column 2; the class token stands before the patches.
        torch.testing.assert_close(map[:, :, 1, 2], tokens[:, 7])
    torch.testing.assert_close(network.heads.cls(plain.features.cls), plain.cls)
    last = network.heads.dist or network.heads.cls
    torch.testing.assert_close(last(plain.features.dist), plain.dist)
    for num_maps in (2, 0, None):
        other = network.compiled(compiler)(IMAGES, num_maps)
        torch.testing.assert_close(other[:2], plain[:2], rtol=1e-4, atol=1e-5)
    other = network.compiled(compiler)(IMAGES, 2).features
    torch.testing.assert_close(other, plain.features, rtol=1e-4, atol=1e-5)


CONVOLUTIONAL = {
    # Widths and sides of the last three sizes, by the papers; ResNet-9 widens before it pools.
    "airbench94": (airbench, [(64, 15), (256, 7), (256, 3)]),
    "resnet9": (resnet9, [(256, 16), (512, 8), (512, 4)]),
    "resnet18": (resnet18, [(128, 16), (256, 8), (512, 4)]),
    "vgg16_bn": (vgg16_bn, [(512, 4), (512, 2), (512, 1)]),
    "densenet121": (densenet121, [(512, 4), (1024, 2), (1024, 1)]),
    "mobilenet_v3": (mobilenet_v3, [(40, 4), (112, 2), (960, 1)]),
    "squeezenet": (squeezenet, [(128, 7), (256, 3), (512, 1)]),
    "wide_resnet28_10": (wide_resnet28_10, [(160, 32), (320, 16), (640, 8)]),
    "timm_resnet18": (lambda images: TimmNetwork(images=images, name="resnet18"),
                      [(128, 4), (256, 2), (512, 1)]),
    "timm_deit": (lambda images: TimmNetwork(
        images=images, name="deit_tiny_distilled_patch16_224", patch_size=8, depth=3),
                  [(192, 4)] * 3),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_maps_of_the_other_networks(name):
    make, expected = CONVOLUTIONAL[name]
    torch.manual_seed(0)
    network = make(images=SPEC).eval()
    with torch.no_grad():
        output = network(IMAGES, 3)
        plain = network(IMAGES)
    assert [(m.shape[1], m.shape[2]) for m in output.features.maps] == expected
    torch.testing.assert_close(output[:2], plain[:2])
    assert output.features.cls.shape[0] == 2
    assert output.features.cls.ndim == 2


@pytest.mark.parametrize("name", ["airbench94", "resnet18", "vgg16_bn", "timm_resnet18"])
def test_the_classifier_reads_the_features(name):
    torch.manual_seed(0)
    network = CONVOLUTIONAL[name][0](images=SPEC).eval()
    classifier = [m for m in network.modules() if isinstance(m, nn.Linear)][-1]
    output = network(IMAGES, 0)
    scale = getattr(network.net, "logit_scale", 1.0)
    torch.testing.assert_close(scale * classifier(output.features.cls), output.cls)
    assert output.features.maps == ()


def test_the_head_of_a_timm_network_is_asked_once():
    """Its normalisation counts batches, and dropout is the same for features and logits."""
    torch.manual_seed(0)
    network = TimmNetwork(images=SPEC, name="mobilenetv4_conv_small", dropout=0.5)
    output = network.train()(IMAGES, 0)
    assert network.net.norm_head.num_batches_tracked == 1
    torch.testing.assert_close(network.net.classifier(output.features.cls), output.cls)


def test_a_network_that_fails_where_features_are_asked_for_is_named():
    class Broken(nn.Module):
        gives_features = True

        def forward(self, images, num_maps=None):
            raise KeyError("x")

    run = {"choices": {"loss": "guidance"}, "seed": 0}
    with pytest.raises(ConfigError, match=r"^loss=guidance: the model, a Broken, fails .*'x'\); "):
        build._connect(run, Guidance(), Broken(), Broken(), SPEC)
