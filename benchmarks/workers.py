"""How much sooner do several workers finish a sweep, and what would a cluster do?

    python benchmarks/workers.py                 # measure, then workers.md
    python benchmarks/workers.py --only-page     # the page of what was measured

Twelve cells of digits, no teacher, by one worker, by two and by four: processes of one thread each
that are given the same command at once. They take turns, round after round, each in a new
directory, and have to record the same numbers. What more workers than this machine has cores would
take is calculated from the cells' own times (titn.sweeps.makespan), and marked as such.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median

import titn
from titn.records.provenance import cpu_name
from titn.reporting.figures.style import BLUE, GREY, drawing
from titn.reporting.markdown import table
from titn.sweeps.makespan import Work, makespan
from titn.system.files import write_text
from titn.system.progress import duration
from titn.system.text import counted

HERE = Path(__file__).resolve().parent
RESULTS, PAGE = HERE / "results" / "workers.json", HERE / "workers.md"
SETTING = (
    "model=deit,titn seed=0,1,2,3,4,5 model.depth=2 teacher=none epochs=5 compile=none device=cpu "
    "precision=32-true"
)
MEASURED = (1, 2, 4)
CALCULATED = (1, 2, 4, 8, 16, 32, 64)
# Of which the page says what a cluster would take: name -> cells, and hours of each by one worker.
LARGE = {"10 rows, 3 seeds, an hour each": (30, 1.0), "100 trials of 20 minutes": (100, 1 / 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-page", action="store_true")
    asked = parser.parse_args()
    if not asked.only_page:
        write_text(RESULTS, json.dumps(measure(asked.rounds), indent=1) + "\n")
    write_page(json.loads(RESULTS.read_text()))


def measure(rounds: int) -> dict:
    """Seconds of the clock by number of workers, a number a round, and of each cell."""
    walls: dict[int, list[float]] = {number: [] for number in MEASURED}
    cells: dict[int, list[list[float]]] = {number: [] for number in MEASURED}
    expected = None
    for _ in range(rounds):
        for number in MEASURED:
            with tempfile.TemporaryDirectory() as place:
                walls[number].append(wall_secs(number, place))
                records = titn.records.load(place)
                found = sorted(zip(records["config_hash"], records["nll"], strict=True))
                if expected is not None and found != expected:
                    sys.exit(f"{number} workers recorded other numbers")
                expected = found
                cells[number].append(list(records["wall_secs"]))
                print(f"{number}: {walls[number][-1]:.0f} s", flush=True)
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "setting": SETTING,
        "wall_secs": walls,
        "cell_secs": cells,
    }


def wall_secs(number: int, place: str) -> float:
    """Until so many processes with one command have ended, which they do when all is recorded."""
    command = [sys.executable, "-m", "titn.train", "--multirun", *SETTING.split()]
    started = time.monotonic()
    workers = [
        subprocess.Popen(
            [*command, f"runs_dir={place}"],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(number)
    ]
    codes = [worker.wait() for worker in workers]
    if any(codes):
        sys.exit("a worker failed")
    return time.monotonic() - started


def write_page(found: dict) -> None:
    """The page and its figure."""
    walls = {int(number): median(secs) for number, secs in found["wall_secs"].items()}
    one = [mean(cell) for cell in zip(*map(sorted, found["cell_secs"]["1"]), strict=True)]
    works = [Work(str(i), secs) for i, secs in enumerate(sorted(one, reverse=True))]
    start = walls[1] - makespan(works, 1)  # of a worker, before its first cell and after its last
    calculated = {n: start + makespan(works, n) for n in CALCULATED if n <= 2 * len(works)}
    with drawing(HERE / "workers.svg", 3.2) as (_, axes):
        axes.plot(calculated.keys(), calculated.values(), color=GREY, label="calculated")
        axes.plot(walls.keys(), walls.values(), "o", color=BLUE, label="measured")
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(calculated), [str(number) for number in calculated])
        axes.set_ylim(bottom=0)
        axes.set_xlabel("workers")
        axes.set_ylabel("seconds until all is recorded")
        axes.legend()
        axes.grid()
    rows = [
        [
            str(number),
            f"{walls[number]:.0f} ({min(spread):.0f} to {max(spread):.0f})"
            if (spread := found["wall_secs"].get(str(number)))
            else "",
            f"{secs:.0f}",
            f"{calculated[1] / secs:.1f}",
        ]
        for number, secs in calculated.items()
    ]
    num_rounds = len(found["wall_secs"]["1"])
    parts = [
        "# What a sweep costs, and how workers share it",
        f"Twelve cells (`python -m titn.train --multirun {found['setting']}`) by one, two and four "
        f"processes with one command and one thread each, on {found['cores']} cores of "
        f"{found['cpu']}; medians of {counted(num_rounds, 'round')} in turns, with smallest and "
        "largest. All rounds recorded the same numbers. Written by `python benchmarks/workers.py`.",
        "![seconds against workers](workers.svg)",
        table(
            ("workers", "measured, s", "calculated, s", "times as fast, calculated"),
            rows,
        ),
        f"*Calculated* is from the cells' own times by one worker ({min(one):.0f} to "
        f"{max(one):.0f} s) and the {start:.0f} s that a worker takes to start and to end: each "
        "takes the next cell when it has made one. It is what workers would take that do not "
        f"share cores, a GPU or a disk. These had {found['cores']} cores: more workers than cores "
        "gain nothing.",
        "## A cluster, by calculation",
        "What all workers together work, in hours, does not change with their number: it is the "
        "sum of the cells' hours, to which each worker adds its start and what it waits for a "
        "teacher or for the last cells. Nothing below was measured; the hours of your own cells "
        "are what `dry_run=true` says, with the times of 2, 4, 8 and more workers.",
        table(
            ("sweep", "hours of work", *(f"{n} workers" for n in CALCULATED[1:])),
            [
                [
                    name,
                    f"{cells * hours:.0f}",
                    *(
                        duration(
                            start + makespan([Work(str(i), 3600 * hours) for i in range(cells)], n)
                        )
                        for n in CALCULATED[1:]
                    ),
                ]
                for name, (cells, hours) in LARGE.items()
            ],
        ),
        "A teacher that all need is made first, by one worker, while the others wait or make cells "
        "without it: a teacher of an hour puts an hour before everything else, however many they "
        "are. A price follows by multiplying hours of work by that of a worker's hour.",
    ]
    write_text(PAGE, "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
