"""Print what has become of the cells of sweeps, or of runs: recorded, running, half done, ...

python -m titn.status [RUNS...]
python -m titn.status --watch [RUNS...]    # live, until all cells are done
"""

import argparse
import os
import sys
from argparse import ArgumentTypeError
from pathlib import Path

from titn.records.cell_state import DAMAGED
from titn.records.status import check_directory, read_status
from titn.sweeps.watch import watch
from titn.system.console import (
    Arguments,
    complain,
    given_path,
    non_negative_number,
    print_table,
    run_command,
)
from titn.system.progress import say
from titn.system.signals import install, interruptible


def main() -> None:
    """Console entry: exit code 0 done, 1 watched cells failed, 2 bad input, 130 interrupted."""
    sys.exit(run_command(lambda: run_status(_parser().parse_args())))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        "titn.status", description="What has become of the cells of sweeps, or of runs."
    )
    parser.add_argument(
        "runs",
        nargs="*",
        type=given_path,
        default=[Path("runs")],
        metavar="RUNS",
        help="directories with sweeps or runs in them, or sweeps (default: runs)",
    )
    parser.add_argument("--cells", action="store_true", help="a line for each cell, not row")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="show them live, until every planned cell is done; on a pipe a line for each change",
    )
    parser.add_argument(
        "--interval",
        type=interval_secs,
        default=2.0,
        metavar="SECS",
        help="look so often, with --watch (default: 2)",
    )
    return parser


def interval_secs(text: str) -> float:
    """A type for argparse: a number from a tenth of a second to an hour."""
    secs = non_negative_number(text)
    if not 0.1 <= secs <= 3600:
        raise ArgumentTypeError(f"{text}: should be a number from 0.1 to 3600")
    return secs


def run_status(arguments: argparse.Namespace) -> int:
    """Print the states once, or watch them."""
    if not arguments.watch:
        return print_status(arguments)
    for directory in arguments.runs:
        check_directory(directory)
    install()
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
    with interruptible():
        return watch(arguments.runs, arguments.interval, is_terminal)


def print_status(arguments: argparse.Namespace) -> int:
    """Print a table with a line for each row of each sweep, or for each cell."""
    status = read_status(arguments.runs)
    for message in status.damaged_plans:
        complain(message, 0)
    if arguments.cells:
        print_table(*status.cell_table())
        messages = status.messages([DAMAGED])  # the table has the other states
    else:
        print_table(*status.row_table())
        messages = status.messages()
    for message in messages:
        say(message)
    return 0


if __name__ == "__main__":
    main()
