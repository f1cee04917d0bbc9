"""When a run is saved: by the clock, and before it leaves."""

import time
from collections.abc import Callable
from typing import NoReturn

from titn.system import signals
from titn.system.errors import file_error_text
from titn.system.progress import say
from titn.training.engine import State


class Autosave:
    """Called where a run's state is whole: saves it from time to time, and before leaving.

    secs: between two savings, but never so few that more than a twentieth of the time goes into
    them: with its optimizer VGG-16 is 1.6 GB on the disk. 0: after every step.
    """

    def __init__(
        self, state: State, secs: float, save: Callable[[], None], check: Callable[[], None]
    ):
        """check: raises if the run is no longer this process's, and costs nothing."""
        self.state = state
        self.secs = secs
        self.save = save
        self.check = check
        self.saved = (state.epoch, state.step)
        self.due = time.monotonic() + secs
        self.is_failing = False

    def __call__(self) -> None:
        self.check()
        if (number := signals.asked()) is not None:
            self._save_and_leave(number)
        if time.monotonic() >= self.due:
            self._save()

    def _save(self) -> None:
        started = time.monotonic()
        try:
            self._save_once()
            self.is_failing = False
        except OSError as error:
            if not self.is_failing:
                say(f"not saved, and the run goes on: {file_error_text(error)}")
            self.is_failing = True
        now = time.monotonic()
        self.due = now + (max(self.secs, 19 * (now - started)) if self.secs else 0)

    def _save_once(self) -> None:
        """An evaluation of many batches changes nothing between them."""
        where = (self.state.epoch, self.state.step)
        if where != self.saved:
            self.save()
            self.saved = where

    def _save_and_leave(self, number: int) -> NoReturn:
        leave = signals.Leave(number)
        started = time.monotonic()
        try:
            self._save_once()
            secs = time.monotonic() - started
            say(f"{leave}: saved {describe_position(self.state)}, in {secs:.1f} s")
        except OSError as error:
            say(f"{leave}: not saved: {file_error_text(error)}")
        raise leave


def describe_position(state: State) -> str:
    """How far a run has come, in words."""
    if not state.step:
        return f"after epoch {state.epoch}"
    return f"after step {state.step} of epoch {state.epoch + 1}"
