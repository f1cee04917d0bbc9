"""What a job of a cell asks Slurm for: time by past cells, memory by calculation."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from titn.sweeps.estimate import PendingRun, TimeEstimator
from titn.sweeps.launcher_keys import KEY
from titn.sweeps.memory import memory_needs
from titn.sweeps.slurm.options import SlurmOptions
from titn.system import slurm
from titn.system.errors import ConfigError
from titn.system.progress import duration
from titn.system.slurm import SlurmError
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.cell import Cell

# Half as long again, and what a job needs to start, to decode images and to save.
SLACK, START_MINUTES, LEAST_MINUTES = 1.5, 5, 10


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
        mebibytes = max(needs.machine for needs in memory_needs(cells, on_gpu))
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
