"""What one hour with a GPU is for, in the order of worth, by calls that may be cut short.

    python benchmarks/gpu_hour.py run --work DIR --data PART [--data PART ...] --minutes 9 --out OUT
    python benchmarks/gpu_hour.py collect --work DIR --out OUT
    python benchmarks/gpu_hour.py run --work DIR --rehearse --device cpu --minutes 5 --out OUT

Given again, `run` goes on where it was stopped: finished steps are skipped, half-done runs resume.
PART: a directory with some of CIFAR-100's parquet files; while one is missing, the steps that need
none are made. OUT gets report.txt and the records, without weights, in archives of at most 15 MiB.
docs/paper.md says what the steps are for. No network is used.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from titn.system.files import write_text

ROOT = Path(__file__).resolve().parents[1]
# The process of the step that is made.
PROCESS = "process.json"
SHARDS = 4  # of CIFAR-100: three of train, one of test
# After a signal to stop, so long to save.
GRACE_SECS = 20.0
# Of a call, so long at its end to collect.
COLLECT_SECS = 20.0
ARCHIVE_BYTES = 15 * 2**20
# A step that has failed so often is not tried again: a network that diverges does so every time.
MOST_FAILURES = 2

TABLE = ("--multirun", "+ablation=fast_table3")
MANY = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=4")
REHEARSED = ("dataset.num_classes=10", "dataset.fraction=0.02", "compile=none")
ONE_EPOCH = ("recipe.transformer.epochs=1", "recipe.fast_cnn.epochs=1")


@dataclass(frozen=True)
class Step:
    """A command that can be stopped and given again.

    arguments: of Python. needs_data: whether it reads CIFAR-100. most_secs: after so long, over all
    calls, it is left as it is.
    """

    name: str
    arguments: Sequence[str]
    needs_data: bool = True
    most_secs: float = float("inf")


def steps(work: Path, device: str, rehearse: bool) -> list[Step]:
    """All that is to be done, what matters most first."""
    measure = ["benchmarks/measure.py", "--device", device, "--batch", "1024", "--rounds", "3"]
    measure += ["--results", str(work / "results")]
    check = ["benchmarks/device_checks.py", "--device", device, "--work", str(work / "checks")]
    check += ["--json", str(work / "checks.json")]
    where = [f"dataset.root={work / 'data'}", f"runs_dir={work / 'runs'}", f"device={device}"]
    where.append("retry=failed")  # as one of several cells for which there was no memory
    train, quick = ["-m", "titn.train"], []
    students = [*measure, "--parts", "students"]
    choices = [*measure, "--rounds", "1", "--parts", "choices,together"]
    if rehearse:
        # Compiling alone takes minutes on a CPU.
        students = ["-m", "titn.bench", "model=titn", "batch_size=8", "compile=none"]
        students += [f"device={device}", "--steps", "1", "--rounds", "1"]
        choices = [*students, "--cells", "2", "--only-whole"]
        check += ["--checks", "grey_levels,resume"]
        quick = [*REHEARSED, *ONE_EPOCH]
    teacher = ["model=airbench94", "protocol=fast_cnn", "teacher=none", "augment=crop_flip"]
    teacher += ["mix=none", "dataset=cifar100", "checkpoint_secs=20"]
    table = [*TABLE, *MANY, "checkpoint_secs=20"]
    if rehearse:
        table += ["rows=[ViT,DeiT]"]
    found = [
        Step("checks", check, needs_data=False, most_secs=240),
        Step("students", students, needs_data=False, most_secs=240),
        Step("fast teacher", [*train, *teacher, *where, *quick]),
        Step("choices", choices, needs_data=False, most_secs=180),
    ]
    for epochs, seeds in ((100, "0"), (100, "1,2"), (300, "0")):
        name = f"table 3, {epochs} epochs, seed {seeds}"
        words = [*table, f"seed={seeds}", f"recipe.transformer.epochs={epochs}", *where, *quick]
        found.append(Step(name, [*train, *_last_of_each(words)]))
    if (ROOT / "conf" / "model" / "titn_plus.yaml").exists():
        words = ["model=titn_plus", "teacher=airbench94", "dataset=cifar100"]
        words += ["recipe.transformer.epochs=300"]
        found.append(
            Step("titn_plus, 300 epochs", [*train, *_last_of_each([*words, *where, *quick])])
        )
    # A rehearsal in the same directory does nothing of the real hour.
    return [replace(one, name=f"{one.name}, rehearsed") for one in found] if rehearse else found


def _last_of_each(words: Sequence[str]) -> list[str]:
    """Of overrides that name a key twice, the later one."""
    return list({word.partition("=")[0]: word for word in words}.values())


class Journal:
    """What has been done, in a file that is whole or not there: a call may be killed at any time.

    steps: name -> its state (done, failed, stopped, left), its seconds, without those of calls that
    were killed, in how many calls it was begun, and how often it failed.
    """

    def __init__(self, work: Path):
        self.path = work / "journal.json"
        self.steps: dict[str, dict] = {}
        if self.path.exists():
            self.steps = json.loads(self.path.read_text())

    def begin(self, name: str) -> None:
        """Noted before a step is made: a call that is killed has begun it all the same."""
        before = self.steps.get(name, {})
        calls, failures = before.get("calls", 0) + 1, before.get("failures", 0)
        step = {"state": "stopped", "secs": self.secs(name), "calls": calls, "failures": failures}
        self._write(name, step)

    def end(self, name: str, state: str, secs: float) -> None:
        step = self.steps[name]
        failures = step["failures"] + (state == "failed")
        ended = {"state": state, "secs": self.secs(name) + secs, "failures": failures}
        self._write(name, step | ended)

    def is_over(self, name: str) -> bool:
        """Whether a step is not to be made again."""
        failures = self.steps.get(name, {}).get("failures", 0)
        return self.state(name) in ("done", "left") or failures >= MOST_FAILURES

    def _write(self, name: str, step: dict) -> None:
        self.steps[name] = step
        write_text(self.path, json.dumps(self.steps, indent=1) + "\n")

    def state(self, name: str) -> str | None:
        return self.steps.get(name, {}).get("state")

    def secs(self, name: str) -> float:
        return self.steps.get(name, {}).get("secs", 0.0)


def run(work: Path, parts: Sequence[Path], planned: Sequence[Step], deadline: float) -> None:
    """Make the steps that are not done until the deadline, on the monotonic clock."""
    stop_left_over(work)
    complete = gather(parts, work / "data")
    journal = Journal(work)
    for step in planned:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        if journal.is_over(step.name):
            continue
        if step.needs_data and not complete:
            print(f"{step.name}: waits for the rest of CIFAR-100", flush=True)
            continue
        journal.begin(step.name)
        allowed = min(left, step.most_secs - journal.secs(step.name))
        started = time.monotonic()
        code = make(step, work, allowed)
        secs = time.monotonic() - started
        state = {0: "done", None: "stopped"}.get(code, "failed")
        if code is None and journal.secs(step.name) + secs >= step.most_secs:
            state = "left"
        journal.end(step.name, state, secs)
        print(f"{step.name}: {state} after {secs:.0f} s", flush=True)


def make(step: Step, work: Path, secs: float) -> int | None:
    """The exit code of a step's command; None if it was stopped after `secs`."""
    log = work / "logs" / f"{step.name.replace(' ', '_').replace(',', '')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"TITN_CACHE": str(work / "cache"), "PYTHONPATH": _path()}
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, *step.arguments],
            cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        made = psutil.Process(process.pid)
        identity = {"pid": made.pid, "create_time": made.create_time()}
        write_text(work / PROCESS, json.dumps(identity) + "\n")
        try:
            return process.wait(max(secs, 0.1))
        except subprocess.TimeoutExpired:
            return None
        finally:
            _stop(made)  # also if this process is interrupted


