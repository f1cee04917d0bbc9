"""TensorBoard: event files in the run's own directory, no service."""

from collections.abc import Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from titn.tracking.protocol import End, Number, TrackedRun


class TensorBoard:
    """Scalars by epoch; the settings and the record are what its HPARAMS table shows.

    first: the first epoch that comes; what an earlier process wrote from there on is dropped.
    """

    def __init__(self, run: TrackedRun, first: int):
        self.id = "tensorboard"  # the directory within the run's
        self.settings = {key: "null" if v is None else v for key, v in run.settings.items()}
        self.writer = SummaryWriter(str(run.directory / self.id), purge_step=first)

    def log(self, epoch: int, numbers: dict[str, Number]) -> None:
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, epoch)

    def summarise(self, numbers: dict[str, Number], files: Sequence[Path]) -> None:
        # Under the same names as the curves a metric would be a point of theirs.
        metrics = {f"record/{name}": value for name, value in numbers.items()}
        # In the run's own directory: otherwise the table would have a second run for each.
        self.writer.add_hparams(self.settings, metrics, run_name=".")

    def close(self, end: End) -> None:
        self.writer.close()
