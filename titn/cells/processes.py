"""The processes that make one cell together with this one, each on a device of its own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

from titn.cells.cell import Cell
from titn.system.errors import ConfigError, first_line
from titn.system.ports import free_port
from titn.training.ranks import Ranks, joined

READY = "ready"
# An exchange with a process that has died fails at once; so long its end may take to be seen.
DYING_SECS = 10.0


class ProcessError(RuntimeError):
    """One of the processes of a run has ended."""


@contextmanager
def together(cell: Cell) -> Iterator[Ranks | None]:
    """Start the other processes of a cell with `devices` above 1, and end them at the end.

    They compose, plan and assemble what this process does (`titn.cells.worker`), and write nothing:
    so they can be ended at any time. Their threads and those of this process share the machine's.
    Yields None for a run on one device.

    ProcessError, or MemoryError, if one of them ends before.
    """
    size = cell.run["devices"]
    if size == 1:
        yield None
        return
    threads = torch.get_num_threads()
    job = {
        "run": cell.run,
        "prefix": cell.prefix,
        "identity": cell.identity,
        "size": size,
        "port": free_port(),
        "threads": max(threads // size, 1),
        "path": sys.path,
    }
    others: list[_Process] = []
    try:
        for rank in range(1, size):
            others.append(_Process(rank, job))
        for other in others:
            other.wait_until_ready()
        torch.set_num_threads(job["threads"])
        with joined(0, size, job["port"], cell.device) as ranks:
            yield ranks
    except Exception as error:
        end = time.monotonic() + DYING_SECS
        for other in others:
            other.raise_if_ended(error, max(end - time.monotonic(), 0.0))
        raise
    finally:
        torch.set_num_threads(threads)
        for other in others:
            other.end()


class _Process:
    """One of the others, as this process sees it."""

    def __init__(self, rank: int, job: dict[str, Any]):
        self.rank = rank
        self.size = job["size"]
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `end`)
        threads = str(job["threads"])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "titn.cells.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": threads},
            # A terminal's Ctrl-C is for the process that leads, which saves first.
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.pipe, self.answers = self.process.stdin, self.process.stdout
        with suppress(BrokenPipeError):
            # Kept open: its end tells the process that this one has died.
            print(json.dumps(job | {"rank": rank}), file=self.pipe, flush=True)

    def wait_until_ready(self) -> None:
        """Raise if it ends instead."""
        if self.answers.readline().strip() != READY:
            self.process.wait()
            self.raise_if_ended(None, DYING_SECS)

    def raise_if_ended(self, cause: Exception | None, secs: float) -> None:
        """Raise what it has died of, if it is dead or will be so many seconds from now."""
        if cause is not None and not isinstance(cause, RuntimeError):
            return  # not what an exchange with a dead process raises
        try:
            code = self.process.wait(secs)
        except subprocess.TimeoutExpired:
            return
        where = f"process {self.rank} of {self.size - 1} that train along"
        said = self._last_words()
        if said is None:
            ending = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise ProcessError(f"{where} ended by {ending}{self._last_line()}") from cause
        if said.get("is_memory"):
            raise MemoryError(f"{where}: {said['error']}") from cause
        if said.get("is_input"):
            raise ConfigError(said["error"]) from cause
        raise ProcessError(f"{where}: {said['error']}") from cause

    def _last_words(self) -> dict[str, Any] | None:
        """What it wrote before it ended, if it could."""
        lines = self.answers.read().splitlines()
        with suppress(IndexError, ValueError):
            words: dict[str, Any] = json.loads(lines[-1])
            return words
        return None

    def _last_line(self) -> str:
        """What was last on its standard error, in brackets; "" if nothing was."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return f" ({lines[-1].strip()})" if lines else ""

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for file in (self.pipe, self.answers, self.errors):
            with suppress(OSError):
                file.close()


def last_words(error: Exception, is_memory: bool) -> str:
    """What a process writes before it ends."""
    words = {
        "error": first_line(error),
        "is_memory": is_memory,
        "is_input": isinstance(error, ConfigError),
    }
    return json.dumps(words)