def stop_left_over(work: Path) -> None:
    """Stop what a call that was killed has left running: two would wait for each other's locks."""
    if (work / PROCESS).exists():
        identity = json.loads((work / PROCESS).read_text())
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(identity["pid"])
            if process.create_time() == identity["create_time"]:
                _stop(process)


def _stop(process: psutil.Process) -> None:
    """Let a process and all that it began save and end; after a while without saving."""
    with suppress(psutil.NoSuchProcess):
        everything = [process, *process.children(recursive=True)]
        for one in everything:
            with suppress(psutil.NoSuchProcess):
                one.terminate()
        _, alive = psutil.wait_procs(everything, GRACE_SECS)
        for one in alive:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def _path() -> str:
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))


def gather(parts: Sequence[Path], data: Path) -> bool:
    """Copy what was brought of CIFAR-100 together; whether it is complete."""
    data.mkdir(parents=True, exist_ok=True)
    for part in parts:
        for file in sorted(part.glob("*.parquet")):
            if not (data / file.name).exists():
                unfinished = data / f"{file.name}.copying"
                shutil.copyfile(file, unfinished)
                unfinished.rename(data / file.name)
    return len(list(data.glob("*.parquet"))) == SHARDS


def collect(work: Path, out: Path) -> None:
    """Records, logs and measurements, in archives that are small enough to be carried."""
    out.mkdir(parents=True, exist_ok=True)
    kept = work / "kept"
    if any((work / "runs").glob("*/result.json")):
        command = [sys.executable, "-m", "titn.report", str(work / "runs")]
        command += ["--out", str(work / "report"), "--keep", str(kept)]
        with (work / "logs" / "report.log").open("a") as log:
            environment = os.environ | {"PYTHONPATH": _path()}
            subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    places = (kept, work / "logs", work / "results")
    files = [file for place in places for file in sorted(place.rglob("*")) if file.is_file()]
    files += [file for file in (work / "journal.json", work / "checks.json") if file.exists()]
    for old in out.glob("records_*.tar.gz"):
        old.unlink()
    for number, group in enumerate(_groups(files)):
        with tarfile.open(out / f"records_{number}.tar.gz", "w:gz") as archive:
            for file in group:
                archive.add(file, str(file.relative_to(work)))
    write_text(out / "report.txt", summary(work))


