"""Print what has become of the cells of sweeps: how many are recorded, running, half done, ...

python -m titn.status [RUNS...]
"""

import argparse
import sys
from pathlib import Path

from titn.records.cell_state import DAMAGED
from titn.records.status import read_status
from titn.system.console import Arguments, complain, print_table, run_command
from titn.system.progress import say


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    arguments = _parser().parse_args()
    sys.exit(run_command(lambda: print_status(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments("titn.status", description="What has become of the cells of sweeps.")
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        default=[Path("runs")],
        metavar="RUNS",
        help="directories with sweeps in them, or sweeps (default: runs)",
    )
    parser.add_argument("--cells", action="store_true", help="a line for each cell, not row")
    return parser


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
