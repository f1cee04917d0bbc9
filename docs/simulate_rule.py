"""Error, coverage and power of the reports' rule, by simulation: the tables of docs/statistics.md.

    python docs/simulate_rule.py [--tables 2000]

A table is r rows of n seeds on m test images. Whether a network is right on an image is a normal
number being above a bound: a part of it belongs to the image, a part to row and image, the rest to
that one network on that image; besides, each seed of a row is better or worse as a whole. The parts
are such that ten rows of three seeds on ten classes of CIFAR-100 agree as the recorded ones do.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from titn.reporting.statistics.images import images_variance, interaction_variance
from titn.reporting.statistics.rule import difference_contrast
from titn.reporting.statistics.seed_model import fit_seeds

# Of the variance of the normal number: of the image, and of row and image. Recorded and simulated:
# two seeds of a row agree on 89% of the images, two rows of one seed each on 87%.
OF_IMAGE, OF_ROW_AND_IMAGE = 0.908, 0.022


@dataclass(frozen=True)
class Design:
    """r rows. counts: (r,) seeds, the baseline's first. seed_sds: (r,) how much seeds differ in
    accuracy, apart from their luck on the images. shared_sd: of what a seed does to all rows."""

    name: str
    counts: tuple[int, ...] = (3,) * 6
    num_images: int = 1000
    accuracy: float = 0.61
    seed_sds: tuple[float, ...] = (0.005,) * 6
    shared_sd: float = 0.0


DESIGNS = (
    Design("six rows of three seeds, 1,000 images"),
    Design("10,000 images", num_images=10_000),
    Design("five seeds", counts=(5,) * 6),
    Design("ten rows", counts=(3,) * 10, seed_sds=(0.005,) * 10),
    Design("two rows", counts=(3, 3), seed_sds=(0.005, 0.005)),
    Design("seeds 5, 3, 3, 3, 4, 3", counts=(5, 3, 3, 3, 4, 3)),
    Design("360 images at 98.5%", num_images=360, accuracy=0.985, seed_sds=(0.002,) * 6),
    Design("seeds that do the same to all rows", shared_sd=0.01),
    Design("one row of three times the deviation", seed_sds=(0.008,) * 5 + (0.024,)),
    Design("baseline of three times the deviation", seed_sds=(0.024,) + (0.008,) * 5),
)
DIFFERENCES = (0.01, 0.02, 0.04, 0.12)


@dataclass(frozen=True)
class Outcome:
    """Shares of tables. error: of equal rows one was called different, that is, not all intervals
    held the true difference. found: a difference of the last row was found."""

    error: float
    found: dict[float, float]


def simulate(
    design: Design, tables: int, seed: int, differences: Sequence[float] = DIFFERENCES
) -> Outcome:
    rng = np.random.default_rng(seed)
    errors = []
    found: dict[float, list[bool]] = {size: [] for size in differences}
    for _ in range(tables):
        null = list(_intervals(_table(design, 0.0, rng)))
        errors.append(any(low > 0 or high < 0 for low, high in null))
        for size, hits in found.items():
            _, high = list(_intervals(_table(design, size, rng)))[-1]
            hits.append(high < 0)
    return Outcome(
        float(np.mean(errors)),
        {size: float(np.mean(hits)) for size, hits in found.items()},
    )


def _table(design: Design, difference: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Right or wrong, (n, m) of each row; the last row is worse by `difference`."""
    m, rows = design.num_images, len(design.counts)
    image = rng.normal(0, OF_IMAGE**0.5, m)
    own_sd = (1 - OF_IMAGE - OF_ROW_AND_IMAGE) ** 0.5
    shared = rng.normal(0, design.shared_sd, max(design.counts))
    correct = []
    for row, (n, seed_sd) in enumerate(zip(design.counts, design.seed_sds, strict=True)):
        level = design.accuracy - (difference if row == rows - 1 else 0.0)
        seeds = np.clip(level + shared[:n] + rng.normal(0, seed_sd, n), 0.001, 0.999)
        of_row = image + rng.normal(0, OF_ROW_AND_IMAGE**0.5, m)
        correct.append(of_row + rng.normal(0, own_sd, (n, m)) < ndtri(seeds)[:, None])
    return correct


def _intervals(correct: Sequence[np.ndarray]) -> Iterator[tuple[float, float]]:
    """Of every row less the first."""
    values = [row.mean(1) for row in correct]
    floors = [interaction_variance(row) / row.shape[1] for row in correct]
    shares_seeds = len({len(row) for row in correct}) == 1
    model = fit_seeds(values, floors, shares_seeds)
    compared = range(1, len(correct))
    for i in compared:
        images = images_variance(correct[i], correct[0])
        contrast = difference_contrast(model, i, 0, compared, images)
        interval = contrast.interval(float(values[i].mean() - values[0].mean()))
        yield interval.low, interval.high


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=int, default=2000)
    tables = parser.parse_args().tables
    sizes = " | ".join(f"{100 * size:g} points" for size in DIFFERENCES)
    print(f"| tables of | false findings | {sizes} |")
    print("| :-- |" + " --: |" * (1 + len(DIFFERENCES)))
    for design in DESIGNS:
        outcome = simulate(design, tables, seed=0)
        found = " | ".join(f"{100 * share:.1f}%" for share in outcome.found.values())
        print(f"| {design.name} | {100 * outcome.error:.1f}% | {found} |", flush=True)


if __name__ == "__main__":
    main()
