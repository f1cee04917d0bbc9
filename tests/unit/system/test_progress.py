"""Lines for logs: what they say and when."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios

import pytest

from titn.system import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves by hand."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Nobody else takes the cores."""
    monkeypatch.setattr(progress.Contention, "look", lambda _: None)


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


def lines(path):
    """What a log has, without the times."""
    return [line.split(" ", 2)[2] for line in path.read_text().splitlines()]


def test_what_is_said_is_kept_with_its_time(tmp_path, capsys):
    with progress.log_to(tmp_path / "log.txt"):
        progress.say("begun")
    assert capsys.readouterr().err == "begun\n"
    said = (tmp_path / "log.txt").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} begun\n", said)


def test_what_is_noted_is_kept_alone(tmp_path, capsys):
    with progress.log_to(tmp_path / "log.txt"):
        progress.note("a traceback")
    assert lines(tmp_path / "log.txt") == ["a traceback"]
    assert capsys.readouterr().err == ""


def test_a_log_keeps_only_what_is_said_in_the_meantime(tmp_path):
    progress.say("before")
    with progress.log_to(tmp_path / "log.txt"):
        progress.say("in it")
    progress.say("after")
    assert lines(tmp_path / "log.txt") == ["in it"]


def test_a_log_goes_on_where_it_ended(tmp_path):
    for text in ("begun", "resumed"):
        with progress.log_to(tmp_path / "log.txt"):
            progress.say(text)
    assert lines(tmp_path / "log.txt") == ["begun", "resumed"]


def test_a_log_is_closed_after_an_error(tmp_path):
    with pytest.raises(KeyboardInterrupt), progress.log_to(tmp_path / "log.txt"):
        raise KeyboardInterrupt
    progress.say("after")
    assert lines(tmp_path / "log.txt") == []


def test_a_bars_lines_are_in_the_log(clock, tmp_path):
    with progress.log_to(tmp_path / "log.txt"):
        progress.Progress("titn", epochs=2, total=200, done=0).epoch(ROW)
    assert lines(tmp_path / "log.txt")[0].startswith("titn epoch 1/2: loss 0.500 | test top1")


def test_names_that_are_not_ascii_are_kept(tmp_path):
    with progress.log_to(tmp_path / "log.txt"):
        progress.say("Zürich – 北京")
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").endswith(" Zürich – 北京\n")


@pytest.mark.parametrize(
    ("secs", "said"),
    [
        (0, "0 s"), (0.4, "0 s"), (45.2, "45 s"), (89, "89 s"), (90, "2 min"), (720, "12 min"),
        (89 * 60, "89 min"), (90 * 60, "1 h 30 min"), (12_000, "3 h 20 min"),
        (7170, "2 h 0 min"), (90_000, "25 h 0 min"),
    ],
)  # fmt: skip
def test_seconds_as_people_say_them(secs, said):
    assert progress.duration(secs) == said


def test_that_others_take_the_cores_is_said_between_epochs(clock, capsys, monkeypatch):
    monkeypatch.setattr(progress.Contention, "look", lambda _: "others take the cores")
    progress.Progress("titn", epochs=1, total=100, done=0).step(1, 50, lambda: {})
    assert capsys.readouterr().err == "others take the cores\n"


def test_a_cells_lines_begin_with_its_label(clock, capsys, tmp_path):
    with progress.labelled("no mix, seed 1", "ablation/mix"), progress.log_to(tmp_path / "log.txt"):
        progress.say("begun")
        progress.Progress("titn", epochs=2, total=200, done=0).epoch(ROW)
    progress.say("after")
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "no mix, seed 1: begun"
    assert said[1].startswith("no mix, seed 1: titn epoch 1/2: loss")
    assert said[2] == "after"
    assert lines(tmp_path / "log.txt")[0] == "begun"


class Terminal:
    """A terminal of so many columns in the place of standard error."""

    def __init__(self, monkeypatch, columns):
        self.ours, theirs = pty.openpty()
        self.stream = open(theirs, "w", encoding="utf-8")  # noqa: SIM115
        self.resize(columns)
        monkeypatch.setattr(sys, "stderr", self.stream)
        monkeypatch.setenv("TERM", "xterm")

    def resize(self, columns):
        fcntl.ioctl(self.stream, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def shown(self):
        """The last line that was written."""
        self.stream.write("\rEND")
        self.stream.flush()
        text = ""
        while not text.endswith("END"):  # a terminal hands on what it gets in its own time
            text += os.read(self.ours, 1 << 16).decode()
        text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text.removesuffix("\rEND"))
        return re.split(r"[\r\n]+", text.strip("\r\n"))[-1]


TERMS = {"loss": 2.4281, "task": 2.4281, "hard": 1.2345, "accuracy": 0.0981}


def draw(bar, clock):
    clock.now += 1.0
    bar.step(12, 1000, lambda: TERMS)


@pytest.mark.parametrize(
    ("columns", "terms"),
    [
        (60, ""),
        (80, "loss 2.428 accuracy 0.098"),
        (100, "loss 2.428 task 2.428 accuracy 0.098"),
        (140, "loss 2.428 task 2.428 hard 1.234 accuracy 0.098"),
    ],
)
@pytest.mark.parametrize("label", ["", "distillation and CutMix, seed 2"])
def test_a_bar_fits_a_terminal_and_no_term_is_cut(monkeypatch, clock, columns, terms, label):
    terminal = Terminal(monkeypatch, columns)
    with progress.labelled(label, ""):
        draw(progress.Progress("titn", epochs=300, total=100_000, done=0), clock)
    shown = terminal.shown()
    assert len(shown) <= columns
    assert re.search(r" 1%\|.{8,}\| .*img/s, \S+ left", shown)
    assert shown.startswith(label[:5] or "titn 12/300")
    found = re.findall(r"[a-z]+ \d\.\d{3}\b", shown)
    assert set(found) <= {"loss 2.428", "task 2.428", "hard 1.234", "accuracy 0.098"}
    if not label:
        assert shown.endswith(f"left, {terms}" if terms else "left")


def test_a_bar_follows_the_terminals_size(monkeypatch, clock):
    terminal = Terminal(monkeypatch, 140)
    bar = progress.Progress("titn", epochs=300, total=100_000, done=0)
    draw(bar, clock)
    assert "accuracy" in terminal.shown()
    terminal.resize(70)
    draw(bar, clock)
    assert len(terminal.shown()) <= 70


def test_a_terminal_that_does_not_know_its_size_has_80_columns(monkeypatch):
    Terminal(monkeypatch, 0)
    assert progress.terminal_width() == 80


def test_a_dumb_terminal_gets_lines(monkeypatch, clock):
    terminal = Terminal(monkeypatch, 80)
    monkeypatch.setenv("TERM", "dumb")
    bar = progress.Progress("titn", epochs=300, total=100_000, done=0)
    draw(bar, clock)
    bar.epoch(ROW)
    assert terminal.shown().startswith("titn epoch 1/300: ")
