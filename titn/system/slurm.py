"""Slurm's commands, each asked once and with a timeout. No torch here."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from titn.system.errors import first_line

# A controller that is busy takes seconds; one that is down never answers.
TIMEOUT_SECS = 20.0
# squeue's format: a task of an array a line, as 12_3.
FORMAT = "%i|%j|%T|%r"

QUEUED, RUNNING, ENDED = "queued", "running", "ended"
# Slurm's states of a job -> what they are to a cell. Whatever else Slurm says is an end: NODE_FAIL,
# TIMEOUT, OUT_OF_MEMORY, and COMPLETED, which a job is, too, that has raised.
KINDS = {
    "PENDING": QUEUED,
    "REQUEUED": QUEUED,
    "REQUEUE_HOLD": QUEUED,
    "REQUEUE_FED": QUEUED,
    "RESV_DEL_HOLD": QUEUED,
    "SPECIAL_EXIT": QUEUED,
    "SUSPENDED": QUEUED,
    "STOPPED": QUEUED,
    "CONFIGURING": RUNNING,
    "RUNNING": RUNNING,
    "COMPLETING": RUNNING,
    "SIGNALING": RUNNING,
    "STAGE_OUT": RUNNING,
    "RESIZING": RUNNING,
}
CANCELLED = "CANCELLED"


class SlurmError(RuntimeError):
    """A command of Slurm is not there, does not answer or refuses; one line says which."""


class SlurmUncertainError(SlurmError):
    """It did not answer, or not as it should: what was asked for may have been done."""


@dataclass(frozen=True)
class Task:
    """A task of an array, as squeue lists it.

    job: the array's number. index: of the task; None for all that had not begun when the array was
    cancelled, of which Slurm keeps one entry. state: Slurm's word. reason: why it waits.
    """

    job: str
    index: int | None
    name: str
    state: str
    reason: str

    @property
    def kind(self) -> str:
        return KINDS.get(self.state, ENDED)


def call(*command: str, timeout_secs: float = TIMEOUT_SECS) -> str:
    """What a command prints; SlurmError if it is absent, does not answer or refuses."""
    program = command[0]
    if shutil.which(program) is None:
        raise SlurmError(f"there is no {program} on this machine")
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout_secs,
            # Their own settings of the user's formats and filters would change what is read.
            env={key: value for key, value in os.environ.items() if not key.startswith("SQUEUE_")},
        )
    except subprocess.TimeoutExpired:
        said = f"{program} did not answer within {timeout_secs:.0f} s"
        raise SlurmUncertainError(said) from None
    except OSError as error:
        raise SlurmError(f"{program}: {first_line(error)}") from None
    if done.returncode != 0:
        said = re.sub(rf"^{program}: (error: )?", "", (done.stderr.strip() or "?").splitlines()[-1])
        raise SlurmError(f"{program}: {said}")
    return done.stdout


def listed(names: Iterable[str], timeout_secs: float = TIMEOUT_SECS) -> list[Task]:
    """The tasks of arrays with these names, for some minutes those too that have ended.

    One call of squeue, none without names. By name, because squeue refuses a number that it has
    forgotten. Raises SlurmError.
    """
    wanted = ",".join(sorted(set(names)))
    if not wanted:
        return []
    arguments = ("--array", "--noheader", "--states=all", f"--name={wanted}", f"--format={FORMAT}")
    return parse(call("squeue", *arguments, timeout_secs=timeout_secs))


def parse(printed: str) -> list[Task]:
    """Lines of squeue; what is no job is left out."""
    found = []
    for line in printed.splitlines():
        number, name, state, reason = [*line.strip().split("|"), "", "", ""][:4]
        if match := re.fullmatch(r"(\d+)(?:_(\d+))?", number):
            index = None if match[2] is None else int(match[2])
            found.append(Task(match[1], index, name, state, reason))
    return found


def submit(script: str, *options: str) -> str:
    """The number of the job of a batch script; options come before what the script says."""
    printed = call("sbatch", "--parsable", *options, script)
    # A site may have lines of its own printed beside it.
    numbers = re.findall(r"^\s*(\d+)(?:;.*)?\s*$", printed, re.MULTILINE)
    if not numbers:
        said = f"sbatch printed no number of a job, but {printed.strip()[:60]!r}"
        raise SlurmUncertainError(said)
    return numbers[-1]


def cancel(jobs: Sequence[str], pending_only: bool = False) -> None:
    """End jobs, or those of their tasks that have not begun; SlurmError."""
    if jobs:
        call("scancel", *(["--state=PENDING"] if pending_only else []), *jobs)


def own_state(job: str) -> str | None:
    """Slurm's state of a job that is asked from inside it; None if squeue does not say."""
    try:
        return call("squeue", "--noheader", f"--jobs={job}", "--format=%T").strip() or None
    except SlurmError:
        return None


def has_gpus(partition: str | None) -> bool:
    """Whether a node of the partition (by default of any) offers GPUs; SlurmError."""
    chosen = (f"--partition={partition}",) if partition else ()
    return "gpu" in call("sinfo", "--noheader", "--format=%G", *chosen)
