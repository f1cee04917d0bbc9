"""What a trained network says of image files.

    python -m titn.predict RUN IMAGE...

Prints the most probable classes of each, as a table on a terminal and as CSV elsewhere. What is
not an image is refused by name; the others are answered all the same, and the exit code is 2.
"""

import argparse
import os
import sys
from pathlib import Path

from titn.config.constraints import check_device_name
from titn.system.console import (
    BAD_INPUT,
    Arguments,
    checked,
    complain,
    given_path,
    print_table,
    run_command,
    whole_number,
)

COLUMNS = ("image", "rank", "class", "probability")


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    sys.exit(run_command(lambda: predict(_parser().parse_args())))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments("titn.predict", description="Class probabilities of images.")
    parser.add_argument("run", type=given_path, help="directory of a finished run")
    parser.add_argument(
        "images", type=given_path, nargs="+", help="files of any format, size and mode"
    )
    parser.add_argument(
        "--top", type=whole_number(1), default=5, help="classes for each image (default 5)"
    )
    parser.add_argument(
        "--device",
        type=checked("device", check_device_name),
        default="auto",
        help="auto, cpu, cuda, cuda:1, mps",
    )
    parser.add_trust()
    return parser


def predict(arguments: argparse.Namespace) -> int:
    """Print what the network makes of the images; complain of what is none."""
    from titn.cells.classify import classify
    from titn.cells.reopen import open_run

    run = open_run(arguments.run, arguments.trust)
    if note := run.other_source():
        complain(note, 0)
    guesses, errors = classify(run, arguments.images, top=arguments.top, device=arguments.device)
    for path, error in errors.items():
        what = f"a folder; name its files: {path}/*"
        if not path.is_dir():
            what = f"not an image that can be read ({error})"
        complain(f"{path}: is {what}", BAD_INPUT)
    if guesses:
        print_table(
            COLUMNS,
            [(_as_text(path), str(rank), name, f"{p:.4f}") for path, rank, name, p in guesses],
        )
    return BAD_INPUT if errors else 0


def _as_text(path: Path) -> str:
    """The name of a file as text, with bytes that are not UTF-8 as \\xe9."""
    return os.fsencode(path).decode(errors="backslashreplace")


if __name__ == "__main__":
    main()
