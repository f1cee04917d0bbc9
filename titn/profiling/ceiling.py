"""What a device can do at best, and what memory it took."""

import resource
import sys
import time

import torch

# Sides of the square matrices whose product is the ceiling: large enough, and still quick.
CEILING_SIZE = {"cpu": 2048}
CEILING_SIZE_ELSEWHERE = 8192


def matrix_ceiling(device: torch.device, dtype: torch.dtype, rounds: int = 10) -> float:
    """Operations a second of the product of two large square matrices: the best of the rounds."""
    size = CEILING_SIZE.get(device.type, CEILING_SIZE_ELSEWHERE)
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(rounds):
        wait_for(device)
        started = time.perf_counter()
        a @ b
        wait_for(device)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def wait_for(device: torch.device) -> None:
    """On a GPU nothing has been computed until it has been waited for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most  # there in bytes
