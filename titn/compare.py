"""Two runs side by side: what differs in their settings, numbers, curves and predictions.

    python -m titn.compare RUN RUN

The test of the predictions is McNemar's, exact, and needs runs that were evaluated on the same
images.
"""

import argparse
import sys

from titn.system.console import Arguments, given_path, print_table, run_command
from titn.system.progress import say


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    sys.exit(run_command(lambda: compare(_parser().parse_args())))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        "titn.compare",
        description="Two runs side by side, and McNemar's test of their predictions.",
    )
    parser.add_argument("first", type=given_path, metavar="RUN", help="directory of a finished run")
    parser.add_argument("second", type=given_path, metavar="RUN", help="of another one")
    return parser


def compare(arguments: argparse.Namespace) -> int:
    """Print the table, and what the test says."""
    from titn.reporting.two_runs import COLUMNS, compare_runs

    comparison = compare_runs(arguments.first, arguments.second)
    print_table(COLUMNS, comparison.lines)
    say(comparison.verdict)
    return 0


if __name__ == "__main__":
    main()
