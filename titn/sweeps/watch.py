"""Watches sweeps until their cells are done: a screen that is redrawn, or a line for each change.

The screen is plain text between a handful of control sequences that every terminal knows; so the
same lines can be tested, and no package is needed for them.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from titn.records.cell_state import DONE, RUNNING, WAITING
from titn.records.live_sweeps import LiveCell, Picture, Watcher
from titn.records.slurm_jobs import QueueWatcher
from titn.sweeps.live_view import (
    ASCII,
    ENDED,
    UNICODE,
    Glyphs,
    failure_line,
    frame,
    is_failure,
    running_text,
    state_counts,
    state_text,
    summary_line,
)
from titn.sweeps.time_left import TimeLeft
from titn.system.console import FAILED as SOME_FAILED
from titn.system.streams import output_error
from titn.system.text import percent, printable

# Another screen without a cursor, and back; to the first column; the rest of a line, of a screen.
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
HOME, REST_OF_LINE, REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


# For so long a sweep that plans one batch after the other may have nothing to do.
BETWEEN_BATCHES_SECS = 30.0


@dataclass(frozen=True)
class Clock:
    """Seconds since 1970, and how to wait; tests have their own."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


def watch(
    directories: Sequence[Path], interval: float, is_terminal: bool, clock: Clock | None = None
) -> int:
    """Look every `interval` seconds; exit code 0 when all cells are done, 1 if some failed.

    Without a plan, all are done when nothing is running any more. Where a sweep may plan more cells
    it is waited for.
    """
    clock, out = clock or Clock(), sys.stdout
    watcher, time_left = Watcher(directories, QueueWatcher()), TimeLeft()
    glyphs = UNICODE if _can_print(UNICODE, out) else ASCII
    picture, has_run = Picture(), False
    over_since: float | None = None
    show = _Screen(out, glyphs) if is_terminal else _Lines(out)
    with show.open():
        while True:
            picture, now = watcher.look(), clock.now()
            has_run = has_run or any(cell.run.state == RUNNING for cell in picture.cells)
            show(picture, time_left.secs(picture, now), now)
            if not _is_over(picture, has_run):
                over_since = None
            elif over_since is None:
                over_since = now
            wait = BETWEEN_BATCHES_SECS if picture.may_grow else 0.0
            if (over_since is not None and now - over_since >= wait) or output_error():
                break
            clock.sleep(interval)
    some_failed = any(cell.is_stuck or is_failure(cell) for cell in picture.cells)
    return SOME_FAILED if some_failed else 0


def _is_over(picture: Picture, has_run: bool) -> bool:
    if picture.has_plan:
        has_ended = (cell.run.state in ENDED or cell.is_stuck for cell in picture.cells)
        return not picture.problems and all(has_ended)
    if any(cell.run.state == RUNNING for cell in picture.cells):
        return False
    is_ended = all(cell.run.state in ENDED for cell in picture.cells)
    return has_run or (bool(picture.cells) and is_ended)


def _can_print(glyphs: Glyphs, out: TextIO) -> bool:
    try:
        (glyphs.full + glyphs.levels + glyphs.cut).encode(out.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class _Screen:
    """Redraws; the last picture stays below what was on the terminal before."""

    def __init__(self, out: TextIO, glyphs: Glyphs):
        self.out, self.glyphs = out, glyphs
        self.last: list[str] = []

    @contextmanager
    def open(self) -> Iterator[None]:
        self.out.write(ENTER)
        try:
            yield
        finally:
            self.out.write(LEAVE + "".join(f"{line}\n" for line in self.last))
            self.out.flush()

    def __call__(self, picture: Picture, secs_left: float | None, now: float) -> None:
        width, height = shutil.get_terminal_size()
        # The last column and line stay free: some terminals move on when they are written.
        size = max(20, width - 1), max(4, height - 1)
        self.last = frame(picture, secs_left, now, size, self.glyphs)
        drawn = "".join(f"{line}{REST_OF_LINE}\r\n" for line in self.last)
        self.out.write(HOME + drawn + REST_OF_SCREEN)
        self.out.flush()


class _Lines:
    """Prints what has changed since the last look, with the time; at first what there is."""

    def __init__(self, out: TextIO):
        self.out = out
        self.said: dict[str, str] = {}
        self.sweeps = set[str]()
        self.is_first = True

    @contextmanager
    def open(self) -> Iterator[None]:
        yield

    def __call__(self, picture: Picture, secs_left: float | None, now: float) -> None:
        at = time.strftime("%H:%M:%S", time.localtime(now))
        lines = [text for name, text in state_counts(picture) if name not in self.sweeps]
        self.sweeps |= {cell.sweep for cell in picture.cells}
        if self.is_first:
            lines.append(summary_line(picture, secs_left))
        for key, change, text in self._found(picture, now):
            # What it finds waiting or, at first, recorded is only counted.
            is_old = change in DONE and self.is_first
            is_counted = is_old or (change == WAITING and key not in self.said)
            is_news = self.said.get(key) != change and not is_counted
            self.said[key] = change
            if is_news:
                lines.append(text if self.is_first else f"{text}{_progress(picture, secs_left)}")
        self.is_first = False
        for line in lines:
            self.out.write(f"{at} {printable(line)}\n")
        self.out.flush()

    def _found(self, picture: Picture, now: float) -> Iterator[tuple[str, str, str]]:
        """What it is about, what changes when it changes, and how it is said."""
        for problem in picture.problems:
            yield problem, "", problem
        for cell in (*picture.others, *picture.cells):
            change = f"{cell.run.state} {cell.run.learned.num_epochs} {cell.run.reason}"
            if cell.run.state in (*DONE, WAITING):
                change = cell.run.state
            yield f"{cell.sweep} {cell.run.path}", change, self._said(cell, now)

    def _said(self, cell: LiveCell, now: float) -> str:
        if is_failure(cell):
            return failure_line(cell)
        if cell.run.state == RUNNING:
            return f"{cell.label}: {running_text(cell, now)}"
        if cell.run.state in DONE and cell.run.files:
            top1 = percent((cell.run.files.result or {}).get("top1"))
            return f"{cell.label}: {cell.run.state}, top-1 {top1}%"
        return f"{cell.label}: {state_text(cell)}"


def _progress(picture: Picture, secs_left: float | None) -> str:
    done = sum(cell.run.state in ENDED for cell in picture.cells)
    return f" ({done} of {len(picture.cells)} ended; {summary_line(picture, secs_left)})"
