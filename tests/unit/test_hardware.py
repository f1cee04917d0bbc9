"""Devices and precisions that are there, and those that are not."""

import pytest
import torch

from titn import hardware
from titn.errors import ConfigError

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["tpu", "cuda:x"])
def test_a_device_that_does_not_exist_is_refused(name):
    with pytest.raises(ConfigError, match=f"^device={name}: choose"):
        hardware.device(name)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"^device=cuda:1: there is none on this machine"):
        hardware.device("cuda:1")


@pytest.mark.parametrize(("supported", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_precision_follows_the_hardware(monkeypatch, supported, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert hardware.precision("auto", CPU) == expected


def test_bf16_on_a_gpu_without_it_is_refused(monkeypatch):
    monkeypatch.setattr(hardware, "_good_at_bf16", lambda device: False)
    with pytest.raises(ConfigError, match=r"^precision=bf16-mixed: "):
        hardware.precision("bf16-mixed", torch.device("cuda"))


def test_what_is_asked_for_is_taken_as_it_is():
    assert hardware.precision("32-true", CPU) == "32-true"
