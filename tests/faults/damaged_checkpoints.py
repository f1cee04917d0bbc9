"""A half-done run whose checkpoints, or the kept labels of whose teacher, are damaged."""

import random
import shutil
from pathlib import Path

from harness import Tally, start
from killed_runs import RUN, contents, difference, wait_for

COMMAND = (*RUN, "checkpoint_secs=0", "seed=1")
KINDS = ("the newest checkpoint", "both checkpoints", "kept labels")


def damaged_checkpoints(tries: int, place: Path, rng: random.Random) -> list[Tally]:
    """Each `tries` times damaged at random; a line for each of KINDS."""
    known, half_done = _untouched(place / "whole"), _half_done(place / "half done")
    tallies = [Tally(f"{kind} damaged") for kind in KINDS]
    for number in range(tries):
        for kind, tally in zip(KINDS, tallies, strict=True):
            cwd = place / f"{kind} {number}"
            shutil.copytree(half_done, cwd)
            tally.count(_resumed(cwd, kind, known, rng))
            shutil.rmtree(cwd)
    return tallies


def _untouched(cwd: Path) -> dict:
    cwd.mkdir(parents=True)
    assert start("train", *COMMAND, cwd=cwd).wait().code == 0
    return contents(cwd / "runs")


def _half_done(cwd: Path) -> Path:
    """A student of which two checkpoints are there, with its teacher's labels of three epochs."""
    cwd.mkdir(parents=True)
    process = start("train", *COMMAND, cwd=cwd)
    wait_for(process, lambda: len(list(cwd.glob("runs/labels/*/epoch-00002*"))) == 1)
    assert process.kill().code == 137
    return cwd


def _resumed(cwd: Path, kind: str, known: dict, rng: random.Random) -> str | None:
    if kind == "kept labels":
        files = list(cwd.glob("runs/labels/*/epoch-*.safetensors"))
        # Another student of the same teacher sees the same images: it would use them.
        command = (*COMMAND, "run_dir=other", "eval_every=2")
        directory, said = cwd / "other", None
    else:
        (first, *_) = files = sorted(cwd.glob("runs/*/checkpoint-*"), reverse=True)
        files = files if kind.startswith("both") else [first]
        command, directory, said = COMMAND, None, first.name
    for file in files:
        file.write_bytes(damaged(file.read_bytes(), rng))
    done = start("train", *command, cwd=cwd).wait()
    if done.code or "Traceback" in done.err:
        return f"exit code {done.code}: {done.err[-300:]}"
    if said and said not in done.err:
        return f"{said} is not named: {done.err[-300:]}"
    if directory:
        return _other(directory, known)
    return difference(contents(cwd / "runs"), known)


def _other(directory: Path, known: dict) -> str | None:
    """A student elsewhere, with the weights that it has where labels are not damaged."""
    (found,) = contents(directory.parent, directory.name).values()
    students = [cell for cell in known.values() if cell["result"]["teacher"]]
    return None if found["weights"] == students[0]["weights"] else "weights differ"


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Cut, overwritten, or changed in a few bits; never as it was."""
    kind, at = rng.randrange(4), rng.randrange(len(content))
    if kind == 0:
        return content[:at]
    if kind == 1:
        return rng.randbytes(rng.randrange(1, 200))
    if kind == 2:
        return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
    stretch = rng.randrange(1, 4096)
    return content[:at] + rng.randbytes(stretch) + content[at + stretch :]
