"""Whether a device computes what the CPU does, and its fast paths what the plain ones do.

    python benchmarks/device_checks.py --device cuda --work DIR

Each check trains a small TITN or DeiT on scikit-learn's digits twice, or as often as it takes, with
one thing changed, and compares. Prints a line for each; exit code 1 if one fails.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from measure import code
from safetensors.torch import load_file

from titn.data.views import CropFlip
from titn.records import load
from titn.system.files import write_text

SMALL = (
    "dataset=digits", "dataset.fraction=0.2", "epochs=2", "model.depth=4", "batch_size=64",
    "compile=none", "precision=32-true", "checkpoint_secs=0",
)  # fmt: skip
# A loss in float32 after some thirty steps: what another order of the same sums makes of it.
ROUNDING = 2e-3
# The same with products of bf16, whose relative error is 2^-9.
ROUNDING_BF16 = 5e-2


@dataclass(frozen=True)
class Finding:
    """What a check measured, and the most that it may be."""

    check: str
    found: float
    most: float

    @property
    def passed(self) -> bool:
        return self.found <= self.most


class CheckError(Exception):
    """A check that could not be made, in words."""


def device_name(device: str) -> str:
    """What tells one device from another, as a directory's name."""
    is_gpu = device.startswith("cuda") and torch.cuda.is_available()
    name = f"{device} {torch.cuda.get_device_name(device)}" if is_gpu else device
    return re.sub(r"\W+", "-", name)


class Runs:
    """Trains cells by the command line, each in a directory of its own."""

    def __init__(self, device: str, work: Path):
        self.device = device
        # Runs of another device have the same identity, and would be found recorded.
        self.work = work / device_name(device)

    def command(self, name: str, *overrides: str) -> list[str]:
        where = [f"runs_dir={self.work}", f"run_dir={self.work / name}", "retry=failed"]
        words = [*SMALL, f"device={self.device}", *overrides, *where]
        given = {word.partition("=")[0]: word for word in words}  # the last of each key
        return [sys.executable, "-m", "titn.train", *given.values()]

    def train(self, name: str, *overrides: str) -> Path:
        code = subprocess.run(self.command(name, *overrides), stdout=subprocess.DEVNULL).returncode
        if code:
            raise CheckError(f"the run {name} ended with exit code {code}")
        return self.work / name

    def losses(self, name: str, *overrides: str) -> np.ndarray:
        """The mean losses of the epochs."""
        path = self.train(name, *overrides)
        return load(path).per_epoch()["train.loss"].to_numpy()


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest relative difference."""
    return float(np.max(np.abs(ours - theirs) / np.abs(theirs)))


def same_as_on_the_cpu(runs: Runs) -> Iterator[Finding]:
    for model in ("deit", "titn"):
        overrides = f"model={model}", "teacher=vgg16_bn", "teacher.epochs=1"
        here = runs.losses(f"{model}-here", *overrides)
        cpu = runs.losses(f"{model}-cpu", *overrides, "device=cpu")
        yield Finding(f"{model}: loss against the CPU's", difference(here, cpu), ROUNDING)


def fast_paths(runs: Runs) -> Iterator[Finding]:
    for model in ("vit", "deit", "tnt", "titn"):
        plain = runs.losses(f"{model}-plain", f"model={model}", "teacher=none")
        for form in ("layers", "whole"):
            fast = runs.losses(
                f"{model}-{form}", f"model={model}", "teacher=none", f"compile={form}"
            )
            yield Finding(f"{model}: compile={form}", difference(fast, plain), ROUNDING)
        half = runs.losses(
            f"{model}-bf16", f"model={model}", "teacher=none", "precision=bf16-mixed"
        )
        yield Finding(f"{model}: bf16-mixed", difference(half, plain), ROUNDING_BF16)


def teachers(runs: Runs) -> Iterator[Finding]:
    ask = "model=deit", "teacher=vgg16_bn", "teacher.epochs=1", "loss=soft"
    plain = runs.losses("asked", *ask, "fold_teacher=false", "keep_labels=false")
    folded = runs.losses("folded", *ask, "keep_labels=false")
    yield Finding("teacher folded", difference(folded, plain), ROUNDING)
    runs.losses("keeps", *ask, "optimizer.lr=1e-4")  # keeps the answers that the next one reads
    kept = runs.losses("kept", *ask)
    # A kept logit is rounded to float16 on both sides.
    yield Finding("teacher's answers kept", difference(kept, folded), ROUNDING)


def resume(runs: Runs) -> Iterator[Finding]:
    """A run that is stopped in its middle ends with the very weights of one that is not."""
    exact = "model=titn", "teacher=none", "deterministic=true", "epochs=6"
    whole = load_file(runs.train("whole", *exact) / "weights.safetensors")
    shutil.rmtree(runs.work / "stopped", ignore_errors=True)  # of a call before this one
    process = subprocess.Popen(runs.command("stopped", *exact), stdout=subprocess.DEVNULL)
    epochs = runs.work / "stopped" / "epochs.jsonl"
    while process.poll() is None and not _has_lines(epochs):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    if process.wait() == 0:
        raise CheckError("the run had ended before it could be stopped; give it more epochs")
    if not _has_lines(epochs):
        raise CheckError("the run ended before its first epoch did")
    stopped = load_file(runs.train("stopped", *exact) / "weights.safetensors")
    most = max((whole[name] - stopped[name]).abs().max().item() for name in whole)
    yield Finding("weights after a stop and a resume", most, 0.0)


def _has_lines(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def grey_levels(runs: Runs) -> Iterator[Finding]:
    """AutoAugment's pixels on the device and on the CPU."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4096, 3, 32, 32), dtype=torch.uint8, generator=generator)
    view = CropFlip(autoaugment=True)
    rows = view.draw(len(images), np.random.default_rng(0))
    cpu = view.apply(images, rows).int()
    here = view.apply(images.to(runs.device), rows).cpu().int()
    yield Finding("AutoAugment, grey levels", float((cpu - here).abs().max()), 1.0)


