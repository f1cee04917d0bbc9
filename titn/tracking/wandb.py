"""Weights & Biases: WANDB_MODE, WANDB_PROJECT, WANDB_ENTITY and WANDB_DIR say where."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import wandb

from titn.tracking.protocol import End, Number, TrackedRun

EXIT_CODES = {"recorded": 0, "failed": 1, "interrupted": 130}


class WandB:
    """A run of its own beside others of the process, in the sweep's group.

    A resumed run has the id of the earlier part: online it goes on there; offline its files are
    merged by `wandb sync`.
    """

    def __init__(self, run: TrackedRun, first: int):
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "titn"),
            name=run.name,
            group=run.group or None,
            job_type=run.kind,
            config=run.settings,
            id=run.continues or secrets.token_hex(4),
            resume="allow",
            dir=os.environ.get("WANDB_DIR", str(run.directory)),
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off"),
        )
        self.id = self.run.id

    def log(self, epoch: int, numbers: dict[str, Number]) -> None:
        self.run.log(numbers, step=epoch)

    def summarise(self, numbers: dict[str, Number], files: Sequence[Path]) -> None:
        self.run.summary.update({f"record/{name}": value for name, value in numbers.items()})
        artifact = wandb.Artifact(f"run-{self.id}", type="titn-run")
        for file in files:
            artifact.add_file(str(file))
        self.run.log_artifact(artifact)

    def close(self, end: End) -> None:
        self.run.finish(exit_code=EXIT_CODES[end])
