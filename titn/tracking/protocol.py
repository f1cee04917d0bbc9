"""What titn asks of a tracker, and what a tracker learns of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Number = float | int
Setting = float | int | str | bool | None

# How a run ended, or stopped for now.
End = Literal["recorded", "failed", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """A run as a tracker is to show it.

    name: in a word or two. group: the sweep that it is a cell of, "" for a single run. kind:
    student or teacher. settings: every value of its configuration by its dotted key. directory:
    the run's own. continues: what the tracker called an earlier part of it, None at its beginning.
    """

    name: str
    group: str
    kind: Literal["student", "teacher"]
    settings: dict[str, Setting]
    directory: Path
    continues: str | None


class Tracker(Protocol):
    """A run in a tracker's books. Everything may raise; `titn.tracking.tracking` sees to that.

    id: what the tracker calls the run, by which a later process continues it.
    """

    id: str

    def log(self, epoch: int, numbers: dict[str, Number]) -> None:
        """The numbers of an epoch, counted from 1, by path: {"train/loss": 0.5, "top1": 0.9}."""

    def summarise(self, numbers: dict[str, Number], files: Sequence[Path]) -> None:
        """The record of the run, and the files that it consists of."""

    def close(self, end: End) -> None:
        """No more comes from this process; an interrupted run may be continued by another."""