CHECKS: tuple[Callable[[Runs], Iterator[Finding]], ...] = (
    grey_levels, resume, same_as_on_the_cpu, fast_paths, teachers,
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--work", type=Path, required=True, help="a directory for the runs")
    parser.add_argument("--json", type=Path, help="also write the findings there")
    names = [check.__name__ for check in CHECKS]
    parser.add_argument("--checks", default=",".join(names), help=f"of {', '.join(names)}")
    arguments = parser.parse_args()
    os.environ.setdefault("TITN_CACHE", str(arguments.work / "cache"))
    runs = Runs(arguments.device, arguments.work.resolve())
    report = Report(arguments.json, {"device": arguments.device, "code": code()})
    for check in CHECKS:
        if check.__name__ not in arguments.checks.split(","):
            continue
        try:
            for finding in check(runs):
                report.add(asdict(finding) | {"passed": finding.passed})
                mark = "ok  " if finding.passed else "FAIL"
                found = f"{finding.found:.2g} (at most {finding.most:.2g})"
                print(f"{mark} {finding.check}: {found}", flush=True)
            report.drop(check.__name__)
        except CheckError as error:
            report.add({"check": check.__name__, "passed": False, "why": str(error)})
            print(f"FAIL {check.__name__}: {error}", flush=True)
    return report.code


class Report:
    """What the checks found, in a file that is whole whenever this process is ended.

    It begins with what the file has from calls before, which may have come further than this one
    will. path: of the file, if there is to be one. stamp: what has to be the same for that, the
    device and the code. code: 1 if a check of this call failed.
    """

    def __init__(self, path: Path | None, stamp: dict[str, str]):
        self.path, self.stamp = path, stamp
        there = json.loads(path.read_text()) if path is not None and path.exists() else []
        known = [entry for entry in there if stamp.items() <= entry.items()]
        self.entries: dict[str, dict] = {entry["check"]: entry for entry in known}
        self.code = 0

    def add(self, entry: dict) -> None:
        self.code = self.code or int(not entry["passed"])
        self.entries[entry["check"]] = entry | self.stamp
        self._write()

    def drop(self, name: str) -> None:
        """A check that could not be made before was made now."""
        if self.entries.pop(name, None):
            self._write()

    def _write(self) -> None:
        if self.path is not None:
            write_text(self.path, json.dumps(list(self.entries.values()), indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
