"""What runs take on the disk, and what of it can go; nothing is removed without --yes.

    python -m titn.clean [RUNS...]
    python -m titn.clean --yes [RUNS...]

Never a record, its weights or its predictions, and nothing of a run that is being made.
"""

import argparse
import sys
from pathlib import Path

from titn.system.console import Arguments, given_path, print_table, run_command
from titn.system.progress import say

COLUMNS = ("what", "places", "megabytes", "with --yes")
FILE_COLUMNS = ("what", "place", "megabytes")


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    sys.exit(run_command(lambda: clean(_parser().parse_args())))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments("titn.clean", description="What runs take on the disk, and what can go.")
    parser.add_argument(
        "runs",
        nargs="*",
        type=given_path,
        default=[Path("runs")],
        metavar="RUNS",
        help="directories with runs in them (default: runs)",
    )
    parser.add_argument("--yes", action="store_true", help="remove it; without, it is only shown")
    parser.add_argument("--list", action="store_true", help="a line for each place that can go")
    return parser


def clean(arguments: argparse.Namespace) -> int:
    """Print a line for each kind of file, then remove what can go, or say how."""
    from titn.cells.cleaning import KINDS, find_items, remove

    items = (item for directory in arguments.runs for item in find_items(directory))
    # Once, of directories that lie in each other.
    different = {(item.kind, item.place.resolve()): item for item in items}.values()
    found = [item for item in different if item.files]
    if arguments.list:
        going = (item for item in found if item.can_go)
        rows = [(one.kind, str(one.place), megabytes(one.num_bytes)) for one in going]
        print_table(FILE_COLUMNS, rows)
    else:
        kinds = {kind: [item for item in found if item.kind == kind] for kind in KINDS}
        print_table(
            COLUMNS,
            [
                (
                    kind,
                    str(len(places)),
                    megabytes(sum(item.num_bytes for item in places)),
                    "removed" if KINDS[kind] else "kept",
                )
                for kind, places in kinds.items()
                if places
            ],
        )
    if arguments.yes:
        say(f"removed {megabytes(remove(found))} MB")
    else:
        going_bytes = sum(item.num_bytes for item in found if item.can_go)
        say(f"nothing was removed; --yes removes {megabytes(going_bytes)} MB")
    return 0


def megabytes(num_bytes: int) -> str:
    """Of a million bytes."""
    return f"{num_bytes / 1e6:.1f}"


if __name__ == "__main__":
    main()
