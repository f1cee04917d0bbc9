"""How a run tells where it is: a bar on a terminal, plain lines elsewhere."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tqdm import tqdm

from titn.system.contention import Contention
from titn.system.text import printable

# Only to the files of `log_to`: what is on the terminal is printed there, beside the bar.
LOG = logging.getLogger("titn")
LOG.setLevel(logging.INFO)
LOG.propagate = False
LOG.addHandler(logging.NullHandler())

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
        self.on_terminal = sys.stderr.isatty()
        self.bar = tqdm(
            total=total,
            initial=done,
            desc=title,
            unit="img",
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
        self.bar.update(num_images)
        if contended := self.contention.look():
            self._say(contended)
        now = time.monotonic()
        if self.on_terminal and now - self.last_read > READ_SECS:
            self.last_read = now
            self.bar.set_description(f"{self.title} {epoch}/{self.epochs}", refresh=False)
            self.bar.set_postfix_str(_terms(read()))
        elif not self.on_terminal and now - self.last_line > LINE_SECS:
            self._line(f"{self.title} epoch {epoch}/{self.epochs}: {_terms(read())}")

    def epoch(self, row: dict) -> None:
        """A finished epoch: its line stays on the screen."""
        text = f"{self.title} epoch {row['epoch']}/{self.epochs}: {_terms(row['train'])}"
        if "top1" in row:
            text += f" | {row['split']} top1 {row['top1']:.4f} nll {row['nll']:.3f}"
        self._line(text)

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


def say(text: str) -> None:
    """A line for the user, where the bar is, and for the log; standard output is for results."""
    with suppress(OSError):  # a terminal that is gone, a log on a full disk: the work goes on
        print(printable(text), file=sys.stderr, flush=True)
    LOG.info(text)


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


def _terms(terms: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in terms.items())
