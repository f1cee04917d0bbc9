"""Disks that are full, or only read: run in a user and mount namespace of its own.

`disks(tries)` starts this file under `unshare`, which needs no rights on most Linux systems; the
disks are small tmpfs, gone when it ends.
"""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from harness import TINY, Done, Tally, problem, run, start
from killed_runs import contents, difference

STUDENT = (*TINY, "epochs=3", "batch_size=64", "checkpoint_secs=0", "mix=cutmix")
# Its teacher's checkpoints are a few megabytes, its own a tenth of one.
TAUGHT = (
    "model.depth=1", "model.patch_size=16", "model.pixel_size=8", "model.patch_dim=12",
    "model.outer_heads=2", "augment=none", "dataset.fraction=0.1", "epochs=2", "batch_size=32",
    "schedule.warmup_epochs=1", "teacher=squeezenet", "teacher.epochs=1", "teacher.batch_size=32",
    "teacher.schedule.warmup_epochs=1", "precision=32-true", "device=cpu", "compile=none",
    "checkpoint_secs=0",
)  # fmt: skip
UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")
PAGE_KB = 4
PARTS = ("full", "taught", "read_only", "memory", "cache")


def can_mount() -> bool:
    """Whether this system lets its users have mounts of their own."""
    test = (*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt")
    return (
        bool(shutil.which("unshare")) and not subprocess.run(test, capture_output=True).returncode
    )


def disks(tries: int, seed: int = 0, parts: Sequence[str] = PARTS) -> list[Tally]:
    """`tries` runs on small disks, and the other faults a few times each."""
    done = subprocess.run(
        [*UNSHARE, sys.executable, __file__, str(tries), str(seed), *parts],
        capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [Tally(**one) for one in json.loads(done.stdout)]


class Disk:
    """A tmpfs of so many kilobytes."""

    def __init__(self, place: Path, size_kb: int):
        self.place = place
        place.mkdir(parents=True)
        self._mount("-t", "tmpfs", "-o", f"size={size_kb}k", "none")

    def resize(self, size_kb: int) -> None:
        self._mount("-o", f"remount,size={size_kb}k")

    def read_only(self, on: bool) -> None:
        self._mount("-o", "remount,ro" if on else "remount,rw")

    def used_kb(self) -> int:
        found = os.statvfs(self.place)
        return (found.f_blocks - found.f_bfree) * found.f_frsize // 1024

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", self.place], check=True)

    def _mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments, self.place], check=True)


def full(tries: int, place: Path, rng: random.Random, arguments: tuple[str, ...]) -> Tally:
    """A disk with room for a random part of what a run writes; later it has room for all."""
    kind = "student and teacher" if arguments is TAUGHT else "student"
    tally = Tally(f"disk full during a run, {kind}")
    reference = place / f"reference of {kind}"
    disk = Disk(reference, 400_000)
    started = start("train", *arguments, f"runs_dir='{reference}/runs'", cwd=place)
    most = 0
    while started.poll() is None:
        most = max(most, disk.used_kb())
    assert started.code == 0, started.wait().err
    known = contents(reference / "runs")
    disk.remove()
    for number in range(tries):
        small = Disk(place / f"{kind} {number}", max(rng.randrange(most), PAGE_KB))
        command = (*arguments, f"runs_dir='{small.place}/runs'")
        first = run("train", *command, cwd=place)
        lost = _answered(first, small)
        small.resize(400_000)
        last = run("train", *command, cwd=place)
        if last.code:
            lost = lost or f"with room made: {last.err[-300:]}"
        lost = lost or difference(contents(small.place / "runs"), known)
        tally.count(lost)
        small.remove()
    return tally


def _answered(done: Done, disk: Disk) -> str | None:
    """It may well have got by; or it says what it was that had no room."""
    if done.code == 0:
        return "a traceback" if "Traceback" in done.err else None
    return problem(done, str(disk.place), "No space left on device")


def cache(tries: int, place: Path, rng: random.Random) -> Tally:
    """Decoded images that do not fit where they would be kept."""
    tally = Tally("disk full while decoded images are kept")
    images = place / "images"
    _folder(images, rng)
    for number in range(tries):
        small = Disk(place / f"cache-{number}", rng.randrange(PAGE_KB, 12 * PAGE_KB))
        os.environ["TITN_CACHE"] = str(small.place)
        command = ("dataset=folder", f"dataset.root={images}", f"runs_dir=runs-{number}")
        done = run("train", *TINY, *command, cwd=place)
        said = "not cached" in done.err or any(small.place.rglob("*.safetensors"))
        tally.count(None if done.code == 0 and said else done.err[-300:])
        small.remove()
    return tally


def _folder(root: Path, rng: random.Random) -> None:
    from PIL import Image

    for split, count in (("train", 20), ("test", 5)):
        for name in ("one", "two"):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                picture = Image.frombytes("RGB", (16, 16), rng.randbytes(768))
                picture.save(root / split / name / f"{number}.png")


def read_only(place: Path) -> Tally:
    """A half-done run, and a record, on a disk that can no longer be written."""
    tally = Tally("run directory on a disk that is only read")
    disk = Disk(place / "read-only", 10_000)
    command = (*STUDENT, f"runs_dir={disk.place}/runs")
    disk.read_only(True)
    tally.count(problem(run("train", *command, cwd=place), "cannot be written", "runs"))
    disk.read_only(False)
    tally.count(None if run("train", *command, cwd=place).code == 0 else "not recorded")
    disk.read_only(True)
    done = run("train", *command, cwd=place)
    tally.count(None if "is recorded already" in done.err and not done.code else done.err)
    done = run("train", *command, "force=true", cwd=place)
    tally.count(problem(done, "cannot be written"))
    done = run("report", f"{disk.place}/runs", "--out", f"{disk.place}/out", cwd=place)
    tally.count(problem(done, "out"))
    disk.remove()
    return tally


def memory(tries: int, place: Path) -> Tally:
    """A cell that needs more memory than there is, in a sweep with one that does not."""
    tally = Tally("out of memory in a cell of a sweep")
    for number in range(tries):
        cwd = place / f"memory-{number}"
        cwd.mkdir()
        sweep = (*TINY, "model.depth=8", "model.patch_dim=192", "model.patch_size=2",
                 "model.pixel_size=1", "model.outer_heads=3", "epochs=1")  # fmt: skip
        done = start(
            "train", "--multirun", *sweep, "batch_size=1400,32", cwd=cwd, before=_little_memory
        ).wait()
        lost = problem(done, "out of memory on cpu; lower batch_size (it is 1400)")
        if not lost and len(list((cwd / "runs").glob("*/result.json"))) != 1:
            lost = f"the other cell is not recorded: {done.err[-300:]}"
        tally.count(lost)
    return tally


def _little_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = used + 1200 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(tries: int, seed: int, parts: Sequence[str]) -> list[Tally]:
    """In the namespace: the parts of the suite that are named."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        place = Path(directory).resolve()
        os.environ["TITN_CACHE"] = str(place / "cache")
        few = max(tries // 10, 1)
        suite: dict[str, Callable[[], Tally]] = {
            "full": lambda: full(tries, place, rng, STUDENT),
            "taught": lambda: full(max(tries // 4, 1), place, rng, TAUGHT),
            "read_only": lambda: read_only(place),
            "memory": lambda: memory(few, place),
            "cache": lambda: cache(few, place, rng),
        }
        return [suite[part]() for part in parts]


if __name__ == "__main__":
    found = main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    print(json.dumps([asdict(one) for one in found]))
