"""The batch script of an array of cells."""

import re
import shlex
import sys
from pathlib import Path

from titn.records.slurm_jobs import SUBMISSION
from titn.sweeps.slurm.options import SlurmOptions
from titn.sweeps.slurm.resources import Resources

# sbatch's default allows 1001 tasks; sites may allow fewer.
MAX_TASKS = 1000


def batch_script(
    path: Path,
    name: str,
    num_tasks: int,
    options: SlurmOptions,
    resources: Resources,
    after: str | None = None,
    directory: Path | None = None,
) -> str:
    """The script of a submission in `path`, which Slurm runs once for each of its tasks.

    after: a job, or a task of one, that has to succeed first; these are cancelled if it does not.
    directory: where it runs, by default here.

    `exec` makes titn the process that Slurm signals: B: sends to the batch shell alone, and there
    is no srun, so that a site's MPI and its prologues have no part in it.
    """
    most = f"%{options.at_once}" if options.at_once else ""
    given: dict[str, str | int | None] = {
        "job-name": name,
        "array": f"0-{num_tasks - 1}{most}",
        "output": f"{_escaped(path)}/log-%a.txt",
        "open-mode": "append",
        "chdir": f"{directory or Path.cwd()}",
        "requeue": None,
        "signal": f"B:USR1@{options.signal_secs}",
        "cpus-per-task": options.cpus,
    }
    for key in ("partition", "account", "qos"):
        if getattr(options, key) is not None:
            given[key] = getattr(options, key)
    if resources.minutes is not None:
        given["time"] = resources.minutes
    given["mem"] = f"{resources.mebibytes}M"
    if resources.gpus != "0":
        given["gres"] = f"gpu:{resources.gpus}"
    if after is not None:
        given |= {"dependency": f"afterok:{after}", "kill-on-invalid-dep": "yes"}
    given |= options.sbatch
    lines = ["#!/bin/bash", *(f"#SBATCH {_option(key, value)}" for key, value in given.items())]
    # As many threads as cores, also where Slurm binds a job to none.
    lines += [f"export OMP_NUM_THREADS=${{OMP_NUM_THREADS:-{options.cpus}}}", *options.setup]
    job = [sys.executable, "-m", "titn.sweeps.slurm.job", str(path / SUBMISSION)]
    return "\n".join([*lines, f"exec {shlex.join(job)}", ""])


def _option(key: str, value: str | int | None) -> str:
    return f"--{key}" if value is None else f"--{key}={_quoted(str(value))}"


def _quoted(value: str) -> str:
    """As sbatch reads its lines: by words, with quotes."""
    if re.fullmatch(r"[\w@%+=:,./-]+", value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _escaped(path: Path) -> str:
    """A per cent sign in a file's name stands for something."""
    return str(path).replace("%", "%%")
