"""Per-epoch metrics: in the run directory always, in TensorBoard when asked."""

from typing import Any

from titn.records.run_dir import RunDir


class Curves:
    """Appends each epoch's row to `done`, those of an earlier part of the run."""

    def __init__(self, directory: RunDir, done: list[dict], tensorboard: bool):
        self.directory = directory
        directory.write_epochs(done)
        self.writer: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(directory.tensorboard), purge_step=len(done) + 1)

    def add(self, row: dict) -> None:
        self.directory.add_epoch(row)
        if self.writer is not None:
            for name, value in numbers(row).items():
                self.writer.add_scalar(name, value, row["epoch"])

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


def numbers(row: dict, prefix: str = "") -> dict[str, float]:
    """The numbers of a nested row by path: {"cls/top1": 0.9, ...}."""
    flat: dict[str, float] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and key != "epoch":
            flat[prefix + key] = value
    return flat
