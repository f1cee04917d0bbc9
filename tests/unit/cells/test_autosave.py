"""A run is saved by the clock and before it leaves, and never by a process that has lost it."""

import pytest

from titn.cells.autosave import Autosave
from titn.system import signals
from titn.system.leases import LockLostError
from titn.training.engine import State


@pytest.mark.parametrize("asked", [None, 15])
def test_a_run_that_another_process_has_is_not_saved(monkeypatch, asked):
    def lost() -> None:
        raise LockLostError("taken over")

    monkeypatch.setattr(signals, "asked", lambda: asked)
    autosave = Autosave(State(), 0.0, lambda: pytest.fail("saved"), lost)
    autosave.state.step = 1
    with pytest.raises(LockLostError):
        autosave()
