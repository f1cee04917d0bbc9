"""A planned cell: a run with its identity, its place on the disk, and its teacher."""

from dataclasses import dataclass

import torch

from titn.data.images import Dataset
from titn.records.run_dir import RunDir
from titn.system.text import counted


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What `titn.cells.planning.Planner` finds out of a run before anything is trained.

    run: as `titn.config.resolve.resolve` returns it. prefix: what its keys begin with on the
    command line, "teacher." for a teacher's. identity: config_hash and source_digest. precision:
    the resolved one. teacher: the cell that has to be recorded first; None without a teacher.
    """

    run: dict
    prefix: str
    directory: RunDir
    identity: dict
    device: torch.device
    precision: str
    dataset: Dataset
    teacher: "Cell | None"

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{'teacher ' if self.prefix else ''}{self.run['choices']['model']}"

    @property
    def place(self) -> str:
        """Its directory, as a key of the command line."""
        return f"{self.prefix}run_dir={self.directory.path}"

    def describe(self) -> str:
        """Its setting in a few words."""
        data, seed = self.run["choices"]["dataset"], self.run["seed"]
        epochs, num_devices = counted(self.run["epochs"], "epoch"), self.run["devices"]
        several = f" ({num_devices} devices)" if num_devices > 1 else ""
        return f"on {data}, seed {seed}, {epochs}, {self.precision} on {self.device}{several}"
