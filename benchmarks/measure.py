"""Measure everything that benchmarks/README.md shows, on this machine, with one command.

    python benchmarks/measure.py --root DIR            # a CPU; DIR has CIFAR-100, for timm's side
    python benchmarks/measure.py --device cuda --batch 1024 --cells 4

Each measurement is a process of its own; what is compared takes turns, round after round. The
result is benchmarks/results/NAME.json; `python benchmarks/write.py` makes the page of all results.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from timm_networks_side import NETWORKS
from tqdm import tqdm

from titn.system.files import write_text

HERE = Path(__file__).resolve().parent
STUDENTS = ("vit", "deit", "tnt", "titn", "titn_large_patch")
# The data of the paper's table 3. mix and views are that data set's own; the data are made up.
PROTOCOL = ("dataset=cifar100", "teacher=vgg16_bn")

# What takes turns: name, then ours and the alternative as arguments of titn.bench.
CHOICES = {
    "TITN: the whole network compiled, or nothing": (
        ["model=titn", "compile=whole"],
        ["model=titn", "compile=none"],
    ),
    "DeiT: the whole network compiled, or nothing": (
        ["model=deit", "compile=whole"],
        ["model=deit", "compile=none"],
    ),
    "TITN: teacher folded, or not": (["model=titn"], ["model=titn", "fold_teacher=false"]),
    "TITN: teacher's labels kept, or asked for": (["model=titn", "--kept-labels"], ["model=titn"]),
    "DeiT: teacher's labels kept, or asked for": (["model=deit", "--kept-labels"], ["model=deit"]),
}
# How threads wait for each other (titn.system.threads): name, then variables of the environment.
WAITING = {
    "titn": {},
    "10 ms, OpenMP's default": {"GOMP_SPINCOUNT": "300000"},
    "0.5 ms": {"GOMP_SPINCOUNT": "10000"},
    "50 µs": {"GOMP_SPINCOUNT": "1000"},
    "not at all": {"OMP_WAIT_POLICY": "passive"},
}
# What one axis costs, all else as it is, without a teacher: axis, then value: overrides.
# Compiled by the layer: for the whole network, compiling would take longer than measuring.
ALONE = ("dataset=cifar100", "loss=supervised", "teacher=none", "compile=layers")
SCALES = {
    "batch size": {n: [f"batch_size={n}"] for n in (16, 64, 128, 512)},
    "depth": {n: [f"model.depth={n}"] for n in (3, 12, 24)},
    "patch tokens": {(n // 8) ** 2: [f"dataset.image_size={n}"] for n in (32, 64, 96)},
}


class Measurements:
    """Runs one measurement after the other, counting them on a bar.

    Each is kept in a file until its part is written, and taken from there by the next call if this
    one is interrupted. stamp: what has to be the same then, the machine and the code.
    """

    def __init__(self, settings: argparse.Namespace, total: int, stamp: Mapping[str, Any]):
        self.settings = settings
        self.stamp = dict(stamp)
        self.common = [f"device={settings.device}"]
        self.bar = tqdm(total=total, unit="measurement")

    def begin(self, unfinished: Path) -> None:
        """The next measurements are of a part, whose file this is."""
        self.unfinished, self.known = unfinished, []
        if unfinished.exists():
            whole = unfinished.read_text().rpartition("\n")[0]  # the last line may be cut off
            stamp, *known = [json.loads(line) for line in whole.splitlines()] or [None]
            if stamp == self.stamp:
                self.known = known
                self.bar.write(f"{len(known)} measurements are those of {unfinished}")
            else:
                self.bar.write(f"{unfinished} is of other code or another machine: measured again")
        lines = [json.dumps(line) + "\n" for line in (self.stamp, *self.known)]
        write_text(unfinished, "".join(lines))

    def end(self) -> None:
        """The part is written."""
        self.unfinished.unlink()

    def once(self, key: str, measure: Callable[[], Any]) -> Any:
        """What `measure` returns, or has returned in a call before this one, once for each time."""
        self.bar.update()
        for number, (known, said) in enumerate(self.known):
            if known == key:
                del self.known[number]
                return said
        said = measure()
        with open(self.unfinished, "a") as file:
            file.write(json.dumps([key, said]) + "\n")
        return said

    def bench(
        self,
        *arguments: str,
        rounds: int = 1,
        steps: int | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> dict:
        """What titn.bench writes as JSON."""
        length = ["--rounds", str(rounds), "--steps", str(steps or self.settings.steps)]
        command = ["-m", "titn.bench", *self.common, *arguments, *length]

        def measure() -> dict:
            with tempfile.NamedTemporaryFile(suffix=".json") as file:
                run_python([*command, "--json", file.name], environment)
                return json.loads(Path(file.name).read_text())

        beside = [f"{name}={value}" for name, value in environment.items()]
        return self.once(" ".join([*beside, *command]), measure)

    def python(self, *arguments: str) -> str:
        """What a script prints."""
        return self.once(" ".join(arguments), lambda: run_python(arguments, {}))


def run_python(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def against_timm(measurements: Measurements) -> dict:
    """timm's DeiT, our DeiT and our TITN in turns; images a second, one number for each round."""
    settings = measurements.settings
    found: dict = {}
    for precision, ours in (("bf16", "bf16-mixed"), ("fp32", "32-true")):
        names = ("timm DeiT", "timm DeiT, tuned", "titn DeiT", "titn TITN")
        rates: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(settings.rounds):
            timms = ["--precision", precision, "--steps", str(settings.steps), "--batch", "128"]
            root = ["--root", settings.root] if settings.root else []
            for name, tuned in (("timm DeiT", []), ("timm DeiT, tuned", ["--tuned"])):
                said = measurements.python(str(HERE / "timm_side.py"), *timms, *root, *tuned)
                rates[name].append(json.loads(said)["images_per_sec"])
            for name, model in (("titn DeiT", "deit"), ("titn TITN", "titn")):
                overrides = [f"model={model}", *PROTOCOL, "batch_size=128", f"precision={ours}"]
                rates[name] += measurements.bench(*overrides, "--only-whole")["images_per_sec"]
        found[precision] = rates
    return found


