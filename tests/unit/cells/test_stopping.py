"""A run that its patience ends, by a sequence of validation losses."""

from pathlib import Path

import pytest

from titn.cells import make
from titn.cells.ensure import ensure
from titn.cells.stopping import is_out_of_patience
from titn.records.cell_state import cell_state
from titn.records.collation import load
from titn.records.summary import epochs_text
from titn.training import engine

# The best of these is that of epoch 2.
LOSSES = [2.0, 1.0, 1.5, 1.2, 1.1, 1.0, 0.5]


@pytest.fixture
def losses(monkeypatch):
    """Epochs have these losses, whatever was learned."""
    train_epoch, metrics = engine.train_epoch, engine.epoch_metrics
    at = [0]

    def training(task, state, *others):
        at[0] = state.epoch
        return train_epoch(task, state, *others)

    monkeypatch.setattr(engine, "train_epoch", training)
    monkeypatch.setattr(
        engine, "epoch_metrics", lambda *given: metrics(*given) | {"nll": LOSSES[at[0]]}
    )
    return monkeypatch


@pytest.mark.parametrize(
    ("num_epochs", "patience", "ends"),
    [(2, 1, False), (3, 1, True), (4, 2, True), (5, 4, False), (6, 4, True), (7, 4, False),
     (6, None, False), (0, 1, False)],
)  # fmt: skip
def test_patience_ends_when_the_best_loss_is_so_many_epochs_old(num_epochs, patience, ends):
    rows = [{"epoch": i, "nll": nll} for i, nll in enumerate(LOSSES[:num_epochs], 1)]
    assert is_out_of_patience(rows, patience) == ends


def test_a_stopped_run_is_recorded_as_such(tiny, losses):
    run = tiny("epochs=6", "patience=2", "dataset.split=validation")
    directory, result = ensure(run)
    assert (result["epochs"], result["stopped_after"]) == (6, 4)
    assert epochs_text(result) == "4 of 6 epochs (stopped early)"
    assert cell_state(directory) == "stopped early"
    runs = load(Path(run["runs_dir"]))
    assert list(runs.status) == ["stopped early"]
    assert list(runs.reason) == ["stopped after 4 of 6 epochs (patience)"]
    assert list(runs.per_epoch().epoch) == [1, 2, 3, 4]
    losses.setattr(engine, "train_epoch", lambda *_: pytest.fail("trained again"))
    assert ensure(run)[1] == result


def test_a_run_that_ends_by_itself_was_not_stopped(tiny, losses):
    directory, result = ensure(tiny("epochs=4", "patience=2", "dataset.split=validation"))
    assert "stopped_after" not in result
    assert cell_state(directory) == "recorded"


class Killed(BaseException):
    """Like a kill: nothing tidies up after it."""


@pytest.mark.parametrize("num_done", [3, 4])
def test_a_resumed_run_stops_where_it_would_have(tiny, losses, num_done):
    """After the fourth epoch nothing is trained any more: it was killed before its record."""
    run = tiny("epochs=6", "patience=2", "dataset.split=validation", "checkpoint_secs=0")
    train_epoch, seen = engine.train_epoch, []

    def dying(*_, **__):
        raise Killed

    def training(task, state, *others):
        if state.epoch == num_done:
            raise Killed
        return train_epoch(task, state, *others)

    with losses.context() as killing:
        killing.setattr(engine, "train_epoch", training)
        killing.setattr(make, "evaluate", dying)  # of the record
        with pytest.raises(Killed):
            ensure(run)

    def counting(task, state, *others):
        seen.append(state.epoch)
        return train_epoch(task, state, *others)

    losses.setattr(engine, "train_epoch", counting)
    assert ensure(run)[1]["stopped_after"] == 4
    assert seen == list(range(num_done, 4))
