"""Sweeps of which processes are killed: in the end every cell is recorded, once, and as ever."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from harness import Tally, start
from killed_runs import contents, difference

# Six cells and their teacher, an epoch of each a fraction of a second.
SWEEP = (
    "--multirun", "seed=0,1,2", "optimizer.lr=1e-3,2e-3", "model.depth=1", "model.patch_size=16",
    "model.pixel_size=8", "model.patch_dim=12", "model.outer_heads=2", "augment=crop_flip",
    "dataset.fraction=0.1", "epochs=6", "batch_size=32", "schedule.warmup_epochs=1",
    "teacher=squeezenet", "teacher.epochs=3", "teacher.batch_size=32",
    "teacher.schedule.warmup_epochs=1", "precision=32-true", "device=cpu", "compile=none",
    "checkpoint_secs=0.1",
)  # fmt: skip
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=4")


@dataclass
class Records:
    """When each record was first seen; one that is written again is a cell that was made twice."""

    runs: Path
    seen: dict[Path, int] = field(default_factory=dict)

    def look(self) -> str | None:
        """What has been written twice, in words."""
        for path in self.runs.glob("*/result.json"):
            inode = path.stat().st_ino
            if self.seen.setdefault(path, inode) != inode:
                return f"{path.parent.name[:8]} was recorded twice"
        return None


def reference(place: Path, sweep: Sequence[str] = SWEEP) -> dict:
    """What the same sweep records by the plain command, left alone."""
    place.mkdir(parents=True)
    _begin(place, sweep).wait()
    return contents(place / "runs")


def four_controllers(
    kills: int,
    place: Path,
    known: dict,
    rng: random.Random,
    tick: Callable[[], object] = lambda: None,
    sweep: Sequence[str] = SWEEP,
) -> Tally:
    """The same sweep asked four times at once; one that is killed is asked again."""
    tally = Tally("one of four sweeps at once killed")
    while tally.tries < kills:
        cwd = place / f"controllers-{tally.tries}"
        cwd.mkdir(parents=True)
        records, count, lost = Records(cwd / "runs"), 0, None
        controllers = [start("train", *sweep, cwd=cwd) for _ in range(4)]
        for _ in range(min(rng.randint(2, 6), kills - tally.tries)):
            time.sleep(rng.uniform(0.05, 1.5))
            running = [i for i, one in enumerate(controllers) if one.poll() is None]
            if not running:
                break
            unlucky = rng.choice(running)
            count += controllers[unlucky].kill().code == 137
            tick()
            controllers[unlucky] = start("train", *sweep, cwd=cwd)
            lost = lost or records.look()
        codes = [one.wait(240).code for one in controllers]
        lost = lost or _judged(codes, records, cwd, known)
        for _ in range(count):
            tally.count(lost)
    return tally


def four_workers(
    kills: int,
    place: Path,
    known: dict,
    rng: random.Random,
    tick: Callable[[], object] = lambda: None,
) -> list[Tally]:
    """One sweep with four workers; killed is its controller, or one of them."""
    tallies = [Tally(f"{what} of a sweep with four workers killed") for what in WHO]
    while sum(tally.tries for tally in tallies) < kills:
        cwd = place / f"workers-{sum(tally.tries for tally in tallies)}"
        cwd.mkdir(parents=True)
        records = Records(cwd / "runs")
        controller = _begin(cwd, (*SWEEP, *JOBLIB))
        killed = []
        for _ in range(rng.randint(1, 3)):
            who = rng.choice(WHO)
            if not _kill(controller, who, rng):
                break
            killed.append(who)
            tick()
            if who == CONTROLLER:
                controller.wait()
                controller = _begin(cwd, (*SWEEP, *JOBLIB))
        lost = _judged([controller.wait()], records, cwd, known)
        for who in killed:
            tallies[WHO.index(who)].count(lost)
    return tallies


WHO = CONTROLLER, WORKER = ("controller", "worker")


def _kill(controller: subprocess.Popen, who: str, rng: random.Random) -> bool:
    """At a random moment after the workers are there; whether there was anyone to kill."""
    if not _wait_for_workers(controller):
        return False
    time.sleep(rng.uniform(0, 6))
    victims = [controller.pid] if who == CONTROLLER else _workers(controller)
    if controller.poll() is not None or not victims:
        return False
    os.kill(rng.choice(victims), signal.SIGKILL)
    return True


def _wait_for_workers(controller: subprocess.Popen) -> bool:
    while controller.poll() is None:
        if _workers(controller):
            return True
        time.sleep(0.05)
    return False


def _workers(controller: subprocess.Popen) -> list[int]:
    try:
        children = psutil.Process(controller.pid).children()
        return [one.pid for one in children if "resource_tracker" not in " ".join(one.cmdline())]
    except psutil.Error:
        return []


def _begin(cwd: Path, arguments: Sequence[str]) -> subprocess.Popen:
    with open(cwd / ".output", "a") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "titn.train", *arguments],
            cwd=cwd, stdout=output, stderr=output, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip


def _judged(codes: list[int], records: Records, cwd: Path, known: dict) -> str | None:
    if any(codes):
        last = (cwd / ".output").read_text()[-300:] if (cwd / ".output").exists() else ""
        return f"exit codes {codes} {last}"
    return records.look() or difference(contents(cwd / "runs"), known)
