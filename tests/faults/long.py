"""The long part of the fault suite: hundreds of faults, and a table of what became of each.

    python tests/faults/long.py [--kills 120] [--sweeps 40] [--overrides 1200] [--files 600]
                                [--disks 40] [--seed 0] [--write docs/reliability.md]

About an hour on two cores. Exit code 1 if anything was lost; what it was is printed.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: processes that wait for each other's threads

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import disks
import killed_runs
import killed_sweeps
from damaged_checkpoints import damaged_checkpoints
from damaged_data import damaged_data
from damaged_records import damaged_records
from harness import Tally
from overrides import fuzzed_overrides
from tqdm import tqdm

KINDS_OF_FILES = 18
BEGIN, END = "<!-- the table: written by tests/faults/long.py -->", "<!-- end of the table -->"


def main() -> int:
    arguments = _parser().parse_args()
    rng = random.Random(arguments.seed)
    started = time.monotonic()
    tallies: list[Tally] = []
    with tempfile.TemporaryDirectory() as directory:
        for part in parts(arguments, Path(directory).resolve(), rng):
            found = part()
            tallies += found
            print(f"after {time.monotonic() - started:.0f} s")
            print(table(found), flush=True)
    text = table(tallies)
    print(text)
    lost = [f"{tally.fault}: {what}" for tally in tallies for what in tally.lost]
    print("\n".join(lost) or "nothing was lost")
    if arguments.write:
        write(arguments.write, text)
    return 1 if lost else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Faults by the hundred, and a table of them.")
    for name, count, what in (
        ("kills", 120, "of a training run"),
        ("sweeps", 40, "kills of a sweep with four processes"),
        ("overrides", 1200, "command lines"),
        ("files", 600, "damaged files"),
        ("disks", 40, "runs on a disk that is full"),
        ("seed", 0, "of all that is drawn"),
    ):
        parser.add_argument(f"--{name}", type=int, default=count, help=f"{what} (default {count})")
    parser.add_argument("--write", type=Path, help="a page whose table is replaced")
    return parser


def parts(
    asked: argparse.Namespace, place: Path, rng: random.Random
) -> list[Callable[[], list[Tally]]]:
    """In the order of the table; a part that is asked for with 0 is left out."""

    def runs() -> list[Tally]:
        with tqdm(total=asked.kills, desc="kills", unit="kill") as bar:
            known = killed_runs.reference(place / "untouched")
            return killed_runs.killed_at_random(
                asked.kills, place / "kills", known, rng, tick=bar.update
            )

    def of_sweeps() -> list[Tally]:
        half = asked.sweeps // 2
        with tqdm(total=asked.sweeps, desc="kills of sweeps", unit="kill") as bar:
            known = killed_sweeps.reference(place / "untouched-sweep")
            four = killed_sweeps.four_controllers(half, place, known, rng, bar.update)
            workers = killed_sweeps.four_workers(asked.sweeps - half, place, known, rng, bar.update)
            return [four, *workers]

    every = {
        "kills": runs,
        "sweeps": of_sweeps,
        "disks": lambda: disks.disks(asked.disks, asked.seed),
        "overrides": lambda: fuzzed_overrides(asked.overrides, asked.seed),
        "files": lambda: [
            *damaged_data(asked.files // KINDS_OF_FILES, asked.seed),
            *damaged_records(asked.files // KINDS_OF_FILES, asked.seed),
            *damaged_checkpoints(asked.files // KINDS_OF_FILES, place / "damaged", rng),
        ],
    }
    return [part for name, part in every.items() if getattr(asked, name)]


def table(tallies: list[Tally]) -> str:
    """Markdown: a line for each fault, and the sum."""
    rows = [(t.fault, t.tries, t.survived, len(t.lost)) for t in tallies]
    sums = tuple(sum(row[i] for row in rows) for i in (1, 2, 3))
    lines = [f"| {fault} | {a} | {b} | {c} |" for fault, a, b, c in (*rows, ("all", *sums))]
    return "\n".join(["| fault | tries | survived | lost |", "|:--|--:|--:|--:|", *lines])


def write(page: Path, text: str) -> None:
    """Replace the table of a page, between its two marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
