"""Trackio, Hugging Face's local tracker: TRACKIO_DIR and TRACKIO_PROJECT say where."""

import os
import secrets
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import trackio

from titn.tracking.protocol import End, Number, TrackedRun


class Trackio:
    """The process's current run of Trackio; of a teacher and its student one after the other.

    A run is continued by its name, which therefore ends with letters of its own.
    """

    def __init__(self, run: TrackedRun, first: int):
        self.id = run.continues or f"{run.name} {secrets.token_hex(4)}"
        with redirect_stdout(sys.stderr):  # ours is for results
            trackio.init(
                project=os.environ.get("TRACKIO_PROJECT", "titn"),
                name=self.id,
                group=run.group or None,
                config=run.settings | {"kind": run.kind},
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def log(self, epoch: int, numbers: dict[str, Number]) -> None:
        trackio.log(numbers, step=epoch)

    def summarise(self, numbers: dict[str, Number], files: Sequence[Path]) -> None:
        trackio.log({f"record/{name}": value for name, value in numbers.items()})

    def close(self, end: End) -> None:
        with redirect_stdout(sys.stderr):
            trackio.finish()
