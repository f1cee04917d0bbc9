"""Choose a device and a precision, and use memory and kernels as the hardware needs it."""

import ctypes
import gc
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment

from titn.config.constraints import check_device_name
from titn.system.bf16 import good_at_bf16
from titn.system.errors import ConfigError
from titn.system.progress import say

# At its default level it repeats at every start what the configuration says.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

NOT_DETERMINISTIC = " does not have a deterministic implementation"

# By precision: the dtype to which autocast converts the weights of linear layers and convolutions.
WEIGHT_DTYPES = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16}


def device(name: str) -> torch.device:
    """The device of this name; auto: the GPU if there is one. ConfigError if there is no such."""
    check_device_name(name)
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    chosen = torch.device(name)
    is_available = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (chosen.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not is_available.get(chosen.type, False):
        raise ConfigError(f"device={name}: there is none on this machine; choose auto or cpu")
    return chosen


def check_devices(devices: int, name: str, device: torch.device) -> None:
    """ConfigError unless so many devices can train together; name: that of the configuration."""
    if devices == 1:
        return
    if device.type == "mps":
        raise ConfigError(f"devices={devices}: an Apple GPU trains alone; leave it out")
    if name.startswith("cuda:"):
        raise ConfigError(
            f"devices={devices}: {name} is one device; set device=cuda, and CUDA_VISIBLE_DEVICES "
            "to choose among them"
        )
    if device.type == "cuda" and devices > (found := torch.cuda.device_count()):
        raise ConfigError(
            f"devices={devices}: there are {found} on this machine; give {found} or less"
        )
    if not torch.distributed.is_available():
        raise ConfigError(f"devices={devices}: this build of torch has no torch.distributed")


def precision(name: str, device: torch.device) -> str:
    """Lightning Fabric's name of a precision.

    auto: bf16 with float32 weights where the hardware multiplies bf16, else float32.
    """
    if name == "auto":
        return "bf16-mixed" if good_at_bf16(device) else "32-true"
    if name == "bf16-mixed" and device.type == "cuda" and not good_at_bf16(device):
        raise ConfigError(f"precision={name}: {device} has no bf16; choose precision=32-true")
    return name


def description(device: torch.device) -> dict:
    """Device, GPU and threads of the CPU, for a run's environment."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"device": str(device), "gpu": gpu, "threads": torch.get_num_threads()}


def fabric(device: torch.device, precision: str) -> Fabric:
    """Lightning Fabric on one device, in one process: inside a job of Slurm or MPI, too."""
    devices: Any = [device.index or 0] if device.type == "cuda" else 1
    kind: Any = precision
    alone = LightningEnvironment()
    return Fabric(accelerator=device.type, devices=devices, precision=kind, plugins=[alone])


@contextmanager
def deterministic(on: bool) -> Iterator[None]:
    """Use kernels that give the same bits every time.

    On a CPU all kernels that titn uses do so anyway. On a GPU they are slower, and an operation for
    which PyTorch has no such kernel runs with its usual one and is named on the terminal.
    """
    if not on:
        # Even its default, set anew, would make torch.compile compile everything a second time.
        yield
        return
    # cuBLAS reads it when it is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    with warnings.catch_warnings():
        warnings.showwarning = _report_operations(warnings.showwarning)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(False)


def _report_operations(show: Callable[..., None]) -> Callable[..., None]:
    """A `warnings.showwarning` that puts PyTorch's warnings of this kind into one plain line."""

    def named(message: Warning | str, *rest: Any, **keywords: Any) -> None:
        operation, separator, _ = str(message).partition(NOT_DETERMINISTIC)
        if separator:
            say(f"not deterministic here, so a resumed run may end otherwise: {operation}")
        else:
            show(message, *rest, **keywords)

    return named


def _libc_function(name: str) -> Any:
    """A function of glibc; None elsewhere, musl included."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device, or the machine, has no memory left."""
    known = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, known) or "can't allocate memory" in str(error)


def release_memory() -> None:
    """Return the memory of a run that has ended or failed, for the next run."""
    gc.collect()
    if trim := _libc_function("malloc_trim"):
        trim(0)  # what `keep_freed_memory` kept
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def keep_freed_memory() -> None:
    """Ask glibc to reuse large blocks that are freed instead of returning them to the system.

    On a CPU every step otherwise gets new memory for gradients and activations from the system,
    page by page: VGG-16 trains twice as fast with this (benchmarks/cpu_choices.py). Without glibc
    it does nothing.
    """
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
    if mallopt := _libc_function("mallopt"):
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, -1)
