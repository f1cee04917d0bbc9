"""Recompute a record from its weights, and compare.

    python -m titn.evaluate RUN

The images are those that the run was evaluated on. Exit code 1 if a number differs.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from titn.console import FAILED, answered, complain, show
from titn.errors import ConfigError

METRICS = ("top1", "top5", "nll", "precision", "recall", "f1", "ece")
HEADS = ("cls", "dist", "fused")


def main() -> None:
    """Console entry: exit code 0 agrees, 1 differs, 2 bad input, 130 interrupted."""
    arguments = _parser().parse_args()
    sys.exit(answered(lambda: evaluate(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "titn.evaluate", description="Recompute a record from its weights, and compare."
    )
    parser.add_argument("run", type=Path, help="directory of a finished run")
    parser.add_argument("--root", help="where its data set lies, if not where it lay")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    parser.add_argument(
        "--tolerance",
        type=float,
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
    from titn import build, engine
    from titn.finished import open_run
    from titn.metrics import summarise

    finished = open_run(arguments.run, arguments.trust)
    run, recorded = finished.run, finished.result
    if arguments.root:
        if "root" not in run["dataset"]:
            raise ConfigError(f"--root={arguments.root}: this data set needs none; leave it out")
        run["dataset"]["root"] = arguments.root
    student, device = finished.network_on(arguments.device)
    dataset = build.dataset(run)
    if dataset.digest != recorded.get("data_digest", dataset.digest):
        raise ConfigError(
            f"dataset.root={run['dataset'].get('root')}: these are not the images of the record; "
            "give theirs with --root"
        )
    predictions = engine.evaluate(student, dataset.evaluated.to(device))
    computed = summarise(predictions, build.make(run, "loss").token_weights)

    then, now = flat(recorded), flat(computed)
    rows = [(name, _number(then[name]), _number(now[name])) for name in then]
    show(("metric", "recorded", "recomputed"), rows)
    differing = [name for name in then if not _near(then[name], now[name], arguments.tolerance)]
    if differing:
        machine = finished.directory.environment() or {}
        return complain(
            f"{arguments.run}: {', '.join(differing)} differ from the record, which was made on "
            f"{machine.get('device')} with {machine.get('threads')} threads and torch "
            f"{machine.get('versions', {}).get('torch')}; --tolerance allows for rounding",
            FAILED,
        )
    return 0


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
