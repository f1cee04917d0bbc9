"""All answers: run directories -> pages.

    python -m titn.report [RUNS...] [--out DIR] [--latex] [--readme FILE] [--html [FILE]]

Reads the plans of sweeps and the records of their cells, writes markdown, CSV and SVG. The same
records give the same bytes. Nothing is replaced but what a report has written.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from titn.system.console import Arguments, complain, given_path, run_command
from titn.system.errors import ConfigError, error_text
from titn.system.text import counted, printable

if TYPE_CHECKING:
    from titn.records.collation import Records

DEFAULT_RUNS = Path("runs")
# The second one where the first has records of its own, as in a checkout of titn.
DEFAULT_OUT, OTHER_OUT = Path("reports"), Path("answers")

EXPLORER = "explorer.html"

# Of what cannot be read, and of what cannot be written.
REMEDY = "put back a copy, or remove it"
ROOM = "choose another directory, or make room"


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    sys.exit(run_command(lambda: report(_parser().parse_args())))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        "titn.report", description="Write reports from the records of runs and sweeps."
    )
    parser.add_argument(
        "runs",
        nargs="*",
        type=given_path,
        default=[DEFAULT_RUNS],
        metavar="RUNS",
        help="directories with runs and sweeps in them, at any depth (default: runs)",
    )
    parser.add_argument(
        "--out",
        type=given_path,
        metavar="DIR",
        help=f"default: {DEFAULT_OUT}, or {OTHER_OUT} where {DEFAULT_OUT}/ holds other records",
    )
    parser.add_argument(
        "--keep",
        type=given_path,
        metavar="DIR",
        help="also copy the records, without weights, to DIR: what --out is made from",
    )
    parser.add_argument(
        "--latex",
        action="store_true",
        help="also write each table as LaTeX, beside its CSV, for \\input in a paper",
    )
    parser.add_argument(
        "--readme",
        type=given_path,
        metavar="FILE",
        help="also write a question's main table into FILE, between "
        "<!-- titn.report: GROUP/NAME --> and <!-- titn.report: end -->",
    )
    parser.add_argument(
        "--html",
        nargs="?",
        type=given_path,
        const=Path(),  # without FILE
        metavar="FILE",
        help=f"also write all runs into one page for a browser (default: {EXPLORER} in --out)",
    )
    return parser


def report(arguments: argparse.Namespace) -> int:
    """Load, compare, write; what could not be read is named, and the rest goes on."""
    from titn.records.archive import Archived, archive
    from titn.records.cell_state import DAMAGED
    from titn.records.collation import load
    from titn.records.search import SEARCH
    from titn.reporting.evidence.run_files import Fault
    from titn.reporting.explorer import write_explorer
    from titn.reporting.latex.write import write_latex_tables
    from titn.reporting.manifest import kept_pages, publish, staging
    from titn.reporting.readme_table import fill_readme
    from titn.reporting.searches import read_searches
    from titn.reporting.sweep_plans import read_plans, runs_elsewhere
    from titn.reporting.write import write_report

    out = arguments.out or default_out(arguments.runs, arguments.keep)
    explorer = _explorer_file(arguments.html, out)
    elsewhere, faults = runs_elsewhere(arguments.runs)
    runs = load(*arguments.runs, *elsewhere)
    if runs.empty:
        named = " ".join(map(str, arguments.runs))
        raise ConfigError(f"{printable(named)}: holds no run; titn.train makes one")
    kept = Archived()
    if arguments.keep:
        with _writing("--keep", arguments.keep):
            kept = archive(arguments.runs, arguments.keep)
    with _writing("--out", out), staging(out) as stage:
        kept_titles = partial(kept_pages, out)
        written = write_report(runs, arguments.runs, stage, faults, kept_titles)
        if arguments.latex:
            write_latex_tables(written.pages, stage)
        publish(stage, out, written.pages, _names(runs))
    unseen: list[Fault] = []
    if explorer:
        with _writing("--html", explorer.parent):
            plans, searches = read_plans(arguments.runs)[0], read_searches(arguments.runs)[0]
            unseen = write_explorer(runs, plans, searches, explorer)
    if arguments.readme:
        with _opening("--readme", arguments.readme, "give another"):
            fill_readme(arguments.readme, written.pages, out)
    damaged = runs[runs["status"] == DAMAGED]
    unread = list(zip(damaged["path"], damaged["reason"], strict=True))
    unread += [(fault.path, fault.reason) for fault in (*written.faults, *unseen)]
    _complain(unread, kept.faults)
    searched = [page for page in written.pages if page.name.startswith(f"{SEARCH}/")]
    asked = sum(bool(page.settings) and page not in searched for page in written.pages)
    found = f"{counted(len(runs), 'run')}, {counted(asked, 'question')}"
    if searched:
        found += f", {len(searched)} search{'es' if len(searched) > 1 else ''}"
    print(printable(f"{found}: {out / 'README.md'}"))
    if explorer:
        print(printable(f"all runs, for a browser: {explorer}"))
    return 0


def default_out(runs: Sequence[Path], keep: Path | None = None) -> Path:
    """`reports`; `answers` if `reports/records` holds records and none of `runs` is in `reports`.

    keep: where this command keeps records: it will hold some.
    """
    home = Path(os.path.realpath(DEFAULT_OUT))
    kept = home / "records"
    named = [Path(os.path.realpath(directory)) for directory in runs]
    holds_records = kept.is_dir() or (keep and Path(os.path.realpath(keep)) == kept)
    if holds_records and not any(directory.is_relative_to(home) for directory in named):
        return OTHER_OUT
    return DEFAULT_OUT


def _names(runs: "Records") -> set[str]:
    """By which an earlier report knows these runs; a damaged one has the name of its directory."""
    hashes = {str(value) for value in runs.get("config_hash", []) if value == value}
    return hashes | {os.path.basename(os.path.realpath(path)) for path in runs["path"]}


def _explorer_file(asked: Path | None, out: Path) -> Path | None:
    """Where the explorer goes; ConfigError before anything is read if it cannot be made."""
    from titn.reporting.explorer import check_installed, check_replaceable

    if asked is None:
        return None
    check_installed()
    file = out / EXPLORER if asked == Path() else asked
    with _opening("--html", file, "name another"):
        check_replaceable(file)
    return file


def _complain(unread: Sequence[tuple[str, str]], unkept: Sequence[tuple[str, str]]) -> None:
    """A line for each file that could not be used."""
    for path, reason in dict.fromkeys(unread):
        complain(printable(f"{path}: cannot be read: {reason}; {REMEDY}"), 0)
    if unkept:
        places = dict.fromkeys(path for path, _ in unkept)
        complain(printable(f"--keep: not copied, for what was said: {', '.join(places)}"), 0)


@contextmanager
def _opening(option: str, file: Path, remedy: str) -> Iterator[None]:
    """ConfigError if a file that is to be filled or replaced cannot be read or written."""
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            printable(f"{option} {file}: cannot be filled ({error_text(error)}); {remedy}")
        ) from None


@contextmanager
def _writing(option: str, directory: Path) -> Iterator[None]:
    """ConfigError if a directory cannot be made or written; its files are the old ones or new."""
    begun = False
    try:
        directory.mkdir(parents=True, exist_ok=True)
        begun = True
        yield
    except OSError as error:
        failed = "written" if begun else "made"
        raise ConfigError(
            printable(f"{option} {directory}: cannot be {failed} ({error_text(error)}); {ROOM}")
        ) from None


if __name__ == "__main__":
    main()
