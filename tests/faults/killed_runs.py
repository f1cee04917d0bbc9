"""A run that is killed again and again ends with the very weights of one that was left alone."""

import json
import mmap
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from harness import Done, Process, Tally, record, start
from safetensors import safe_open

import titn.cells.checkpoints
import titn.cells.make
import titn.records.run_dir
import titn.training.engine

# A student with stochastic depth, views and mixes, and a teacher with dropout and batch
# normalisation: all that a resumed run has to find again.
RUN = (
    "model.depth=2", "model.patch_size=16", "model.pixel_size=8", "model.patch_dim=12",
    "model.outer_heads=2", "model.drop_path=0.3", "augment=cifar", "mix=cutmix",
    "dataset.fraction=0.1", "epochs=4", "batch_size=32", "schedule.warmup_epochs=1",
    "teacher=mobilenet_v3", "teacher.model.size=small", "teacher.epochs=3", "teacher.batch_size=32",
    "teacher.schedule.warmup_epochs=1", "precision=32-true", "device=cpu", "compile=none",
)  # fmt: skip
ELSEWHERE, TRAINING, CHECKPOINT, EVALUATION, TEACHER, RECORD = PHASES = (
    "starting", "training", "writing a checkpoint", "evaluating", "training the teacher",
    "writing the record",
)  # fmt: skip
# After these nothing of a run depends on when it was done.
TIMES = ("train_secs", "wall_secs", "compile_secs", "images_per_sec", "kept_labels", "git_commit")


class Observed:
    """What a process is doing, in memory that it shares with whoever is about to kill it."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, mmap.PAGESIZE)

    def phase(self) -> str:
        return PHASES[self.memory[0]]

    def watch(self) -> None:
        """In the process: note when the real functions begin and end; they do what they did."""
        self._mark(titn.training.engine, "train_epoch", TRAINING)
        self._mark(titn.training.engine, "evaluate", EVALUATION)
        self._mark(titn.cells.make, "evaluate", EVALUATION)
        self._mark(titn.cells.checkpoints.Checkpoints, "save", CHECKPOINT)
        self._mark(titn.cells.make.TrainingRun, "_write_files", RECORD)
        self._mark(titn.records.run_dir.RunDir, "finish", RECORD)

    def _mark(self, owner: object, name: str, phase: str) -> None:
        real = getattr(owner, name)

        def marked(*arguments, **keywords):
            before = self.memory[0]
            is_teacher = phase == TRAINING and arguments[0].objective.teacher is None
            self.memory[0] = PHASES.index(TEACHER if is_teacher else phase)
            try:
                return real(*arguments, **keywords)
            finally:
                self.memory[0] = before

        setattr(owner, name, marked)


def contents(runs: Path, pattern: str = "*") -> dict:
    """All that is recorded of the cells of a directory, without the times."""
    found = {}
    for path in sorted(runs.glob(f"{pattern}/result.json")):
        result = {key: value for key, value in record(path).items() if key not in TIMES}
        result.pop(titn.records.run_dir.CHECKSUM)
        rows = [json.loads(line) for line in (path.parent / "epochs.jsonl").open()]
        for row in rows:
            row.pop("train_secs")
        found[path.parent.name] = {
            "weights": weights(path.parent),
            "samples": pq.read_table(path.parent / "samples.parquet").to_pydict(),
            "result": result,
            "epochs": rows,
            "left over": sorted(
                item.name for item in path.parent.iterdir()
                if item.name.startswith("checkpoint") or item.name.endswith((".tmp", ".damaged"))
            ),
        }  # fmt: skip
    return found


def weights(run: Path) -> dict[str, bytes]:
    """By name, bit for bit."""
    with safe_open(run / "weights.safetensors", framework="np") as file:
        return {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118


def difference(found: dict, reference: dict) -> str | None:
    """Where two directories of cells differ first, in words; None if they do not."""
    if found.keys() != reference.keys():
        return f"{len(found)} cells are recorded, not {len(reference)}"
    for name, cell in reference.items():
        for part, content in cell.items():
            if found[name][part] != content:
                return f"{part} of {name[:8]} differ"
    return None


@dataclass(frozen=True)
class Reference:
    """An untouched run by the plain command, and how long one takes that is forked."""

    contents: dict
    secs: float


def reference(place: Path, arguments: tuple[str, ...] = RUN) -> Reference:
    place.mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-m", "titn.train", *arguments],
        cwd=place, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    again = place / "again"
    again.mkdir()
    started = time.monotonic()
    start("train", *arguments, cwd=again).wait()
    return Reference(contents(place / "runs"), time.monotonic() - started)


def killed_at_random(
    kills: int,
    place: Path,
    known: Reference,
    rng: random.Random,
    arguments: tuple[str, ...] = RUN,
    tick: Callable[[], object] = lambda: None,
) -> list[Tally]:
    """Runs of which each is killed one to four times, `kills` in all; a line for each phase.

    Half of the kills wait for a phase, so that short ones get their share; the others come at any
    moment.
    """
    tallies = {phase: Tally(f"run killed while {phase}") for phase in PHASES}
    number = 0
    while sum(tally.tries for tally in tallies.values()) < kills:
        number += 1
        cwd = place / f"run-{number}"
        cwd.mkdir(parents=True)
        secs = rng.choice(("0", "0.05", "0.5", "60"))
        command = (*arguments, f"checkpoint_secs={secs}")
        phases = []
        for _ in range(rng.randint(1, 4)):
            phase = _kill(cwd, command, known.secs, rng)
            if phase is None:
                break
            phases.append(phase)
            tick()
        done = start("train", *command, cwd=cwd).wait()
        lost = _judged(done, cwd, known)
        for phase in phases:
            tallies[phase].count(lost and f"{lost} (checkpoint_secs={secs}, killed {phases})")
    return list(tallies.values())


def _kill(cwd: Path, command: tuple[str, ...], secs: float, rng: random.Random) -> str | None:
    """Start and kill; the phase in which it died, None if it was done before."""
    observed = Observed()
    process = start("train", *command, cwd=cwd, before=observed.watch)
    aim = rng.choice(PHASES[1:]) if rng.random() < 0.5 else None
    end = time.monotonic() + rng.uniform(0, secs)
    if aim:
        wait_for(process, lambda: observed.phase() == aim)
        time.sleep(rng.uniform(0, 0.02))
    else:
        wait_for(process, lambda: time.monotonic() > end)
    killed = process.kill().code == 137
    return observed.phase() if killed else None


def wait_for(process: Process, condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds, or the process has ended."""
    while process.poll() is None and not condition():
        time.sleep(0.0005)


def _judged(done: Done, cwd: Path, known: Reference) -> str | None:
    if done.code != 0:
        return f"exit code {done.code}: {done.err[-300:]}"
    return difference(contents(cwd / "runs"), known.contents)
