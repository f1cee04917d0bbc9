"""All answers: run directories -> reports/.

    python -m titn.report [RUNS...] [--out DIR]

Reads the plans of sweeps and the records of their cells, writes markdown, CSV and SVG. The same
records give the same bytes.
"""

import argparse
import sys
from pathlib import Path

from titn.console import answered, complain
from titn.errors import ConfigError

DEFAULT_RUNS, DEFAULT_OUT = Path("runs"), Path("reports")


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    arguments = _parser().parse_args()
    sys.exit(answered(lambda: report(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "titn.report", description="Write reports from the records of runs and sweeps."
    )
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        default=[DEFAULT_RUNS],
        metavar="RUNS",
        help="directories with runs and sweeps in them, at any depth (default: runs)",
    )
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help="default: reports"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="also copy the records, without weights, to DIR: what --out is made from",
    )
    return parser


def report(arguments: argparse.Namespace) -> int:
    """Load, compare, write; what could not be read is named, and the rest goes on."""
    from titn.records.collation import load
    from titn.records.keeping import keep
    from titn.records.sweeps import DAMAGED
    from titn.reporting.writing import cells_elsewhere, write

    runs = load(*arguments.runs, *cells_elsewhere(arguments.runs))
    if runs.empty:
        named = " ".join(map(str, arguments.runs))
        raise ConfigError(f"{named}: holds no run; titn.train makes one")
    _check(arguments.out, "--out")
    if arguments.keep:
        _check(arguments.keep, "--keep")
        keep(arguments.runs, arguments.keep)
    try:
        written = write(runs, arguments.runs, arguments.out)
    except OSError as error:
        raise ConfigError(f"--out {arguments.out}: cannot be written ({error.strerror})") from None
    damaged = runs[runs["status"] == DAMAGED]
    unread = list(zip(damaged["path"], damaged["reason"], strict=True))
    unread += [(fault.path, fault.reason) for fault in written.faults]
    for path, reason in unread:
        complain(f"{path}: cannot be read: {reason}", 0)
    asked = sum(bool(page.found) for page in written.pages)
    print(f"{len(runs)} runs, {asked} questions: {arguments.out / 'README.md'}")
    return 0


def _check(directory: Path, option: str) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{option} {directory}: cannot be made ({error.strerror})") from None


if __name__ == "__main__":
    main()
