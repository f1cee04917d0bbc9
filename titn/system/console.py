"""What the commands have in common on a terminal."""

import csv
import os
import sys
from argparse import Action, ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from math import nan
from pathlib import Path
from typing import Any, NoReturn

from titn.system.compile_cache import ensure_compile_cache, ensure_user_name
from titn.system.errors import CellError, ConfigError, error_text, file_error_text, is_full
from titn.system.files import local_path
from titn.system.streams import has_reader, open_streams, output_error
from titn.system.text import printable
from titn.system.threads import limit_spinning

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

# A complaint that is longer is cut in the middle: it begins with the key, and ends with the remedy.
LONGEST_LINE = 2000


def complain(line: str, code: int) -> int:
    """Say it on standard error, in one line whatever is in it; returns the exit code."""
    print(f"titn: {_cut(printable(line))}", file=sys.stderr)
    return code


def _cut(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]} ... {line[-half:]}"


def run_command(job: Callable[[], int]) -> int:
    """The exit code of a command; what it raises for the user to read becomes one line."""
    open_streams()
    limit_spinning()
    ensure_user_name()
    ensure_compile_cache()
    try:
        check_working_directory()
        find_own_modules()
        return _delivered(job())
    except SystemExit as end:  # after --help, or bad arguments
        return _delivered(end.code if isinstance(end.code, int) else BAD_INPUT if end.code else 0)
    except ConfigError as error:
        return complain(str(error), BAD_INPUT)
    except CellError as error:
        return complain(str(error), FAILED)
    except KeyboardInterrupt:
        return complain("interrupted", INTERRUPTED)
    except OSError as error:
        if not is_full(error):
            raise
        return complain(f"{file_error_text(error)}; make room", FAILED)


def _delivered(code: int) -> int:
    """The exit code, 1 in place of 0 if a file did not take what was printed.

    Whoever read and has gone has seen enough, as `head` does: the code is that of the work.
    """
    error = output_error()
    if error is None or not has_reader(error):
        return code
    remedy = "give it another place, and the same command prints it again"
    return complain(f"standard output: {error_text(error)}; {remedy}", code or FAILED)


def version() -> str:
    """The installed titn."""
    from importlib import metadata

    try:
        return f"titn {metadata.version('titn')}"
    except metadata.PackageNotFoundError:
        return "titn, not installed"


class _PrintVersion(Action):
    def __call__(self, parser: ArgumentParser, *_: Any) -> None:
        print(version())
        parser.exit()


def check_working_directory() -> None:
    """ConfigError if it is gone: relative paths would be anywhere."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise ConfigError(
            "the working directory is gone; go to one that is there, as cd /, and try again"
        ) from None


def find_own_modules() -> None:
    """Let Python look for modules in the working directory last, as a `_target_` may lie there.

    `python -m` looks there by itself, and first; a console script does not.
    """
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)


class Arguments(ArgumentParser):
    """An argument parser that says in one line what is wrong, as everything else does."""

    def __init__(self, name: str, **options: Any):
        super().__init__(name, **options)
        self.add_argument("--version", action=_PrintVersion, nargs=0, help="titn's version")

    def add_trust(self) -> None:
        """--trust, of commands that open a run."""
        self.add_argument(
            "--trust",
            action="store_true",
            help="run code other than titn's that the record names",
        )

    def error(self, message: str) -> NoReturn:
        sys.exit(complain(option_error(message), BAD_INPUT))


def option_error(message: str) -> str:
    """What argparse says of bad arguments, with the option in front and the remedy at the end."""
    unknown = message.removeprefix("unrecognized arguments: ")
    if unknown != message:
        if unknown.startswith("-"):
            return f"{unknown}: there is no such option; --help lists them"
        return f"{unknown}: more than this command takes; --help says more"
    said = message
    if message.startswith("argument "):
        option, _, reason = message.removeprefix("argument ").partition(": ")
        said = f"{option} {reason}"
    return f"{said}; --help says more"


def whole_number(least: int, most: int = 10**9) -> Callable[[str], int]:
    """A type for argparse: a whole number from `least` to `most`."""

    def number(text: str) -> int:
        # Of thousands of digits Python makes no number.
        large = text.isdecimal() and (len(text) > len(str(most)) or int(text) > most)
        if large or not text.isdecimal() or int(text) < least:
            bound = f"{most} or less" if large else f"{least} or more"
            raise ArgumentTypeError(f"{text}: should be a whole number, {bound}")
        return int(text)

    return number


def non_negative_number(text: str) -> float:
    """A type for argparse: a number from 0 to a million."""
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not 0 <= number <= 1e6:
        raise ArgumentTypeError(f"{text}: should be a number from 0 to 1000000")
    return number


def checked(key: str, check: Callable[[str], None]) -> Callable[[str], str]:
    """A type for argparse: a text that `check` accepts.

    check: raises ConfigError with a message that begins with "key=".
    """

    def text(value: str) -> str:
        try:
            check(value)
        except ConfigError as error:
            raise ArgumentTypeError(str(error).removeprefix(f"{key}=")) from None
        return value

    return text


def given_path(text: str) -> Path:
    """A type for argparse: a path, with the home directory in place of ~ also after "="."""
    try:
        return local_path(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text}: {error}; give another path") from None


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal, CSV for a pipe or a file."""
    if not sys.stdout.isatty():
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([columns, *rows])
        return
    cells = [columns, *([printable(cell) for cell in row] for row in rows)]
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
