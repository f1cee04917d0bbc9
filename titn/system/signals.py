"""SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1, SIGUSR2: a run saves and leaves, a second one at once.

Where stopping would tear something apart the process holds: the signal is remembered, and `check`
raises at the next point where everything is whole. A sweep's controller passes a signal on to the
processes that make its cells, and each of those also leaves when its controller is gone.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

NUMBERS = tuple(
    getattr(signal, name)
    # The last two are what schedulers send some time before the end.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)
# Sent every second from a limit of processor time on: the second one says nothing new.
REPEATED = getattr(signal, "SIGXCPU", None)
# A terminal, or a scheduler, may tell controller and workers at once; what a worker hears again
# within so many seconds is the same signal.
SAME_SECS = 1.0
# What Slurm sends, with SIGTERM after it, to a job that it takes its place from.
BEFORE_TERM = getattr(signal, "SIGCONT", None)
# So often a worker looks whether its controller is still there.
LOOK_SECS = 1.0


class Leave(KeyboardInterrupt):
    """The process was asked to leave."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """As shells and schedulers know it: 130 after SIGINT, 143 after SIGTERM."""
        return 128 + self.number

    def __str__(self) -> str:
        return signal.Signals(self.number).name


class _Process:
    """What this process was told, and how it takes it. There is one: signals are a process's."""

    installed_by: int | None = None  # the process that installed the handlers
    controller: int | None = None  # a worker's; None in a process that was started by a user
    round = 0  # of the controller's launches
    asked: int | None = None
    asked_at = 0.0
    raises = False
    at_work = False
    passes_on = False
    in_queue = False


_own = _Process()


def install(worker: bool = False, in_queue: bool = False) -> None:
    """Take the signals that would end this process; one that it was told to ignore stays ignored.

    worker: a process that makes cells for the sweep of its parent. in_queue: a job of a scheduler,
    which sends one signal after the other and SIGKILL when it has waited long enough: SIGCONT asks
    to leave too, and no second signal cuts the saving short. Only a main thread can; in another one
    signals do what they did.
    """
    if (
        _own.installed_by == os.getpid()
        or threading.current_thread() is not threading.main_thread()
    ):
        return
    _own.installed_by, _own.controller = os.getpid(), _parent() if worker else None
    _own.asked, _own.raises, _own.passes_on = None, False, False
    _own.in_queue = in_queue
    more = (BEFORE_TERM,) if in_queue and BEFORE_TERM is not None else ()
    for number in (*NUMBERS, *more):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _heard)
    if worker:
        threading.Thread(target=_end_as_orphan, daemon=True).start()


def _parent() -> int:
    """The process that started this one, even if it has been killed since."""
    started_by = multiprocessing.parent_process()
    return os.getppid() if started_by is None else started_by.pid or os.getppid()


def _heard(number: int, _: FrameType | None) -> None:
    now = time.monotonic()
    if _own.asked is not None:
        if number == REPEATED or _own.in_queue:
            return
        if _own.controller is None or now - _own.asked_at > SAME_SECS:
            _leave_at_once(number)
        return
    _own.asked, _own.asked_at = number, now
    if _own.passes_on:
        for child in psutil.Process().children():
            _send(child, signal.SIGTERM)
    if _own.raises:
        raise Leave(number)


def _leave_at_once(number: int) -> None:
    if _own.passes_on:
        for child in psutil.Process().children(recursive=True):
            _send(child, signal.SIGKILL)
    os._exit(128 + number)


def _end_as_orphan() -> None:
    """A worker whose controller was killed would wait for minutes, with all its memory."""
    while os.getppid() == _own.controller or _own.at_work:
        time.sleep(LOOK_SECS)
    os._exit(128 + signal.SIGTERM)


def _send(process: psutil.Process, number: int) -> None:
    with suppress(psutil.Error):  # it has ended meanwhile
        process.send_signal(number)


def asked() -> int | None:
    """The signal by which this process was asked to leave, if it was."""
    is_orphan = _own.controller is not None and os.getppid() != _own.controller
    return signal.SIGTERM if is_orphan else _own.asked


def check() -> None:
    """Raise Leave if this process was asked to."""
    if (number := asked()) is not None:
        raise Leave(number)


def begin_round(number: int) -> None:
    """A worker that was told to leave, and whose controller goes on, takes cells again."""
    if _own.controller is not None and number != _own.round:
        _own.round, _own.asked = number, None


@contextmanager
def interruptible() -> Iterator[None]:
    """Here nothing can be torn apart: a signal raises Leave at once."""
    check()
    before = _own.raises, _own.at_work
    _own.raises = _own.at_work = True
    try:
        yield
    finally:
        _own.raises, _own.at_work = before


@contextmanager
def deferred() -> Iterator[None]:
    """Here a signal is only remembered, for `check`."""
    check()
    before, _own.raises = _own.raises, False
    try:
        yield
    finally:
        _own.raises = before


@contextmanager
def forwarded() -> Iterator[None]:
    """Held, and what is heard is said to the processes that this one has started."""
    with deferred():
        _own.passes_on = True
        try:
            yield
        finally:
            _own.passes_on = False