def _groups(files: Sequence[Path]) -> list[list[Path]]:
    groups: list[list[Path]] = [[]]
    size = 0
    for file in files:
        length = file.stat().st_size
        if groups[-1] and size + length > ARCHIVE_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += length
    return groups


def summary(work: Path) -> str:
    """A line for each step that was begun, and how many runs are recorded."""
    lines = [
        f"{name}: {step['state']}, {step['secs']:.0f} s in {step['calls']} calls"
        for name, step in Journal(work).steps.items()
    ]
    recorded = len(list((work / "runs").glob("*/result.json")))
    return "\n".join([*lines, f"{recorded} runs recorded"]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    jobs = parser.add_subparsers(dest="job", required=True)
    for name in ("run", "collect"):
        job = jobs.add_parser(name)
        job.add_argument("--work", type=Path, required=True, help="kept between calls")
        job.add_argument("--out", type=Path, required=True, help="what is to be carried back")
    begin = jobs.choices["run"]
    begin.add_argument("--data", type=Path, action="append", default=[], metavar="PART")
    begin.add_argument("--minutes", type=float, required=True, help="of this call")
    begin.add_argument("--device", default="cuda")
    begin.add_argument("--rehearse", action="store_true", help="all of it, a hundredth of the size")
    arguments = parser.parse_args()
    ends = time.monotonic() + 60 * getattr(arguments, "minutes", 0) - COLLECT_SECS
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if arguments.job == "run":
        try:
            with FileLock(work / "running.lock", timeout=0):
                planned = steps(work, arguments.device, arguments.rehearse)
                run(work, arguments.data, planned, ends - GRACE_SECS)
        except Timeout:
            print(f"{work}: another run is at work there; collect what it has", file=sys.stderr)
            return 2
    collect(work, arguments.out)
    print(summary(work), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
