"""What a job of a cell asks Slurm for: time by past cells, memory by calculation."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from titn.sweeps.estimate import PendingRun, TimeEstimator
from titn.sweeps.slurm.options import KEY, SlurmOptions
from titn.system import slurm
from titn.system.errors import ConfigError
from titn.system.progress import duration
from titn.system.slurm import SlurmError
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.cell import Cell

# Half as long again, and what a job needs to start, to decode images and to save.
SLACK, START_MINUTES, LEAST_MINUTES = 1.5, 5, 10

# MiB: Python with torch (measured: 1.0 GiB with a tiny network), and what CUDA's libraries take of
# the host's memory.
BASE_MIB, CUDA_MIB = 1536, 3072
# Of the images: as they are decoded, as they are trained on, and their views of an epoch's batches.
COPIES_OF_IMAGES = 3
# Bytes a weight: of a student with gradient, two moments, an average, and as much again while a
# checkpoint is written; of a teacher as it is and folded.
BYTES_A_WEIGHT, BYTES_A_TEACHERS_WEIGHT = 36, 8
# What the layers of a step put out is kept for the backward pass; views, masks and workspaces come
# on top.
SLACK_OF_STEP = 2.0


@dataclass(frozen=True)
class Resources:
    """minutes: None where nothing tells; then the partition's default holds. gpus: as --gres."""

    minutes: int | None
    mebibytes: int
    gpus: str

    def describe(self) -> str:
        time = "the partition's time" if self.minutes is None else duration(self.minutes * 60)
        gpus = f"GPUs {self.gpus}"
        if self.gpus.isdecimal():
            gpus = counted(int(self.gpus), "GPU") if self.gpus != "0" else "no GPU"
        return f"{time}, {gpus}, {self.mebibytes / 1024:.1f} GiB of memory"


def resources_for(
    cells: Sequence["Cell"], options: SlurmOptions, estimator: TimeEstimator
) -> Resources:
    """What the jobs of one array ask for: as much as the largest of its cells."""
    gpus = gpus_for([cell.run for cell in cells], options)
    on_gpu = gpus != "0"
    minutes = options.time
    if minutes is None:
        secs = [estimator.seconds(pending(cell, on_gpu)) for cell in cells]
        known = [one for one in secs if one is not None]
        minutes = minutes_for(max(known)) if known and len(known) == len(secs) else None
        if minutes is not None:
            minutes = max(minutes, math.ceil((options.signal_secs + 60) / 60) + START_MINUTES)
    mebibytes = options.memory
    if mebibytes is None:
        # Seeds and rates change nothing of it, and a network is built for each.
        different = {_size_key(cell): cell for cell in cells}.values()
        mebibytes = max(memory_of(cell, on_gpu) for cell in different)
    return Resources(minutes, mebibytes, gpus)


def minutes_for(secs: float) -> int:
    """Minutes to ask for where past cells took so long."""
    return max(LEAST_MINUTES, math.ceil(secs * SLACK / 60) + START_MINUTES)


def pending(cell: "Cell", on_gpu: bool) -> PendingRun:
    """A cell as estimates take it: on a GPU of a node, where this machine may have none."""
    device = "cuda" if on_gpu else str(cell.device)
    return PendingRun(cell.run, device, cell.precision, len(cell.dataset.train))


def gpus_for(runs: Iterable[dict[str, Any]], options: SlurmOptions) -> str:
    """As --gres takes it; auto: none for device=cpu, else one a device if the partition has any."""
    runs = list(runs)
    if options.gpus is not None:
        return options.gpus
    if all(run["device"] == "cpu" for run in runs):
        return "0"
    try:
        most = max(run["devices"] for run in runs)
        return str(most) if slurm.has_gpus(options.partition) else "0"
    except SlurmError as error:
        raise ConfigError(f"{KEY}.gpus=auto: {error}; give {KEY}.gpus=0 or 1") from None


def check_precision(cells: Iterable["Cell"], gpus: str) -> None:
    """ConfigError where this machine would decide a precision that is a GPU's to decide.

    It is a part of a cell's identity: planned here, and made there, it would be another cell.
    """
    for cell in cells:
        key = f"{cell.prefix}precision"
        if gpus != "0" and cell.run["precision"] == "auto" and cell.device.type != "cuda":
            raise ConfigError(
                f"{key}=auto: is decided by the machine that plans, and this one has no GPU; give "
                f"{key}=bf16-mixed (GPUs since Ampere) or {key}=32-true"
            )
        if cell.teacher is not None:
            check_precision([cell.teacher], gpus)


def memory_of(cell: "Cell", on_gpu: bool) -> int:
    """MiB that a cell takes of a machine's memory, at most, by calculation.

    Of a cell with a teacher that has to be made first, the larger of the two.
    """
    needs = [_memory_of_one(one, on_gpu) for one in (cell, cell.teacher) if one is not None]
    # In steps of a quarter of a GiB: cells that are alike ask alike.
    return 256 * math.ceil(max(needs) / 256)


def _size_key(cell: "Cell") -> str:
    keys = ("model", "dataset", "batch_size", "accumulate", "devices")
    runs = [cell.run] if cell.teacher is None else [cell.run, cell.teacher.run]
    return json.dumps([[run[key] for key in keys] for run in runs], sort_keys=True)


def _memory_of_one(cell: "Cell", on_gpu: bool) -> float:
    images = sum(
        one.pixels.numel() * one.pixels.element_size()
        for one in (cell.dataset.train, cell.dataset.evaluated)
    )
    weights, outputs = _size_of_network(cell)
    a_process = COPIES_OF_IMAGES * images + BYTES_A_WEIGHT * weights
    step = outputs
    if cell.teacher is not None:
        weights_of_teacher, outputs_of_teacher = _size_of_network(cell.teacher)
        a_process += BYTES_A_TEACHERS_WEIGHT * weights_of_teacher
        step += outputs_of_teacher
    a_process += (BASE_MIB + CUDA_MIB * on_gpu) * 2**20
    needed = cell.run["devices"] * a_process
    if not on_gpu:  # of a micro-batch, whose rows the processes share
        needed += 4 * SLACK_OF_STEP * cell.run["batch_size"] / cell.run["accumulate"] * step
    return needed / 2**20


def _size_of_network(cell: "Cell") -> tuple[int, int]:
    """Weights, and numbers that all layers put out for one image.

    Without memory for them, but for a network that looks at images when it is built.
    """
    try:
        return _measured(cell, "meta")
    except (RuntimeError, NotImplementedError):
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
