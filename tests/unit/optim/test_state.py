"""An optimizer's state after a file."""

import copy

import pytest
import torch
from torch import nn

from titn.optim.optimizers import adam, adamw, rmsprop, sgd
from titn.optim.state import load_state
from titn.system import tensor_files


@pytest.mark.parametrize("make", [sgd, adam, adamw, rmsprop])
def test_an_optimizer_goes_on_bit_for_bit_where_channels_are_last(make, tmp_path):
    torch.manual_seed(0)
    network = nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last)
    images = torch.randn(4, 3, 8, 8)

    def step(network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        network(images).square().mean().backward()
        optimizer.step()

    keywords = {"lr": 0.01} | ({"momentum": 0.9} if make is rmsprop else {})
    optimizer = make(model=network, **keywords)
    step(network, optimizer)
    resumed = copy.deepcopy(network)
    tensors, rest = tensor_files.flatten(optimizer.state_dict())
    tensor_files.save(tmp_path / "state", tensors, rest)
    read, rest = tensor_files.load(tmp_path / "state")
    another = make(model=resumed, **keywords)
    load_state(another, tensor_files.unflatten(rest, read))
    step(network, optimizer)
    step(resumed, another)
    assert torch.equal(resumed.weight, network.weight)
