"""What a task of an array runs on its node: python -m titn.sweeps.slurm.job SUBMISSION.

The cell is made as it was planned (titn.sweeps.pinned). Told to leave, the job saves and puts
itself into the queue again.
"""

import os
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titn.config.plugins import load_plugins
from titn.records.run_dir import RunDir
from titn.records.slurm_jobs import (
    BEGUN,
    ENDED,
    PREEMPTED,
    TaskFile,
    read_cell,
    read_task,
    write_task,
)
from titn.records.summary import outcome_text
from titn.sweeps.pinned import going_on, plan_pinned
from titn.sweeps.slurm.verdicts import NOT_BEGUN
from titn.system import signals, slurm
from titn.system.console import run_command
from titn.system.errors import CellError, ConfigError
from titn.system.locks import LockLostError
from titn.system.progress import labelled, say
from titn.system.slurm import SlurmError

# A job that has not come any further in so many starts would come no further in more of them.
MAX_VAIN_STARTS = 5
BUSY = 75  # as sendmail says "try again later"


@dataclass(frozen=True)
class Where:
    """This task, as Slurm's variables tell it.

    job, index: of the array. own: the job's number, by which squeue and scontrol know this task
    alone.
    """

    job: str
    index: int
    own: str

    @property
    def id(self) -> str:
        return f"{self.job}_{self.index}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Exit code 0 recorded, 1 failed, 2 bad input, 75 made elsewhere, 138 or 143 left."""
    given = sys.argv[1:] if arguments is None else arguments
    sys.exit(run_command(lambda: run_task(given, os.environ)))


def run_task(arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Make the cell of this task and write down how it has fared."""
    if len(arguments) != 1:
        raise ConfigError("titn.sweeps.slurm.job: is begun by Slurm; use hydra/launcher=slurm")
    path, where = Path(arguments[0]).parent, find_task(variables)
    try:
        cell = read_cell(path, where.index)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}; give the sweep's command again") from None
    signals.install(in_queue=True)
    return Job(path, where, cell).run()


def find_task(variables: Mapping[str, str]) -> Where:
    """ConfigError outside of a task of an array."""
    names = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID")
    found = [variables.get(name, "") for name in names]
    if not all(one.isdecimal() for one in found):
        raise ConfigError("titn.sweeps.slurm.job: is begun by Slurm; use hydra/launcher=slurm")
    return Where(found[0], int(found[1]), found[2])


class Job:
    """A task while it runs."""

    def __init__(self, path: Path, where: Where, cell: Mapping[str, Any]):
        self.path, self.where, self.cell = path, where, cell
        self.before = read_task(path, where.index)
        self.starts = self.before.starts + 1 if self.before else 1
        self.stop_file = Path(cell["stop_file"]) if cell["stop_file"] else None

    def run(self) -> int:
        label = self.cell["label"]
        self._write(BEGUN)
        if self.stop_file is not None and self.stop_file.exists():
            return self._end(1, reason=NOT_BEGUN)
        try:
            with signals.interruptible(), labelled(label, self.cell["sweep"]):
                return self._make()
        except signals.Leave as leave:
            return self._leave(leave)
        except (ConfigError, CellError) as error:
            say(f"{label}: {error}")
            self._stop_others()
            is_bad_input = isinstance(error, ConfigError)
            return self._end(2 if is_bad_input else 1, reason=str(error), bad_input=is_bad_input)

    def _make(self) -> int:
        from titn.cells.ensure import BusyError, ensure_recorded

        load_plugins()
        run = self.cell["run"]
        if self.starts > 1 and not self._has_old_record():
            run = going_on(run)
        cell = plan_pinned(run, self.cell["prefix"], self.cell["identity"])
        try:
            result = ensure_recorded(cell, wait=False)
        except LockLostError as error:
            say(str(error))
            return self._end(BUSY, reason=str(error), busy=True)
        except BusyError:
            say("another process is making it, or its teacher")
            return self._end(BUSY, reason="another process is making it", busy=True)
        say(outcome_text(result, cell.directory.path))
        return self._end(0)

    def _has_old_record(self) -> bool:
        """Whether it is that which force=true replaces: an earlier start did not come so far."""
        old, there = self.cell.get("record"), RunDir(Path(self.cell["directories"][0]))
        return old is not None and there.record_stamp() == tuple(old)

    def _leave(self, leave: signals.Leave) -> int:
        """Saved, as far as there was anything: into the queue again, unless that is not wanted.

        Slurm has a job as RUNNING that it was asked to signal, by --signal before its time is over
        or by scancel --signal. One that it is ending is cancelled, or is preempted and queued again
        by Slurm itself.
        """
        position = self._position()
        vain = self.before.vain + 1 if self.before and self.before.position == position else 0
        if vain >= MAX_VAIN_STARTS:
            reason = f"came no further in {vain} starts; give hydra.launcher.time more"
            return self._end(leave.exit_code, reason=reason)
        self._write(PREEMPTED, vain=vain, position=position)
        state = slurm.own_state(self.where.own)
        say(f"{self.cell['label']}: {leave}, while Slurm has it as {state}")
        if state == "RUNNING":
            try:
                slurm.call("scontrol", "requeue", self.where.own)
                say(f"{self.cell['label']}: queued again as {self.where.id}")
            except SlurmError as error:
                say(f"{self.cell['label']}: not queued again ({error}); the sweep's command does")
        return leave.exit_code

    def _position(self) -> str:
        """How far the cell and its teacher have come: their newest checkpoints, and the record."""
        return " ".join(RunDir(Path(one)).position for one in self.cell["directories"])

    def _stop_others(self) -> None:
        """With fail_fast=true: no other cell begins, and those of this array are not queued."""
        if self.stop_file is None:
            return
        self.stop_file.touch()
        try:
            slurm.cancel([self.where.job], pending_only=True)
        except SlurmError as error:
            say(f"{error}; the others end when they begin")

    def _end(self, code: int, **facts: Any) -> int:
        self._write(ENDED, **facts)
        return code

    def _write(self, state: str, **facts: Any) -> None:
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kept = {"vain": self.before.vain, "position": self.before.position} if self.before else {}
        task = {"job": self.where.id, "starts": self.starts, "peak_bytes": peak, "state": state}
        write_task(self.path, self.where.index, TaskFile.model_validate(kept | task | facts))


if __name__ == "__main__":
    main()
