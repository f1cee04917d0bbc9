"""Is a model of the search space, with pruning, better than random search in the same time?

    python benchmarks/search_methods.py --root DIR    # six studies, and search_methods.md

One setting and one space: `sweeps/search/recipe.yaml` for a small DeiT on the first ten classes of
CIFAR-100. Three studies of each method have the same hours of training, in turns; the same seed
begins both with the same random trials, and what one has recorded is told to the other with the
time that it took. Given again, the command goes on where it was left.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from statistics import mean, stdev

from scipy.stats import t

from titn.records.provenance import cpu_name
from titn.records.search import SEARCH
from titn.records.sweep_dir import SweepDir
from titn.reporting.figures.style import BLUE, GREY, drawing
from titn.reporting.markdown import table
from titn.system.files import write_text

HERE = Path(__file__).resolve().parent
RESULTS, PAGE = HERE / "results" / "search_methods.json", HERE / "search_methods.md"

METHODS = {
    "TPE, pruned by the median": ("tpe", "search.sampler=tpe search.pruner=median"),
    "random": ("random", "search.sampler=random search.pruner=none"),
}
COLOURS = dict(zip(METHODS, (BLUE, GREY), strict=True))
SEEDS = (0, 1, 2)
# A trial of seconds: 1,500 images of ten classes, and 1,000 to validate on.
SETTING = (
    "+search=recipe model=deit model.depth=1 model.patch_dim=48 teacher=none dataset=cifar100 "
    "dataset.num_classes=10 dataset.fraction=0.5 dataset.validation_fraction=0.4 batch_size=64 "
    "epochs=8 compile=none device=cpu"
)
MANY = 100_000  # trials: the hours are the budget


@dataclass(frozen=True)
class Study:
    """What became of a study's trials, in the order in which they were asked for.

    hours: at the end of each trial, of training. best: the highest top-1 on the validation split
    until then, nan before the first complete trial. outcomes: name -> number of trials.
    """

    method: str
    seed: int
    hours: list[float]
    best: list[float]
    outcomes: dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="CIFAR-100's directory")
    parser.add_argument("--runs", type=Path, default=Path("runs/search_methods"))
    parser.add_argument("--hours", type=float, default=0.05, help="of training, for each study")
    asked = parser.parse_args()
    for seed in SEEDS:
        for method in METHODS:
            search(method, seed, asked.root, asked.runs, asked.hours)
    studies = [read_study(method, seed, asked.runs) for seed in SEEDS for method in METHODS]
    found = {
        "hours": asked.hours,
        "cpu": cpu_name(),
        "setting": SETTING,
        "studies": [asdict(one) for one in studies],
    }
    write_text(RESULTS, json.dumps(found, indent=1) + "\n")
    write_page(found)


def study_name(method: str, seed: int) -> str:
    return f"{METHODS[method][0]}-{seed}"


def search(method: str, seed: int, root: Path, runs: Path, hours: float) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "titn.train", "--multirun", *SETTING.split()),
            *METHODS[method][1].split(),
            *(f"search.study={study_name(method, seed)}", f"search.seed={seed}"),
            *(f"search.trials={MANY}", f"search.hours={hours}"),
            *(f"dataset.root={root}", f"runs_dir={runs}"),
        ],
        check=True,
    )


def read_study(method: str, seed: int, runs: Path) -> Study:
    found = SweepDir(runs / "sweeps" / SEARCH / study_name(method, seed)).trials()
    assert found is not None
    hours = accumulate(trial.secs / 3600 for trial in found.trials)
    best = accumulate((trial.values or [float("-inf")] for trial in found.trials), max)
    outcomes = Counter(trial.outcome for trial in found.trials)
    return Study(method, seed, [*hours], [one[0] for one in best], dict(outcomes))


def write_page(found: dict) -> None:
    """The page and its figure."""
    studies = [Study(**one) for one in found["studies"]]
    with drawing(HERE / "search_methods.svg", 3.4) as (_, axes):
        for one in studies:
            label = one.method if one.seed == SEEDS[0] else None
            best = [100 * reached for reached in one.best]
            axes.step(one.hours, best, where="post", color=COLOURS[one.method], label=label)
        axes.set_xlim(0, found["hours"])
        axes.set_xlabel("hours of training")
        axes.set_ylabel("best validation top-1 so far, %")
        axes.legend(loc="lower right")
        axes.grid()
    rows = [
        [
            one.method,
            str(one.seed),
            ", ".join(f"{number} {outcome}" for outcome, number in one.outcomes.items()),
            f"{100 * one.best[-1]:.1f}",
        ]
        for one in studies
    ]
    parts = [
        "# Does a model of the search space pay?",
        f"Three studies of each method, {found['hours']:g} hours of training each, on "
        f"{found['cpu']}: `python -m titn.train --multirun {found['setting']}`. Written by "
        "`python benchmarks/search_methods.py --root DIR`.",
        "![the best top-1 so far against the hours](search_methods.svg)",
        table(("method", "seed", "trials", "best top-1, %"), rows),
        _difference(studies),
    ]
    write_text(PAGE, "\n\n".join(parts) + "\n")


def _difference(studies: list[Study]) -> str:
    """Of the two methods in the studies of one seed, which begin with the same trials."""
    first, second = (
        [100 * one.best[-1] for one in studies if one.method == method] for method in METHODS
    )
    found = [one - other for one, other in zip(first, second, strict=True)]
    half = float(t.ppf(0.975, len(found) - 1)) * stdev(found) / len(found) ** 0.5
    low, high = mean(found) - half, mean(found) + half
    return (
        f"{' less '.join(METHODS)}: {mean(found):+.1f} points, 95% interval {low:+.1f} to "
        f"{high:+.1f} (of the differences of {len(found)} pairs, each with the same first trials). "
        "The best of many trials on one validation split is too high for both: it says which "
        "method looks better there, not what its configuration reaches on test."
    )


if __name__ == "__main__":
    main()
