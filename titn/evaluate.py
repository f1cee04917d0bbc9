"""Recompute a record from its weights, and compare.

    python -m titn.evaluate RUN

The images are those that the run was evaluated on. Exit code 1 if a number differs.
"""

import argparse
import sys

from titn.config.constraints import check_device_name
from titn.system.console import (
    FAILED,
    Arguments,
    checked,
    complain,
    given_path,
    non_negative_number,
    print_table,
    run_command,
)


def main() -> None:
    """Console entry: exit code 0 agrees, 1 differs, 2 bad input, 130 interrupted."""
    sys.exit(run_command(lambda: evaluate(_parser().parse_args())))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        "titn.evaluate", description="Recompute a record from its weights, and compare."
    )
    parser.add_argument("run", type=given_path, help="directory of a finished run")
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
    parser.add_trust()
    return parser


def evaluate(arguments: argparse.Namespace) -> int:
    """Print recorded and recomputed numbers; exit code 1 if they differ."""
    from titn.cells.recompute import machine_of, recompute
    from titn.cells.reopen import open_run

    run = open_run(arguments.run, arguments.trust)
    if note := run.other_source():
        complain(note, 0)
    found = recompute(run, root=arguments.root, device=arguments.device)
    rows = [
        (name, _number(value), _number(found.now.get(name)))
        for name, value in found.recorded.items()
    ]
    print_table(("metric", "recorded", "recomputed"), rows)
    if differing := found.differing(arguments.tolerance):
        return complain(
            f"{arguments.run}: {', '.join(differing)} differ from the record, which was made on "
            f"{machine_of(run)}; --tolerance allows for rounding",
            FAILED,
        )
    return 0


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


if __name__ == "__main__":
    main()
