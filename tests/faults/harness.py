"""titn's commands as real processes, forked from one that has imported what every run imports.

What a command prints goes to files, so that whoever kills it can still read it.
"""

import atexit
import gc
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import torch

# A tiny student on real digits of 8x8 pixels: an epoch takes a fraction of a second.
TINY = (
    "dataset.image_size=8", "model.patch_size=4", "model.pixel_size=2", "model.depth=1",
    "model.patch_dim=12", "model.outer_heads=2", "epochs=2", "batch_size=256",
    "precision=32-true", "device=cpu", "compile=none", "augment=none",
)  # fmt: skip

# What commands import when they need it: a third of the work of one that trains TINY.
for name in (
    "sklearn.datasets", "sklearn.metrics", "sklearn.model_selection", "hydra_plugins.titn",
    "titn.report", "titn.reporting.write", "titn.train", "titn.sweeps.sweeper", "titn.cells.ensure",
    "titn.data.sources", "titn.losses.supervised", "titn.models.cnn", "titn.models.titn",
    "titn.optim.optimizers",
):  # fmt: skip
    import_module(name)

# The first backward pass of a process decides whether its forks may do one. After torch.compile has
# made a fake device known, which other tests do, they might not.
torch.ones(1, requires_grad=True).sum().backward()

# A forked process that looks for garbage would copy all that it inherits: half of its time.
gc.collect()
gc.freeze()
atexit.register(gc.unfreeze)


@dataclass(frozen=True)
class Done:
    """How a command ended. code: as a shell shows it, 137 for one that was killed."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """What it said to its user about what is wrong, a line each."""
        return [line for line in self.err.splitlines() if line.startswith("titn: ")]


@dataclass
class Process:
    """A command that runs in a process of its own."""

    pid: int
    output: Path
    code: int | None = None

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.code = 128 - code if code < 0 else code
        return self.code

    def send(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> Done:
        self.send(signal.SIGKILL)
        return self.wait()

    def wait(self, timeout_secs: float = 120.0) -> Done:
        """What it said and how it ended; killed, and code 137, if that takes too long."""
        end = time.monotonic() + timeout_secs
        while self.poll() is None:
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.002)
        assert self.code is not None
        out, err = (self.output.with_suffix(end).read_text() for end in (".out", ".err"))
        return Done(self.code, out, err)


_count = 0


def start(command: str, *arguments: str, cwd: Path, before=lambda: None) -> Process:
    """Begin `python -m titn.COMMAND ARGUMENTS` in `cwd`. before: called in the new process."""
    global _count
    _count += 1
    output = cwd / f".output-{_count}"
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = _run(command, arguments, cwd, output, before)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return Process(pid, output)


def _run(command: str, arguments: tuple[str, ...], cwd: Path, output: Path, before) -> int:
    for number, suffix in ((1, ".out"), (2, ".err")):
        file = os.open(output.with_suffix(suffix), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    # The parent's may be a test's own.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # whoever started the tests may ignore them
    os.setpgid(0, 0)
    os.chdir(cwd)
    sys.argv = [f"titn.{command}", *arguments]
    before()
    try:
        import_module(f"titn.{command}").main()
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
            return 1
        return error.code or 0
    return 0


def run(
    command: str, *arguments: str, cwd: Path, timeout_secs: float = 120.0, before=lambda: None
) -> Done:
    """The same, to its end."""
    return start(command, *arguments, cwd=cwd, before=before).wait(timeout_secs)


def problem(done: Done, *named: str) -> str | None:
    """What is wrong with how bad input was answered; None if nothing is.

    It has to be a complaint with exit code 1 or 2, without a traceback, that names `named`.
    """
    if "Traceback" in done.err or "Traceback" in done.out:
        return f"a traceback: {done.err.strip().splitlines()[-1]}"
    if done.code not in (1, 2):
        return f"exit code {done.code}: {done.err[-300:]}"
    if not done.complaints:
        return f"no complaint: {done.err[-300:]}"
    missing = [name for name in named if name not in done.err]
    return f"it does not name {missing[0]}: {done.complaints[-1]}" if missing else None


@dataclass
class Tally:
    """A line of the table. lost: what was not survived, in words."""

    fault: str
    tries: int = 0
    lost: list[str] = field(default_factory=list)

    @property
    def survived(self) -> int:
        return self.tries - len(self.lost)

    def count(self, lost: str | None) -> None:
        """One more try; lost: None if it was survived."""
        self.tries += 1
        if lost:
            self.lost.append(lost)


def records(cwd: Path) -> list[Path]:
    return sorted((cwd / "runs").glob("*/result.json"))


def record(path: Path) -> dict:
    return json.loads(path.read_text())