def timm_networks(measurements: Measurements) -> dict:
    """Networks of timm in its own loop and in titn, in turns, without a teacher."""
    settings = measurements.settings
    root = ["--root", settings.root] if settings.root else []
    found: dict = {name: {"timm": [], "titn": []} for name in NETWORKS}
    for _ in range(settings.rounds):
        for name, (overrides, _) in NETWORKS.items():
            side = ["--network", name, "--steps", str(settings.steps), "--batch", "128", *root]
            said = measurements.python(str(HERE / "timm_networks_side.py"), *side)
            found[name]["timm"].append(json.loads(said)["images_per_sec"])
            ours = ["model=timm", *(f"model.{one}" for one in overrides), "dataset=cifar100"]
            ours += ["loss=supervised", "teacher=none", "batch_size=128", "precision=32-true"]
            found[name]["titn"] += measurements.bench(*ours, "--only-whole")["images_per_sec"]
    return found


def students(measurements: Measurements) -> dict:
    """Every student stage by stage."""
    batch = f"batch_size={measurements.settings.batch}"
    rounds = measurements.settings.rounds
    return {
        name: measurements.bench(f"model={name}", *PROTOCOL, batch, rounds=rounds)
        for name in STUDENTS
    }


def choices(measurements: Measurements) -> dict:
    """Ours and the alternative in turns: images a second of both, one number for each round."""
    batch = f"batch_size={measurements.settings.batch}"
    found: dict[str, list[list[float]]] = {name: [[], []] for name in CHOICES}
    for _ in range(measurements.settings.rounds):
        for name, sides in CHOICES.items():
            for rates, arguments in zip(found[name], sides, strict=True):
                # The first of a kept epoch's batches is asked for all the same.
                steps = 20 if "--kept-labels" in arguments else None
                said = measurements.bench(*PROTOCOL, batch, *arguments, "--only-whole", steps=steps)
                rates += said["images_per_sec"]
    return found


def scaling(measurements: Measurements) -> dict:
    """Images a second of a student's training alone, along one axis at a time."""
    batch = f"batch_size={measurements.settings.batch}"
    return {
        axis: {
            model: {
                value: measurements.bench(
                    f"model={model}", *ALONE, batch, *overrides, "--only-whole", rounds=3, steps=5
                )["images_per_sec"]
                for value, overrides in values.items()
            }
            for model in ("deit", "titn")
        }
        for axis, values in SCALES.items()
    }


def together(measurements: Measurements) -> dict:
    """Several cells at once against one alone."""
    settings = measurements.settings
    return measurements.bench(
        "model=titn", *PROTOCOL, f"batch_size={settings.batch}", "--only-whole",
        "--cells", str(settings.cells), rounds=settings.rounds,
    )  # fmt: skip


