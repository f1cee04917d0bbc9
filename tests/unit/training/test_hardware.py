"""Devices and precisions that are there, and those that are not."""

import warnings

import pytest
import torch

from titn.system.errors import ConfigError
from titn.training import hardware

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["tpu", "cuda:x"])
def test_a_device_that_does_not_exist_is_refused(name):
    with pytest.raises(ConfigError, match=f"^device={name}: choose"):
        hardware.device(name)


def test_a_job_of_several_tasks_trains_one_run_in_each(monkeypatch):
    for key, value in {"NTASKS": "2", "JOB_ID": "3", "JOB_NAME": "x", "PROCID": "1"}.items():
        monkeypatch.setenv(f"SLURM_{key}", value)
    fabric = hardware.fabric(CPU, "32-true")
    assert (fabric.world_size, fabric.global_rank) == (1, 0)


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
    monkeypatch.setattr(hardware, "good_at_bf16", lambda device: False)
    with pytest.raises(ConfigError, match=r"^precision=bf16-mixed: "):
        hardware.precision("bf16-mixed", torch.device("cuda"))


def test_an_operation_that_is_not_deterministic_is_named(capsys):
    with hardware.deterministic(True):
        warnings.warn(  # in PyTorch's words
            "scatter_cuda_ does not have a deterministic implementation, but you set "
            "'torch.use_deterministic_algorithms(True, warn_only=True)'.",
            stacklevel=1,
        )
    assert capsys.readouterr().err.splitlines() == [
        "not deterministic here, so a resumed run may end otherwise: scatter_cuda_"
    ]


def test_determinism_is_asked_for_as_long_as_it_is_needed():
    with hardware.deterministic(True):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_memory_that_is_out_is_told_from_other_errors():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**52)
    assert hardware.is_out_of_memory(caught.value)
    assert hardware.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not hardware.is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_what_is_asked_for_is_taken_as_it_is():
    assert hardware.precision("32-true", CPU) == "32-true"


def test_left_off_it_changes_nothing_that_compiled_code_is_guarded_by():
    before = torch.is_deterministic_algorithms_warn_only_enabled()
    with hardware.deterministic(False):
        assert torch.is_deterministic_algorithms_warn_only_enabled() == before


@pytest.mark.parametrize(
    ("name", "kind", "line"),
    [
        (
            "cuda:1",
            "cuda:1",
            r"devices=3: cuda:1 is one device; set device=cuda, and CUDA_VIS",
        ),
        ("cuda", "cuda", r"devices=3: there are 2 on this machine; give 2 or less"),
        ("auto", "mps", r"devices=3: an Apple GPU trains alone"),
    ],
)
def test_devices_that_cannot_train_together_are_refused(monkeypatch, name, kind, line):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match=line):
        hardware.check_devices(3, name, torch.device(kind))
    hardware.check_devices(1, name, torch.device(kind))
