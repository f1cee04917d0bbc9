"""How much memory a cell takes, by calculation, and how many cells fit at once."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from titn.system.memory import available_memory
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.cell import Cell
    from titn.data.images import Images

# MiB of the machine's memory: Python with torch (measured: 1.0 GiB with a tiny network), and what
# CUDA's libraries take of it.
BASE_MIB, CUDA_MIB = 1152, 3072
# MiB of a GPU's memory: a process's context, and the workspaces of its libraries.
CONTEXT_MIB = 1024
# Of the images: as they are decoded, as they are trained on, and their views of an epoch's batches.
COPIES_OF_IMAGES = 3
# Bytes a weight: of a network that is trained with its gradient, two moments and an average
# (measured with two moments: 18.6, also while checkpoints are written); of a teacher as it is and
# folded.
BYTES_A_WEIGHT, BYTES_A_TEACHERS_WEIGHT = 20, 8
# What the layers of a step put out is kept for the backward pass. Measured on a CPU, of four bytes
# a number: TITN 0.9 (in bf16 0.6), DeiT in bf16 0.8, airbench94 in bf16 1.1.
SLACK_OF_STEP = 1.25


class Needs(NamedTuple):
    """MiB that a cell takes at most, of the machine's memory and of a GPU's (0: it uses none)."""

    machine: int
    gpu: int


def memory_needs(cells: Iterable["Cell"], on_gpu: bool) -> Iterator[Needs]:
    """Those of each different cell: seeds and rates change nothing of it."""
    for cell in {_size_key(cell): cell for cell in cells}.values():
        yield needs_of(cell, on_gpu)


def needs_of(cell: "Cell", on_gpu: bool) -> Needs:
    """At most, by calculation; of a cell with a teacher the larger of the two."""
    needs = [_of_one(one, on_gpu) for one in (cell, cell.teacher) if one is not None]
    # In steps of a quarter of a GiB: cells that are alike ask alike.
    machine, gpu = (256 * math.ceil(max(kind) / 256) for kind in zip(*needs, strict=True))
    return Needs(machine, gpu)


def room_line(cells: Sequence["Cell"]) -> str:
    """How many of these cells this machine's memory has room for at once."""
    device = cells[0].device
    needs = [*memory_needs(cells, device.type == "cuda")]
    machine, gpu = max(one.machine for one in needs), max(one.gpu for one in needs)
    rooms = [("memory", machine, available_memory())]
    if device.type == "cuda":
        import torch

        rooms.append(("the GPU's memory", gpu, torch.cuda.mem_get_info(device)[0]))
    told = [f"{_gib(need * 2**20)} of {_gib(free)} of {name} free" for name, need, free in rooms]
    number = min(free // (need * 2**20) for _, need, free in rooms)
    fits = "not even one fits" if number == 0 else f"{counted(number, 'cell')} at once"
    return f"  a cell takes at most {' and '.join(told)}: {fits} (by calculation)"


def _gib(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"


def _size_key(cell: "Cell") -> str:
    keys = ("model", "dataset", "batch_size", "accumulate", "devices")
    runs = [cell.run] if cell.teacher is None else [cell.run, cell.teacher.run]
    return json.dumps([[run[key] for key in keys] for run in runs], sort_keys=True)


def _of_one(cell: "Cell", on_gpu: bool) -> tuple[float, float]:
    """MiB of the machine's memory, and of a GPU's: of one of its GPUs, if it has several."""
    processes = cell.run["devices"]
    images = sum(map(_image_bytes, (cell.dataset.train, cell.dataset.evaluated)))
    weights, outputs = _size_of_network(cell)
    of_weights = BYTES_A_WEIGHT * weights
    if cell.teacher is not None:
        weights_of_teacher, outputs_of_teacher = _size_of_network(cell.teacher)
        of_weights += BYTES_A_TEACHERS_WEIGHT * weights_of_teacher
        outputs += outputs_of_teacher
    # Of a micro-batch, whose rows the processes share; four bytes a number.
    of_step = 4 * SLACK_OF_STEP * cell.run["batch_size"] / cell.run["accumulate"] * outputs
    base = (BASE_MIB + CUDA_MIB * on_gpu) * 2**20
    machine = processes * (base + COPIES_OF_IMAGES * images + of_weights)
    if not on_gpu:
        return (machine + of_step) / 2**20, 0.0
    gpu = CONTEXT_MIB * 2**20 + images + of_weights + of_step / processes
    return machine / 2**20, gpu / 2**20


def _image_bytes(images: "Images") -> int:
    """Of pixels in memory; those in a file on the disk take next to none."""
    import torch

    return images.pixels.nbytes if isinstance(images.pixels, torch.Tensor) else 0


def _size_of_network(cell: "Cell") -> tuple[int, int]:
    """Weights, and numbers that all layers put out for one image.

    Without memory for them, but for a network that looks at images when it is built.
    """
    try:
        return _measured(cell, "meta")
    except Exception:  # whatever it makes of numbers that are not there
        return _measured(cell, "cpu")


def _measured(cell: "Cell", device: str) -> tuple[int, int]:
    import torch

    from titn.training import build

    sizes: list[int] = []

    def count(_module: object, _inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor):
            sizes.append(output.numel())

    spec, batch = cell.dataset.spec, 2
    with torch.device(device), torch.no_grad():
        network = build.instantiate(cell.run, "model", images=spec)
        for layer in network.modules():
            if not any(layer.children()):
                layer.register_forward_hook(count)
        network.eval()
        network(torch.zeros(batch, spec.channels, spec.size, spec.size))
    return sum(one.numel() for one in network.parameters()), sum(sizes) // batch
