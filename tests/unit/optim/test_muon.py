"""Muon against singular value decompositions and torch's optimizers; what each side gets."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from titn.optim import muon as module
from titn.optim.groups import hidden_matrices
from titn.optim.muon import muon, orthogonalise
from titn.training import build
from titn.types import ImageSpec

CLASSES = 97  # no network has a hidden layer of this width


class Small(nn.Module):
    """Two hidden matrices, one of them tall, with biases, a norm, a token and a head."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.ones(1, 3))
        self.wide = nn.Linear(24, 8)
        self.norm = nn.LayerNorm(8)
        self.tall = nn.Linear(8, 24)
        self.head = nn.Linear(24, 5)


@pytest.fixture(autouse=True)
def products(monkeypatch):
    """Products of float32, on any machine; called with True, of bfloat16."""

    def are_of_bf16(wanted: bool) -> None:
        monkeypatch.setattr(module, "good_at_bf16", lambda device: wanted)

    are_of_bf16(False)
    return are_of_bf16


def through_svd(matrix: torch.Tensor) -> np.ndarray:
    """Five times the quintic of the singular values, over their root of squares, in float64."""
    u, s, vt = np.linalg.svd(matrix.double().numpy(), full_matrices=False)
    s = s / np.sqrt((s**2).sum())
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u * s @ vt


@pytest.mark.parametrize("shape", [(8, 8), (6, 40), (40, 6)])
def test_newton_schulz_is_its_quintic_of_the_singular_values(shape):
    matrices = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
    for matrix, found in zip(matrices, orthogonalise(matrices), strict=True):
        np.testing.assert_allclose(found.numpy(), through_svd(matrix), atol=1e-4)


def test_products_of_bf16_are_near_enough(products):
    matrices = torch.randn(2, 40, 60, generator=torch.Generator().manual_seed(1))
    exact = orthogonalise(matrices)
    products(True)
    found = orthogonalise(matrices)
    assert found.dtype == torch.float32
    # The root mean square of an entry is about 0.13; bfloat16 has eight bits.
    assert 1e-4 < (found - exact).abs().max() < 0.05


def test_the_update_of_a_convolution_has_singular_values_around_one():
    model = nn.Sequential(nn.Conv2d(4, 16, 3, bias=False), nn.Flatten(), nn.Linear(16, CLASSES))
    before = model[0].weight.detach().clone()
    model[0].weight.grad = torch.randn_like(before)
    muon(model=model, lr=1.0, scale="original", weight_decay=0.0).step()
    moved = (before - model[0].weight.detach()).reshape(16, 4 * 9)
    values = torch.linalg.svdvals(moved)
    assert 0.68 < values.min() < values.max() < 1.21


