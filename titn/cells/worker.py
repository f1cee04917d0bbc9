"""What runs in the other processes of a cell that several devices train: see `processes`."""

import json
import os
import sys
import threading
from dataclasses import replace
from typing import Any, TextIO

import torch

from titn.cells.make import follow
from titn.cells.planning import Planner
from titn.cells.processes import READY, last_words
from titn.training import hardware
from titn.training.ranks import RanksDifferError, joined


def main() -> None:
    """Read a job from standard input and train along, until the end or that of the leader."""
    job = json.loads(sys.stdin.readline())
    # What a user's own code prints is no answer, and would fill a pipe that nobody empties.
    answers, sys.stdout = sys.stdout, sys.stderr
    threading.Thread(target=_end_with_leader, daemon=True).start()
    try:
        _train_along(job, answers)
    except Exception as error:
        print(last_words(error, hardware.is_out_of_memory(error)), file=answers, flush=True)
        raise


def _end_with_leader() -> None:
    """Standard input ends when the process that leads is gone, whatever has ended it."""
    sys.stdin.read()
    os._exit(1)


def _train_along(job: dict[str, Any], answers: TextIO) -> None:
    sys.path[:] = job["path"]
    torch.set_num_threads(job["threads"])
    run, rank = job["run"], job["rank"]
    cell = Planner(checked=True).plan(run, job["prefix"])
    if cell.device.type == "cuda":
        # Only now: a configuration that names one GPU is none for several devices.
        torch.cuda.set_device(rank)
        cell = replace(cell, device=torch.device("cuda", rank))
    if cell.identity != job["identity"]:
        raise RanksDifferError("a process that trains along composes another run")
    print(READY, file=answers, flush=True)
    with joined(rank, job["size"], job["port"], cell.device) as ranks:
        follow(cell, ranks)


if __name__ == "__main__":
    main()