def beside_other_work(measurements: Measurements) -> dict:
    """TITN alone, and beside a process that only computes: how threads wait, in turns.

    Images a second, one number for each round.
    """
    batch = f"batch_size={measurements.settings.batch}"
    found: dict[str, dict[str, list[float]]] = {
        name: {"idle": [], "beside": []} for name in WAITING
    }
    for _ in range(measurements.settings.rounds):
        for name, environment in WAITING.items():
            for neighbours, when in ((0, "idle"), (1, "beside")):
                with busy_processes(neighbours):
                    said = measurements.bench(
                        "model=titn", *ALONE, "compile=none", batch, "--only-whole",
                        environment=environment,
                    )  # fmt: skip
                found[name][when] += said["images_per_sec"]
    return found


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """So many processes that never wait, for as long as this lasts."""
    processes = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def machine() -> dict[str, Any]:
    """What it was measured on."""
    import torch

    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "cpu": cpu[0].partition(":")[2].strip() if cpu else platform.processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": gpu,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def code() -> str:
    """A digest of all that is measured, and of what measures."""
    root = HERE.parent
    files = [*root.glob("titn/**/*.py"), *root.glob("conf/**/*.yaml"), *HERE.glob("*.py")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def check_fits(
    path: Path, found: Mapping[str, Any], here: Mapping[str, Any], device: str, batch: int
) -> None:
    """Leave with a line if the result's file is of another machine, device or batch."""
    there = found.get("machine", here)
    keys = ("cpu", "instructions", "gpu", "threads", "torch", "python")
    other = [key for key in keys if there.get(key) != here[key]]
    if other:
        of = ", ".join(f"{key} {there.get(key)}" for key in other)
        sys.exit(
            f"{path}: was measured with {of}; give --name=NAME for a file of this machine's own"
        )
    if found.get("device", device) != device:
        sys.exit(f"{path}: was measured with --device={found['device']}; give that, or --name=NAME")
    if found.get("batch_size", batch) != batch:
        sys.exit(
            f"{path}: was measured with --batch={found['batch_size']}; give that, or --name=NAME"
        )


def command(settings: argparse.Namespace, part: str) -> str:
    """How to measure a part again; where the data lie is left out."""
    keys = ("name", "device", "batch", "cells", "steps", "rounds")
    said = [f"--{key} {getattr(settings, key)}" for key in keys if getattr(settings, key)]
    root = ["--root DIR"] if settings.root else []
    return " ".join(["python benchmarks/measure.py", *said, "--parts", part, *root])


PARTS = {
    "against_timm": against_timm,
    "timm_networks": timm_networks,
    "students": students,
    "choices": choices,
    "together": together,
    "scaling": scaling,
    "beside_other_work": beside_other_work,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", help="of the result's file (default: cpu or cuda)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--cells", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--root", help="CIFAR-100 for timm's side; made-up images without it")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="a directory")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    settings = parser.parse_args()
    wanted = settings.parts.split(",")
    if unknown := [part for part in wanted if part not in PARTS]:
        parser.error(
            f"--parts {unknown[0]}: there is no such part; name some of {', '.join(PARTS)}"
        )
    if settings.device != "cpu":  # timm's side is the CPU's
        wanted = [part for part in wanted if part not in ("against_timm", "timm_networks")]
    path = settings.results / f"{settings.name or settings.device}.json"
    path.parent.mkdir(exist_ok=True)
    found = json.loads(path.read_text()) if path.exists() else {}
    here = machine()
    check_fits(path, found, here, settings.device, settings.batch)
    found |= {"machine": here, "batch_size": settings.batch, "device": settings.device}
    rounds = settings.rounds
    totals = {
        "against_timm": 8 * rounds,
        "timm_networks": 2 * rounds * len(NETWORKS),
        "students": len(STUDENTS),
        "choices": 2 * rounds * len(CHOICES),
        "together": 1,
        "scaling": 2 * sum(map(len, SCALES.values())),
        "beside_other_work": 2 * rounds * len(WAITING),
    }
    total = sum(totals[part] for part in wanted)
    measurements = Measurements(settings, total, {"machine": here, "code": code()})
    for part in wanted:
        measurements.begin(path.with_suffix(f".{part}.unfinished"))
        found[part] = PARTS[part](measurements)
        found.setdefault("dates", {})[part] = date.today().isoformat()
        found.setdefault("commands", {})[part] = command(settings, part)
        write_text(path, json.dumps(found, indent=1) + "\n")
        measurements.end()


if __name__ == "__main__":
    main()
