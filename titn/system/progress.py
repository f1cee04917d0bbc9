"""How a run tells where it is: a bar on a terminal, plain lines elsewhere."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from tqdm import tqdm

from titn.system.contention import Contention
from titn.system.text import printable

# Only to the files of `log_to`: what is on the terminal is printed there, beside the bar.
LOG = logging.getLogger("titn")
LOG.setLevel(logging.INFO)
LOG.propagate = False
LOG.addHandler(logging.NullHandler())

# The cell of a sweep whose lines these are.
LABEL: ContextVar[str] = ContextVar("label", default="")
# The sweep that it belongs to.
SWEEP: ContextVar[str] = ContextVar("sweep", default="")

# What a line of the bar has beside its title and its terms, with ten columns for the bar itself.
BAR = "{desc} {percentage:3.0f}%|{bar}| {rate_fmt}, {remaining} left{postfix}"
BAR_WIDTH = len(" 100%||") + 10 + len(" 99.9kimg/s, 9:59:59 left") + len(", ")
# Where room is scarce these terms come first.
FIRST_TERMS = ("loss", "accuracy")

# Of bars and rates: images.
UNIT = "img"
# Elsewhere than on a terminal, an epoch that takes longer gets a line in between this often.
LINE_SECS = 30.0
# Reading a loss waits for the device, so it is read this often and not at every step.
READ_SECS = 0.5


class Progress:
    """Counts training images over all epochs of a run.

    total: images of the whole run; done: of an earlier part of it, before a resume.
    """

    def __init__(self, title: str, *, epochs: int, total: int, done: int):
        self.title = title
        self.epochs = epochs
        self.total = total
        # A dumb one, as in an editor, cannot draw a line again.
        self.on_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.width = terminal_width()
        self.bar = tqdm(
            total=total,
            initial=done,
            desc=self._title(),
            unit=UNIT,
            bar_format=BAR,
            unit_scale=True,
            dynamic_ncols=True,
            disable=not self.on_terminal,
        )
        self.done = done
        self.started, self.done_before = time.monotonic(), done
        self.last_read = self.last_line = self.started
        self.contention = Contention()

    def step(self, epoch: int, num_images: int, read: Callable[[], dict[str, float]]) -> None:
        """Called after every step; `read` returns the mean terms of the epoch so far."""
        self.done += num_images
        self._fit_terminal()
        self.bar.update(num_images)
        if contended := self.contention.look():
            self._say(contended)
        now = time.monotonic()
        if self.on_terminal and now - self.last_read > READ_SECS:
            self.last_read = now
            title = self._title(f" {epoch}/{self.epochs}")
            self.bar.set_description_str(title, refresh=False)
            room = self.width - len(title) - BAR_WIDTH
            self.bar.set_postfix_str(fitting_terms(read(), room))
        elif not self.on_terminal and now - self.last_line > LINE_SECS:
            self._line(f"{self.title} epoch {epoch}/{self.epochs}: {_terms(read())}")

    def epoch(self, row: dict) -> None:
        """A finished epoch: its line stays on the screen."""
        text = f"{self.title} epoch {row['epoch']}/{self.epochs}: {_terms(row['train'])}"
        if "top1" in row:
            text += f" | {row['split']} top1 {row['top1']:.4f} nll {row['nll']:.3f}"
        self._line(text)

    def _fit_terminal(self) -> None:
        """Forget the bar's last length when the terminal has another width.

        tqdm blanks out as much as the last line had, which a narrower terminal would wrap.
        """
        if self.on_terminal and (width := terminal_width()) != self.width:
            self.width = width
            self.bar.set_postfix_str("", refresh=False)
            self.bar.sp = self.bar.status_printer(self.bar.fp)

    def _title(self, epoch: str = "") -> str:
        """With the cell of a sweep, in at most a third of the line."""
        label = LABEL.get()
        title = f"{label}: {self.title}" if label else self.title
        room = self.width // 3 - len(epoch)
        return (title if len(title) <= room else f"{title[: room - 2]}..") + epoch

    def close(self) -> None:
        self.bar.close()

    def _line(self, text: str) -> None:
        self.last_line = time.monotonic()
        if self.on_terminal:
            self._say(text)
            return
        rate = (self.done - self.done_before) / max(self.last_line - self.started, 1e-9)
        left = (self.total - self.done) / rate if rate else 0.0
        say(f"{text} | {rate:.0f} img/s, {tqdm.format_interval(left)} left")

    def _say(self, text: str) -> None:
        """A line of its own, above the bar if there is one."""
        with self.bar.external_write_mode(sys.stderr):
            say(text)


class Silent(Progress):
    """Of a process that trains with others, of which one tells."""

    def __init__(self) -> None:
        pass

    def step(self, epoch: int, num_images: int, read: Callable[[], dict[str, float]]) -> None:
        pass

    def epoch(self, row: dict) -> None:
        pass

    def close(self) -> None:
        pass


class Counter:
    """Counts work of one kind before training: a bar on a terminal, a line now and then elsewhere.

    total: all of it; done: by an earlier process.
    """

    def __init__(self, title: str, *, total: int, done: int = 0):
        self.title = title
        self.total, self.done, self.done_before = total, done, done
        self.started = self.last_line = time.monotonic()
        self.bar = tqdm(
            total=total, initial=done, desc=title, unit=UNIT, disable=None, leave=False, delay=0.5
        )

    def __enter__(self) -> "Counter":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def add(self, count: int) -> None:
        self.done += count
        self.bar.update(count)
        now = time.monotonic()
        if self.bar.disable and now - self.last_line > LINE_SECS:
            self.last_line = now
            rate = (self.done - self.done_before) / (now - self.started)
            left = tqdm.format_interval((self.total - self.done) / rate)
            say(f"{self.title}: {self.done} of {self.total} | {rate:.0f} {UNIT}/s, {left} left")


def say(text: str) -> None:
    """A line for the user, where the bar is, and for the log; standard output is for results."""
    label = LABEL.get()
    with suppress(OSError):  # a terminal that is gone, a log on a full disk: the work goes on
        print(printable(f"{label}: {text}" if label else text), file=sys.stderr, flush=True)
    LOG.info(text)


@contextmanager
def labelled(label: str, sweep: str) -> Iterator[None]:
    """What is said in the meantime begins with the label of a sweep's cell."""
    before, sweep_before = LABEL.set(label), SWEEP.set(sweep)
    try:
        yield
    finally:
        LABEL.reset(before)
        SWEEP.reset(sweep_before)


def note(text: str) -> None:
    """For the log alone."""
    LOG.info(text)


class Log(logging.FileHandler):
    """A line that cannot be written, on a full disk, is left out."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """What is said in the meantime is kept in a file as well, with the time of each line."""
    handler = Log(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    LOG.addHandler(handler)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        handler.close()


def duration(secs: float) -> str:
    """Seconds as people say them: 45 s, 12 min, 3 h 20 min."""
    minutes = round(secs / 60)
    if secs < 90:
        return f"{secs:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def terminal_width() -> int:
    """Columns of the terminal on standard error; 80 if it does not say."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return 80


def fitting_terms(terms: dict[str, float], width: int) -> str:
    """The terms that fit, none of them cut."""
    first = [name for name in FIRST_TERMS if name in terms]
    kept = dict[str, float]()
    for name in (*first, *(name for name in terms if name not in first)):
        if len(_terms(kept | {name: terms[name]})) <= width:
            kept[name] = terms[name]
    return _terms({name: value for name, value in terms.items() if name in kept})


def _terms(terms: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in terms.items())