def test_a_convolution_moves_as_the_matrix_of_its_flattened_kernels():
    model = nn.Sequential(nn.Conv2d(4, 40, 3, bias=False), nn.Flatten(), nn.Linear(40, CLASSES))
    before = model[0].weight.detach().clone()
    model[0].weight.grad = torch.randn_like(before)
    muon(model=model, lr=0.1, weight_decay=0.5).step()
    update = through_svd(model[0].weight.grad.reshape(40, 36)).reshape(40, 4, 3, 3)
    expected = (1 - 0.1 * 0.5) * before.numpy() - 0.1 * 0.2 * 40**0.5 * update
    np.testing.assert_allclose(model[0].weight.detach().numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("scale", ["match_rms_adamw", "original"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_several_steps_are_those_of_torchs_muon_and_adamw(scale, nesterov):
    ours, theirs = Small(), Small()
    theirs.load_state_dict(ours.state_dict())
    settings = {"lr": 0.02, "momentum": 0.9, "nesterov": nesterov, "weight_decay": 0.1}
    mine = muon(model=ours, adamw_lr=0.01, beta2=0.99, decay="all", scale=scale, **settings)
    matrices = [theirs.wide.weight, theirs.tall.weight]
    rest = [p for p in theirs.parameters() if all(p is not matrix for matrix in matrices)]
    others = [
        torch.optim.Muon(matrices, adjust_lr_fn=scale, **settings),
        torch.optim.AdamW(rest, lr=0.01, betas=(0.9, 0.99), weight_decay=0.1),
    ]
    for _ in range(3):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        for optimizer in (mine, *others):
            optimizer.step()
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        # torch's iterates in bfloat16: three steps of at most 0.02 sqrt(3) or 0.02 a direction.
        is_matrix = any(other is matrix for matrix in matrices)
        torch.testing.assert_close(one, other, rtol=0, atol=2e-3 if is_matrix else 1e-6, msg=name)


def test_matrices_alone_decay_when_asked():
    optimizer = muon(model=Small(), weight_decay=0.1, decay="matrices")
    found = [(g["muon"], g["weight_decay"], len(g["params"])) for g in optimizer.param_groups]
    # Two hidden matrices; that of the head; token, norm and three biases.
    assert found == [(True, 0.1, 2), (False, 0.1, 1), (False, 0.0, 6)]


def test_both_rates_follow_what_the_groups_say():
    model = Small()
    optimizer = muon(model=model, decay="all", weight_decay=0.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    optimizer.step()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("of", ["", "teacher."])
def test_both_sides_have_one_rate_unless_asked(composed, of):
    run = composed(
        "teacher=resnet18", "optimizer=muon", "optimizer@teacher.optimizer=muon",
        f"{of}optimizer.lr=0.25",
    )  # fmt: skip
    node = (run["teacher"] if of else run)["optimizer"]
    assert (node["lr"], node["adamw_lr"]) == (0.25, 0.25)


def test_a_state_that_was_saved_goes_on_bit_for_bit():
    torch.manual_seed(0)
    model, resumed = Small(), Small()
    gradients = [[torch.randn_like(p) for p in model.parameters()] for _ in range(4)]

    def train(network, optimizer, steps):
        for step in steps:
            for parameter, gradient in zip(network.parameters(), gradients[step], strict=True):
                parameter.grad = gradient.clone()
            optimizer.step()

    first = muon(model=model)
    train(model, first, (0, 1))
    resumed.load_state_dict(model.state_dict())
    second = muon(model=resumed)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    train(model, first, (2, 3))
    train(resumed, second, (2, 3))
    for name, value in resumed.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_nesterov_without_momentum_names_the_key():
    with pytest.raises(ValueError, match=r"^nesterov=true: "):
        muon(model=Small(), momentum=0.0)


MODELS = ("titn", "tnt", "vit", "deit", "vgg16_bn", "resnet18", "densenet121", "mobilenet_v3",
          "squeezenet", "wide_resnet28_10", "airbench96", "resnet9")  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_all_but_the_layers_of_the_logits_and_convolutions_in_groups_are_hidden(composed, name):
    run = composed(f"model={name}")
    with torch.device("meta"):
        model = build.instantiate(run, "model", images=ImageSpec(num_classes=CLASSES))
    hidden = hidden_matrices(model)
    layers = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    outputs = [layer for layer in layers if len(layer.weight) == CLASSES]
    depthwise = [layer for layer in layers if getattr(layer, "groups", 1) > 1]
    assert len(outputs) == (2 if model.has_distillation_token else 1)
    assert bool(depthwise) == (name == "mobilenet_v3")
    left = {id(layer.weight) for layer in layers} - hidden
    assert left == {id(layer.weight) for layer in (*outputs, *depthwise)}


def test_a_hidden_layer_as_wide_as_the_logits_is_hidden():
    body = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))
    model = nn.Sequential(body, nn.Sequential(nn.Dropout(), nn.Linear(5, 5)))
    assert hidden_matrices(model) == {id(layer.weight) for layer in body}


def test_a_first_layer_as_wide_as_the_logits_is_hidden():
    first, body = nn.Linear(6, 5), nn.Sequential(nn.Linear(5, 8), nn.Linear(8, 4))
    model = nn.Sequential(first, body, nn.Linear(4, 5), nn.Flatten(), nn.LogSoftmax(-1))
    assert hidden_matrices(model) == {id(layer.weight) for layer in (first, *body)}


def test_output_layers_in_modules_of_their_own_are_not_hidden():
    body = nn.Linear(6, 8)
    # As LeViT has them: a normalisation and a linear layer in each of two heads.
    heads = [nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 5)) for _ in range(2)]
    assert hidden_matrices(nn.Sequential(body, *heads)) == {id(body.weight)}
