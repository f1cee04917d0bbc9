"""Recompute a record from its weights, and compare.

    python -m titn.evaluate RUN

The images are those that the run was evaluated on. Exit code 1 if a number differs.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titn.config.constraints import check_device_name
from titn.system.console import (
    FAILED,
    Arguments,
    checked,
    complain,
    non_negative_number,
    print_table,
    run_command,
)
from titn.system.errors import ConfigError
from titn.system.text import printable

if TYPE_CHECKING:
    from titn.cells.reopen import FinishedRun

METRICS = ("top1", "top5", "nll", "precision", "recall", "f1", "ece")
HEADS = ("cls", "dist", "fused")


def main() -> None:
    """Console entry: exit code 0 agrees, 1 differs, 2 bad input, 130 interrupted."""
    arguments = _parser().parse_args()
    sys.exit(run_command(lambda: evaluate(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        "titn.evaluate", description="Recompute a record from its weights, and compare."
    )
    parser.add_argument("run", type=Path, help="directory of a finished run")
    parser.add_argument("--root", help="where its data set lies, if not where it lay")
    parser.add_argument(
        "--device",
        type=checked("device", check_device_name),
        default="auto",
        help="auto, cpu, cuda, cuda:1, mps",
    )
    parser.add_argument(
        "--tolerance",
        type=non_negative_number,
        default=1e-6,
        help="how far a number may lie from the recorded one (default 1e-6); another device, "
        "number of threads or version rounds otherwise",
    )
    parser.add_argument(
        "--trust", action="store_true", help="run code other than titn's that the record names"
    )
    return parser


def evaluate(arguments: argparse.Namespace) -> int:
    """Print recorded and recomputed numbers; FAILED if they differ."""
    from titn.cells.reopen import open_run
    from titn.training import engine
    from titn.training.metrics import summarise

    finished = open_run(arguments.run, arguments.trust)
    run, recorded = finished.run, finished.result
    then = metrics(finished)
    if arguments.root:
        if "root" not in run["dataset"]:
            raise ConfigError(
                f"--root={printable(arguments.root)}: this data set needs none; leave it out"
            )
        run["dataset"]["root"] = arguments.root
    student, device = finished.network_on(arguments.device)
    dataset = finished.dataset()
    theirs = len(finished.class_names), recorded.get("data_digest", dataset.digest)
    if (len(dataset.class_names), dataset.digest) != theirs:
        root = printable(run["dataset"].get("root"))
        raise ConfigError(
            f"dataset.root={root}: these are not the images of the record; give theirs with --root"
        )
    predictions = engine.evaluate(student, dataset.evaluated.to(device))
    now = flat(summarise(predictions, finished.token_weights()))

    rows = [(name, _number(then[name]), _number(now.get(name))) for name in then]
    print_table(("metric", "recorded", "recomputed"), rows)
    differing = [name for name in then if not _near(then[name], now.get(name), arguments.tolerance)]
    if differing:
        return complain(
            printable(
                f"{arguments.run}: {', '.join(differing)} differ from the record, which was made "
                f"on {_machine(finished)}; --tolerance allows for rounding"
            ),
            FAILED,
        )
    return 0


def metrics(finished: "FinishedRun") -> dict[str, float | None]:
    """The recorded numbers by path; ConfigError if they are none."""
    place = f"{finished.directory.path}/result.json"
    try:
        found = flat(finished.result)
    except (KeyError, AttributeError):
        raise ConfigError(
            printable(f"{place}: has not the numbers of a record; put back a copy")
        ) from None
    for name, value in found.items():
        if not isinstance(value, int | float | None):
            raise ConfigError(printable(f"{place}: {name} is not a number; put back a copy"))
    return found


def _machine(finished: "FinishedRun") -> str:
    """What a record was made on, as far as it says."""
    try:
        machine = finished.directory.environment() or {}
    except (OSError, ValueError):
        return "a machine that it does not name"
    versions = machine.get("versions")
    version = versions.get("torch") if isinstance(versions, dict) else None
    return f"{machine.get('device')} with {machine.get('threads')} threads and torch {version}"


def flat(record: dict) -> dict[str, float | None]:
    """The metrics of a record by path: {"top1": 0.9, "cls.top1": 0.8, ...}."""
    metrics = {name: record[name] for name in METRICS}
    for head in HEADS:
        metrics |= {f"{head}.{name}": value for name, value in (record[head] or {}).items()}
    return metrics


def _near(first: float | None, second: float | None, tolerance: float) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= tolerance


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.6f}"


if __name__ == "__main__":
    main()
