"""Every network of conf/model as a graph: its answers are PyTorch's, for any number of images."""

import json

import numpy as np
import onnx
import pytest
import torch

import titn
from titn.config.compose import choices_of
from titn.exporting import graphs
from titn.exporting.classifier import Classifier
from titn.losses.terms import BOTH_TOKENS
from titn.system.errors import ConfigError
from titn.training import build
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=5, size=32)
SMALLER = {
    "titn": ["model.depth=1"],
    "titn_large_patch": ["model.depth=1"],
    "titn_plus": ["model.depth=2"],
    "tnt": ["model.depth=1"],
    "vit": ["model.depth=1"],
    "deit": ["model.depth=1"],
    "timm": ["model.name=vit_tiny_patch16_224", "model.patch_size=8", "model.depth=1"],
}
# The others stand for the layers of these, of which some take minutes.
SLOW = {
    "airbench96", "densenet121", "mobilenet_v3", "resnet50", "resnet9", "squeezenet",
    "titn_large_patch", "titn_plus", "tnt", "vgg16", "vgg16_bn", "vgg19", "vit", "wide_resnet28_10",
    "wide_resnet50",
}  # fmt: skip
MODELS = [
    pytest.param(name, marks=[pytest.mark.long] if name in SLOW else [])
    for name in choices_of("model")
]


def classifier(*overrides: str) -> Classifier:
    """A network with random weights, its batch normalisations included."""
    run = titn.compose(overrides)
    torch.manual_seed(0)
    network = build.instantiate(run, "model", images=SPEC).eval()
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    return Classifier(network, BOTH_TOKENS).eval()


@pytest.mark.parametrize("name", MODELS)
def test_every_network_of_conf_answers_the_same_in_both_graphs(name, tmp_path):
    plain = classifier(f"model={name}", *SMALLER.get(name, []))
    program = graphs.trace(plain, SPEC.size)
    saved, onnx_file = tmp_path / "network.pt2", tmp_path / "network.onnx"
    graphs.save_program(program, saved, {})
    graphs.save_onnx(program, onnx_file, {})
    answers = [graphs.run_program(saved), graphs.run_onnx(onnx_file)]
    for count in (1, 3):
        images = torch.rand(count, 3, SPEC.size, SPEC.size)
        with torch.no_grad():
            expected = plain(images).numpy()
        for answer in answers:
            np.testing.assert_allclose(answer(images.numpy()), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=titn", "model.depth=2", "model.conv_mlp=true", "model.outer_embed=conv"],
        ["model=vit", "model.depth=2", "model.conv_mlp=true", "model.patch_embed=conv"],
        ["model=deit", "model.depth=2", "model.local_attention=true"],
        ["model=resnet18", "model.stem=cifar"],
        ["model=timm", "model.name=deit_tiny_distilled_patch16_224", "model.depth=1"],
    ],
)
def test_variants_of_networks_are_followed(overrides):
    plain = classifier(*overrides)
    images = torch.rand(3, 3, SPEC.size, SPEC.size)
    with torch.no_grad():
        found = graphs.trace(plain, SPEC.size).module()(images)
        torch.testing.assert_close(found, plain(images))


def test_an_onnx_file_says_what_it_takes_and_what_it_is(tmp_path):
    path = tmp_path / "network.onnx"
    program = graphs.trace(classifier("model=deit", "model.depth=1"), SPEC.size)
    graphs.save_onnx(program, path, {"class_names": ["cat", "ÿ"], "image_size": 32})
    model = onnx.load(path)
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"images": ["batch", 3, 32, 32], "logits": ["batch", 5]}
    facts = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert facts == {"class_names": ["cat", "ÿ"], "image_size": 32}


def test_a_saved_program_has_its_facts(tmp_path):
    path = tmp_path / "network.pt2"
    program = graphs.trace(classifier("model=deit", "model.depth=1"), SPEC.size)
    graphs.save_program(program, path, {"image_size": 32})
    extra = {graphs.FACTS: ""}
    torch.export.load(path, extra_files=extra)
    assert json.loads(extra[graphs.FACTS]) == {"image_size": 32}


class Counting(torch.nn.Module):
    """Whose graph would depend on the values in the images."""

    def forward(self, images: torch.Tensor):
        return images if images.sum().item() > 0 else -images


def test_a_network_that_cannot_be_followed_is_one_line():
    with pytest.raises(ConfigError) as caught:
        graphs.trace(Classifier(Counting(), BOTH_TOKENS), 4)
    line = str(caught.value)
    assert line.startswith("Counting: torch.export cannot follow it (")
    assert line.endswith("; use it as a module: titn.load(RUN).model")
    assert "\n" not in line


def test_what_is_not_installed_is_named(monkeypatch):
    missing = "onnxruntime"
    monkeypatch.setattr(graphs, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(ConfigError) as caught:
        graphs.check_installed()
    line = "--to=onnx: onnxruntime is not installed; pip install 'titn[export]'"
    assert str(caught.value) == line
