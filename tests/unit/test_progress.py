"""Lines for logs: what they say and when."""

import pytest

from titn import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves by hand."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


ROW = {"epoch": 1, "train": {"loss": 0.5}, "top1": 0.75, "nll": 0.25, "split": "test"}


def test_an_epochs_line_has_terms_accuracy_rate_and_time_left(clock, capsys):
    bar = progress.Progress("titn", epochs=2, total=200, done=0)
    clock.now = 10.0
    bar.step(1, 100, lambda: {"loss": 0.5})
    bar.epoch(ROW)
    line = capsys.readouterr().err.strip()
    assert line == (
        "titn epoch 1/2: loss 0.500 | test top1 0.7500 nll 0.250 | 10 img/s, 00:10 left"
    )


def test_a_long_epoch_gets_a_line_in_between(clock, capsys):
    bar = progress.Progress("titn", epochs=1, total=1000, done=0)
    for clock.now in (10.0, 20.0, 31.0, 40.0):
        bar.step(1, 100, lambda: {"loss": 0.5})
    assert capsys.readouterr().err.splitlines() == [
        "titn epoch 1/1: loss 0.500 | 10 img/s, 01:12 left"
    ]


def test_images_of_before_a_resume_do_not_count_for_the_rate(clock, capsys):
    bar = progress.Progress("titn", epochs=2, total=200, done=100)
    clock.now = 10.0
    bar.step(2, 50, lambda: {"loss": 0.5})
    bar.epoch(ROW)
    assert "5 img/s, 00:10 left" in capsys.readouterr().err


def test_the_loss_is_not_read_at_every_step(clock):
    bar = progress.Progress("titn", epochs=1, total=1000, done=0)
    bar.step(1, 100, lambda: pytest.fail("read"))
