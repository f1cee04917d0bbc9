"""All answers: run directories -> reports/.

    python -m titn.report [RUNS...] [--out DIR]

Reads the plans of sweeps and the records of their cells, writes markdown, CSV and SVG. The same
records give the same bytes.
"""

import argparse
import sys
from pathlib import Path

from titn.console import answered
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
    return parser


def report(arguments: argparse.Namespace) -> int:
    """Load, compare, write; what could not be read is named, and the rest goes on."""
    from titn.records.collation import load
    from titn.reporting.writing import write

    runs = load(*arguments.runs)
    if runs.empty:
        named = " ".join(map(str, arguments.runs))
        raise ConfigError(f"{named}: holds no run; titn.train makes one")
    _check_out(arguments.out)
    pages = write(runs, arguments.runs, arguments.out)
    for row in runs[runs["status"] == "damaged"].itertuples():
        print(f"titn: {row.path}: could not be read: {row.reason}", file=sys.stderr)
    asked = sum(bool(page.found) for page in pages)
    print(f"{len(runs)} runs, {asked} questions: {arguments.out / 'README.md'}")
    return 0


def _check_out(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out}: cannot be made ({error.strerror})") from None


if __name__ == "__main__":
    main()
