"""Several processes that train one network together: what they tell each other."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from titn.system.ports import LOOPBACK
from titn.training.accumulation import micro_batch_sizes

# The others wait so long for one that compiles, evaluates or saves.
EXCHANGE_TIMEOUT = timedelta(minutes=30)


class RanksDifferError(RuntimeError):
    """What has to be the same in all processes is not."""


@dataclass(frozen=True)
class Ranks:
    """One of `size` processes, counted from 0; the first one leads and is the only one that writes.

    control: a group for numbers on the CPU, whatever device trains.
    """

    rank: int
    size: int
    control: Any

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def rows(self, num_images: int) -> slice:
        """This process's rows of a batch: shares as even as whole numbers are, in their order."""
        sizes = self._sizes(num_images)
        before = sum(sizes[: self.rank])
        return slice(before, before + sizes[self.rank])

    def _sizes(self, num_images: int) -> list[int]:
        sizes = micro_batch_sizes(num_images, self.size)
        return sizes + [0] * (self.size - len(sizes))

    def gather(self, own: Tensor, num_images: int) -> Tensor:
        """The rows of all: own (r, ...) of each process to (b, ...), the same everywhere.

        Gradients flow back to a process's own rows alone, because every process computes the same
        loss of all rows: the gradients of the weights are then parts of a sum (`sum_`).
        """
        whole: Tensor = _Gather.apply(own, self._sizes(num_images), self.rank)
        return whole

    def sum_(self, tensors: Sequence[Tensor | None]) -> None:
        """Replace tensors by their sums over all processes, in one exchange; None stays None."""
        present = [tensor for tensor in tensors if tensor is not None]
        if not present:
            return
        flat = torch.cat([tensor.flatten() for tensor in present])
        dist.all_reduce(flat)
        for tensor, total in zip(present, flat.split([t.numel() for t in present]), strict=True):
            tensor.copy_(total.view_as(tensor))

    def broadcast_number(self, number: int = 0) -> int:
        """The leader's number, on every process."""
        told = torch.tensor(number)
        dist.broadcast(told, 0, group=self.control)
        return int(told)

    def broadcast(self, tensor: Tensor) -> Tensor:
        """The leader's tensor, on every process; the others give one of its shape and type."""
        dist.broadcast(tensor, 0)
        return tensor

    def check_same(self, what: str, numbers: Sequence[float]) -> None:
        """RanksDifferError, naming `what`, unless all processes have the same numbers."""
        own = torch.tensor(numbers, dtype=torch.float64)
        found = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(found, own, group=self.control)
        if not all(torch.equal(found[0], other) for other in found):
            raise RanksDifferError(
                f"the {self.size} processes of this run have not the same {what}"
            )


class _Gather(torch.autograd.Function):
    """Rows of all processes, of which each has given some."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, sizes: list[int], rank: int) -> Tensor:
        before = sum(sizes[:rank])
        ctx.rows = slice(before, before + sizes[rank])
        # Equal shapes are what all backends can exchange.
        padded = own.new_zeros(max(sizes), *own.shape[1:])
        padded[: len(own)] = own
        found = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(found, padded)
        return torch.cat([rows[:size] for rows, size in zip(found, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return upstream[ctx.rows], None, None


def sum_over_ranks(own: Tensor) -> Tensor:
    """The sum of a tensor of each process; so are the gradients that flow back."""
    total: Tensor = _Sum.apply(own)
    return total


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        total = own.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        # Each process has the gradient of what it made of the sum.
        total = upstream.clone()
        dist.all_reduce(total)
        return total


@contextmanager
def joined(rank: int, size: int, port: int, device: torch.device) -> Iterator[Ranks]:
    """Meet the other processes, on this machine, at a port of it."""
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(
        backend,
        init_method=f"tcp://{LOOPBACK}:{port}",
        rank=rank,
        world_size=size,
        timeout=EXCHANGE_TIMEOUT,
    )
    try:
        yield Ranks(rank, size, dist.new_group(backend="gloo", timeout=EXCHANGE_TIMEOUT))
    finally:
        dist.destroy_process_group()
