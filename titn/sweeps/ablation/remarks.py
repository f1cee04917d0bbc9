"""What is said of an ablation before it begins: its changes, what is left out, what is mixed up."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from titn.records.ablation import ROMAN, Ablation
from titn.sweeps.ablation.fractions import Fraction


def generators(names: Sequence[str], fraction: Fraction) -> list[str]:
    """Of each factor that is not free, which product it is."""
    return [
        f"{names[fraction.num_free + i]} = {_product(names, generator)}"
        for i, generator in enumerate(fraction.generators)
    ]


def aliases(names: Sequence[str], fraction: Fraction) -> list[str]:
    """The effects of single changes and of pairs that the fraction cannot tell apart."""
    num = fraction.num_factors
    masks = [1 << i for i in range(num)]
    masks += [1 << i | 1 << j for i, j in combinations(range(num), 2)]
    classes = {frozenset([mask, *fraction.aliases(mask)]): None for mask in masks}
    return [
        " = ".join(_product(names, mask) for mask in sorted(one, key=masks.index))
        for one in classes
        if len(one) > 1
    ]


def _product(names: Sequence[str], mask: int) -> str:
    return " × ".join(name for i, name in enumerate(names) if mask >> i & 1)


def remarks(ablation: Ablation, idle: Sequence[str], ties: str | None) -> Iterator[str]:
    """Lines for the terminal: the changes, what is left out, and what a fraction mixes up.

    ties: under which nothing would be left out.
    """
    for change in ablation.changes:
        sides = (" ".join(side) or "the default" for side in (change.before, change.after))
        yield f"  {change.name}: {' -> '.join(sides)}"
    for name in idle:
        yield f"  {name}: changes no number, and is no change"
    for label, reason in ablation.impossible.items():
        yield f"  left out, impossible: {label} ({reason})"
    if ties:
        yield f"  with {ties} no row is left out"
    if ablation.resolution:
        resolution = ROMAN[ablation.resolution]
        yield f"  a fraction of resolution {resolution}: {'; '.join(ablation.generators)}"
        if ablation.aliases:
            yield f"  not told apart: {'; '.join(ablation.aliases)}"
