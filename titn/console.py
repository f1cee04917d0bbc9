"""What the commands have in common on a terminal."""

import csv
import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence

from titn.errors import CellError, ConfigError

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def complain(line: str, code: int) -> int:
    """Say it on standard error; returns the exit code."""
    print(f"titn: {line}", file=sys.stderr)
    return code


def answered(job: Callable[[], int]) -> int:
    """The exit code of a command; what it raises for the user to read becomes one line."""
    try:
        code = job()
        sys.stdout.flush()
        return code
    except ConfigError as error:
        return complain(str(error), BAD_INPUT)
    except CellError as error:
        return complain(str(error), FAILED)
    except KeyboardInterrupt:
        return complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read has seen enough, as `head` does; nobody is left to tell at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def whole(least: int) -> Callable[[str], int]:
    """A type for argparse: a whole number, `least` or more."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ArgumentTypeError(f"{text}: should be a whole number, {least} or more")
        return int(text)

    return number


def show(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal, CSV for a pipe or a file."""
    if not sys.stdout.isatty():
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([columns, *rows])
        return
    cells = [columns, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        # Text to the left, numbers to the right.
        padded = [
            cell.rjust(width) if _is_number(rows, i) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(padded).rstrip())


def _is_number(rows: Sequence[Sequence[str]], column: int) -> bool:
    return all(row[column][:1].lstrip("-").isdigit() or not row[column] for row in rows)
