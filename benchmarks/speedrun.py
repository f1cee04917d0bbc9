"""A record of speed: a small vision transformer to 70, 75 or 80% of CIFAR-100.

    python benchmarks/speedrun.py run NAME 70 --root DIR -- \\
        model=titn_plus teacher=airbench94 loss=dist protocol=fast_transformer epochs=30
    python benchmarks/speedrun.py add NAME 70 RUN [RUN ...]    # of runs that titn.train has made
    python benchmarks/speedrun.py write                        # benchmarks/speedrun.md

`run` trains three seeds and their teacher from scratch, then adds them; started again, it goes on
where it stopped. `add` checks the rules of
the page (`speedrun_page.RULES`) against the records and writes benchmarks/speedrun/NAME.json.
"""

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from speedrun_page import ENTRIES, TARGETS, write

from titn.records.collation import load
from titn.records.run_dir import RunDir
from titn.system.errors import ConfigError
from titn.system.files import write_text

MOST_PARAMETERS = 6_000_000
# What would bring in other images or other people's training.
NOT_FROM_SCRATCH = ("checkpoint", "weights", "model.pretrained")


def main() -> int:
    arguments = _parser().parse_args()
    try:
        if arguments.job == "run":
            check_name(arguments.name)
            runs = train(arguments.root, arguments.runs_dir, arguments.seeds, arguments.overrides)
            add(arguments.name, arguments.target, runs)
        elif arguments.job == "add":
            add(arguments.name, arguments.target, arguments.runs)
        write()
    except ConfigError as error:
        print(f"speedrun: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    jobs = parser.add_subparsers(dest="job", required=True)
    jobs_help = {
        "run": "train the seeds of a recipe and add them",
        "add": "add runs that are there",
    }
    for job, text in jobs_help.items():
        command = jobs.add_parser(job, help=text, description=text)
        command.add_argument("name", help="of the entry: letters, digits and underscores")
        command.add_argument("target", type=int, choices=TARGETS, help="percent of top-1")
    run, added = jobs.choices["run"], jobs.choices["add"]
    run.add_argument("--root", type=Path, required=True, help="the directory of CIFAR-100")
    run.add_argument("--runs-dir", type=Path, default=Path("runs"), help="of the runs; runs")
    run.add_argument("--seeds", default="0,1,2", help="separated by commas; 0,1,2")
    run.add_argument("overrides", nargs="+", help="of titn.train, after --")
    added.add_argument("runs", nargs="+", type=Path, help="a run directory for each seed")
    text = "write benchmarks/speedrun.md of all entries"
    jobs.add_parser("write", help=text, description=text)
    return parser


def check_name(name: str) -> None:
    """ConfigError if an entry cannot have this name; before anything is trained for it."""
    if not name.isidentifier():
        raise ConfigError(f"{name}: give a name of letters, digits and underscores")
    if (ENTRIES / f"{name}.json").exists():
        raise ConfigError(f"{name}: there is an entry of this name; give another one")


def train(root: Path, runs_dir: Path, seeds: str, overrides: Sequence[str]) -> list[Path]:
    """The run directories of a recipe's seeds, trained if they are not recorded yet.

    ConfigError after the first seed if it breaks a rule, before the others are trained.
    """
    if "dry_run=true" in overrides:
        raise ConfigError("dry_run=true: trains nothing; give it to python -m titn.train")
    command = [sys.executable, "-m", "titn.train", *overrides, "dataset=cifar100"]
    command += [f"dataset.root={root}", f"runs_dir={runs_dir}"]
    found = []
    for seed in seeds.split(","):
        done = subprocess.run([*command, f"seed={seed}"], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise ConfigError(f"seed={seed}: titn.train ended with {done.returncode}; see above")
        found.append(Path(done.stdout.rstrip().rpartition("record: ")[2]))
        _check(load(found[-1]).to_dict("records")[0])
    return found


def add(name: str, target: int, paths: Sequence[Path]) -> None:
    """Write the entry of runs that keep the rules; ConfigError that names the rule if not."""
    check_name(name)
    runs = load(*paths)
    students = runs[[path in set(map(str, paths)) for path in runs["path"].astype(str)]]
    if len(students) != len(set(paths)):
        raise ConfigError(f"{paths[0]}: name the directory of a run, with its result.json")
    rows = students.to_dict("records")
    for run in rows:
        _check(run)
    if len({_without_seed(run) for run in rows}) > 1:
        raise ConfigError(f"{paths[1]}: is another recipe than {paths[0]}; seeds alone may differ")
    if len({run["seed"] for run in rows}) < len(rows):
        raise ConfigError(f"{paths[1]}: has a seed that another has; give runs of different seeds")
    for key, what in (("source_digest", "by other code"), ("data_digest", "on other images")):
        if len({run[key] for run in rows}) > 1:
            raise ConfigError(
                f"{paths[1]}: was trained {what} than {paths[0]}; seeds alone may differ"
            )
    top1 = [100 * run["top1"] for run in rows]
    if mean(top1) < target:
        raise ConfigError(f"{name}: has {mean(top1):.2f}% on average, less than {target}")
    entry = {"name": name, "target": target, **_facts(rows)}
    ENTRIES.mkdir(exist_ok=True)
    write_text(ENTRIES / f"{name}.json", json.dumps(entry, indent=2) + "\n")


def _check(run: dict[str, Any]) -> None:
    """ConfigError if a student does not keep the rules."""
    _check_data(run, run["path"])
    if run["parameters"] > MOST_PARAMETERS:
        raise ConfigError(f"{run['path']}: has {run['parameters']:,} parameters, above 6,000,000")
    if run["macs"] <= run["macs_paper"]:
        # `macs` counts the products of attention, `macs_paper` does not.
        raise ConfigError(f"{run['path']}: has no attention; a student is a transformer")
    for prefix in ("", "teacher."):
        for key in NOT_FROM_SCRATCH:
            if not _is_missing(value := run.get(prefix + key)):
                raise ConfigError(f"{run['path']}: is not from scratch: {prefix}{key}={value}")


def _check_data(run: dict[str, Any], path: str) -> None:
    if run["status"] != "recorded":
        reason = f" ({run['reason']})" if isinstance(run.get("reason"), str) else ""
        raise ConfigError(f"{path}: is {run['status']}{reason}; let titn.train finish it")
    sizes = len(run["class_names"]), run["num_train"], run["num_evaluated"], run["split"]
    if run["dataset"] != "cifar100" or sizes != (100, 50_000, 10_000, "test"):
        raise ConfigError(
            f"{path}: was trained on {run['num_train']:,} images of {run['dataset']} and evaluated "
            f"on {run['num_evaluated']:,} of {run['split']}; the rules want all of CIFAR-100"
        )


def _is_missing(value: Any) -> bool:
    return value is None or value is False or value != value  # nan: no such key


def _without_seed(run: dict[str, Any]) -> str:
    """What has to be equal of an entry's runs: their settings, the teacher's included."""
    settings = RunDir(Path(run["path"])).config()
    places = ("seed", "run_dir", "runs_dir", "device", "force", "retry")
    kept = {key: value for key, value in settings.items() if key not in places}
    return json.dumps(kept, sort_keys=True, default=str)


def _facts(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What an entry says of its runs and of their teachers."""
    run = rows[0]
    teachers = {row["path"]: _teacher(row) for row in rows}
    distinct = {one["path"]: one for one in teachers.values() if one is not None}
    teacher = teachers[run["path"]]
    return {
        "command": _command(run),
        "model": run["model"],
        "parameters": int(run["parameters"]),
        "macs": int(run["macs"]),
        "epochs": int(run["epochs"]),
        "seeds": [int(row["seed"]) for row in rows],
        "top1": [row["top1"] for row in rows],
        "pflop": {
            "student": 6e-15 * run["macs"] * _images_seen(run),
            "asked": 2e-15 * teacher["macs"] * _images_seen(run) if teacher else 0.0,
            "teacher": 6e-15 * teacher["macs"] * _images_seen(teacher) if teacher else 0.0,
        },
        "hours": [row["wall_secs"] / 3600 for row in rows],
        "teacher": teacher["model"] if teacher else None,
        "teacher_top1": [one["top1"] for one in distinct.values()],
        "teacher_hours": [one["wall_secs"] / 3600 for one in distinct.values()],
        "hardware": sorted({_hardware(row) for row in (*rows, *distinct.values())}),
        "date": max(row["environment.started"] for row in rows)[:10],
        "data_digest": run["data_digest"],
        "source_digest": run["source_digest"],
        "git_commit": run["git_commit"],
        "torch": run["environment.versions.torch"],
    }


def _teacher(run: dict[str, Any]) -> dict[str, Any] | None:
    """The record of a student's teacher; ConfigError if it is not beside the student's."""
    identity = run.get("teacher.config_hash")
    if _is_missing(identity):
        return None
    path = Path(run["path"]).parent / str(identity)
    if not path.is_dir():
        raise ConfigError(
            f"{path}: there is no record of the teacher; keep it beside the student's"
        )
    teacher = load(path).to_dict("records")[0]
    _check_data(teacher, str(path))
    return {str(key): value for key, value in teacher.items()}


def _images_seen(run: dict[str, Any]) -> int:
    return int(load(run["path"]).per_epoch()["images_seen"].iloc[-1])


def _command(run: dict[str, Any]) -> str:
    """The command line without places, the seed, and what is a machine's own affair."""
    places = ("dataset.root=", "runs_dir=", "run_dir=", "seed=", "device=", "busy=")
    words = shlex.split(run["environment.command"])[1:]
    return " ".join(["python -m titn.train", *(w for w in words if not w.startswith(places))])


def _hardware(run: dict[str, Any]) -> str:
    # Of the configuration: the column `precision` is that of the predictions.
    precision = RunDir(Path(run["path"])).config()["precision"]
    gpu = run.get("environment.gpu")
    if not _is_missing(gpu):
        return f"{gpu}, {precision}"
    return f"{run['environment.cpu']}, {int(run['environment.threads'])} threads, {precision}"


if __name__ == "__main__":
    sys.exit(main())
