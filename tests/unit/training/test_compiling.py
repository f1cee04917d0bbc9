"""When networks are compiled, and what happens where they cannot be."""

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from torch import nn

from titn.cells.ensure import ensure
from titn.models.titn import TITN
from titn.training import compiling
from titn.types import ImageSpec, Output

CPU = torch.device("cpu")
MANY, FEW = 10**9, 10
IMAGES = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)


class Plain(nn.Module):
    """A network that no layer can be compiled of."""

    has_distillation_token = False

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.linear = nn.Linear(3, 2)

    def forward(self, images):
        logits = self.linear(self.norm(images.float()).mean((2, 3)))
        return Output(logits, logits)


class Layered(Plain):
    compiling_pays_from = 1000

    def compiled(self, compiler):
        return self


class Broken(nn.Module):
    """Its compiler fails after a normalisation that is not compiled."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        self.network.norm(images.float())
        return 1 / 0


class Failing(Layered):
    def compiled(self, compiler):
        return Broken(self)


@pytest.fixture
def fabric():
    return Fabric(accelerator="cpu", precision="32-true")


@pytest.mark.parametrize(
    ("asked", "model", "device", "num_images", "expected"),
    [
        ("auto", Layered(), "cpu", 1000, "layers"),
        ("auto", Layered(), "cpu", MANY, "whole"),
        ("auto", Layered(), "cpu", FEW, "none"),
        ("auto", Plain(), "cpu", MANY, "none"),
        ("auto", Layered(), "mps", MANY, "none"),
        ("auto", Layered(), "cuda", MANY, "layers"),
        ("layers", Layered(), "cpu", FEW, "layers"),
        ("layers", Plain(), "cpu", MANY, "none"),
        ("whole", Plain(), "cpu", FEW, "whole"),
        ("none", Layered(), "cpu", MANY, "none"),
    ],
)
def test_where_it_pays(asked, model, device, num_images, expected):
    assert compiling.choose_mode(asked, model, torch.device(device), num_images) == expected


def test_a_compiler_that_fails_is_done_without(fabric, capsys):
    model = Failing()
    student, how, _ = compiling.compile_for_training(fabric, model, "auto", MANY, lambda: (IMAGES,))
    assert how == "none"
    # The statistics are those of a run that never tried.
    assert (model.norm.num_batches_tracked, model.norm.running_mean.tolist()) == (0, [0.0] * 3)
    assert student(IMAGES).cls.shape == (4, 2)
    assert "not compiled" in capsys.readouterr().err


def test_a_compiler_that_was_asked_for_may_not_fail(fabric):
    with pytest.raises(ZeroDivisionError):
        compiling.compile_for_training(fabric, Failing(), "layers", MANY, lambda: (IMAGES,))


def test_a_rehearsal_leaves_nothing_behind(fabric):
    model = Plain()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    compiling.warm_up(fabric, fabric.setup_module(model), IMAGES)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_network_is_compiled_whole(fabric):
    torch.manual_seed(0)
    model = Plain()
    student, how, secs = compiling.compile_for_training(
        fabric, model, "whole", FEW, lambda: (IMAGES,)
    )
    assert (how, secs > 0) == ("whole", True)
    torch.testing.assert_close(student(IMAGES).cls, model(IMAGES).cls, rtol=1e-4, atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("way", ["layers", "whole"])
def test_compiled_for_real_it_computes_what_it_did(fabric, way):
    torch.manual_seed(0)
    model = TITN(images=ImageSpec(num_classes=10), distillation_token=True, depth=2, patch_dim=24)
    student, how, secs = compiling.compile_for_training(fabric, model, way, FEW, lambda: (IMAGES,))
    assert how == way
    assert secs > 0
    compiled, plain = student(IMAGES), model(IMAGES)
    torch.testing.assert_close(compiled.cls, plain.cls, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(compiled.dist, plain.dist, rtol=1e-4, atol=1e-5)
    parameters = list(model.parameters())
    ours, theirs = (
        torch.autograd.grad(o.cls.sum() + o.dist.sum(), parameters) for o in (compiled, plain)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.long
def test_gradients_are_accumulated_of_compiled_layers(tiny):
    """Micro-batches of two sizes, 86 and 85 images, are two graphs."""
    asked = ("accumulate=3", "dataset.fraction=0.4", "optimizer=sgd", "optimizer.lr=0.1")
    untrained, plain, compiled = (
        _weights_and_mode(ensure(tiny(*asked, *more)))
        for more in (("epochs=0",), ("epochs=1",), ("epochs=1", "compile=layers", "force=true"))
    )
    assert (plain[1], compiled[1]) == ("none", "layers")
    assert any((plain[0][name] - untrained[0][name]).abs().max() > 1e-2 for name in plain[0])
    torch.testing.assert_close(compiled[0], plain[0], rtol=1e-4, atol=1e-6)


def _weights_and_mode(made) -> tuple[dict[str, torch.Tensor], str]:
    directory, result = made
    return load_file(directory.weights), result["compiled"]
