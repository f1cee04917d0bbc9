"""What a run's tracker is told, without ever failing the run."""

import importlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from titn.system.errors import first_line
from titn.system.files import write_text
from titn.system.progress import say
from titn.tracking.numbers import numbers_of
from titn.tracking.protocol import End, TrackedRun, Tracker

# The class of each choice of `tracker`. What it needs is imported only if it is chosen.
ADAPTERS = {
    "tensorboard": ("titn.tracking.tensorboard", "TensorBoard"),
    "wandb": ("titn.tracking.wandb", "WandB"),
    "mlflow": ("titn.tracking.mlflow", "MLflow"),
    "trackio": ("titn.tracking.trackio", "Trackio"),
}
# What a run's directory keeps of its tracker, so that a resumed run goes on in the same books.
NOTE = "tracker.json"


class Tracking:
    """What a process tells one tracker of a run; after an error it tells it no more.

    rows: those of the epochs before a resume. Epochs that the tracker has are not told again,
    although training may resume before them; epochs that it lacks are told first.
    """

    def __init__(self, choice: str, run: TrackedRun, rows: Sequence[dict]):
        self.choice = choice
        self.note = run.directory / NOTE
        self.told = 0
        self.tracker: Tracker | None = None
        self.has_failed = False
        self._safely(lambda: self._open(run, rows))

    def add(self, row: dict) -> None:
        """The row of an epoch, as in epochs.jsonl."""
        self._safely(lambda: self._log(row))

    def summarise(self, record: dict, files: Sequence[Path]) -> None:
        """The run's record, and the files that it consists of."""
        self._safely(lambda: self._opened().summarise(numbers_of(record), files))

    def close(self, end: End) -> None:
        self._safely(lambda: self._opened().close(end))

    def _open(self, run: TrackedRun, rows: Sequence[dict]) -> None:
        known = _read_notes(self.note).get(self.choice)
        if known is not None:
            run, self.told = replace(run, continues=known["id"]), known["epochs"]
        module, name = ADAPTERS[self.choice]
        adapter = getattr(importlib.import_module(module), name)
        self.tracker = adapter(run, first=self.told + 1)
        self._write_note()
        for row in rows:
            self._log(row)

    def _log(self, row: dict) -> None:
        if row["epoch"] > self.told:
            self._opened().log(row["epoch"], numbers_of(row))
            self.told = row["epoch"]
            self._write_note()

    def _opened(self) -> Tracker:
        assert self.tracker is not None
        return self.tracker

    def _write_note(self) -> None:
        others = _read_notes(self.note)
        own = {self.choice: {"id": self._opened().id, "epochs": self.told}}
        write_text(self.note, json.dumps(others | own) + "\n")

    def _safely(self, tell: Callable[[], None]) -> None:
        """A tracker may fail in any way, and one across a network will: the run goes on."""
        if self.has_failed:
            return
        try:
            tell()
        except Exception as error:
            self.has_failed = True
            said = f"{type(error).__name__}: {first_line(error)}"
            say(f"tracker={self.choice}: {said}; the run goes on without it")


def _read_notes(file: Path) -> dict[str, dict]:
    """What earlier processes noted of each tracker: its id of the run, and the epochs told."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


@contextmanager
def tracking(
    choices: Sequence[str],
    run: TrackedRun,
    rows: Sequence[dict],
    leaving: tuple[type[BaseException], ...] = (),
) -> Iterator[list[Tracking]]:
    """The trackers of a run while it is made; how it ends or is left is told at the end.

    choices: of `ADAPTERS`. rows: of the epochs before a resume. leaving: errors after which the run
    may go on another time, as after an interrupt.
    """
    told = [Tracking(choice, run, rows) for choice in choices]
    end: End = "failed"
    try:
        yield told
        end = "recorded"
    except (KeyboardInterrupt,) + leaving:  # noqa: RUF005 (as mypy reads it)
        end = "interrupted"
        raise
    finally:
        for one in told:
            one.close(end)
