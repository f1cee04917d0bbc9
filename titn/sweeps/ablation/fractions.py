"""Regular fractions of two-level factorial designs (Box, Hunter and Hunter, 2005, chapter 6).

Of k factors k - p vary freely; each of the others is the product of some of these, in the coding of
-1 and +1. A word is a product of factors that is +1 in all rows of the fraction; the length of the
shortest is the resolution. III: main effects are mixed up with pairs; IV: only pairs with pairs; V:
neither.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations, product

from titn.records.ablation import State

# A set of factors, a bit for each.
Mask = int


@dataclass(frozen=True)
class Fraction:
    """The 2^-p part of the 2^k rows. generators: of each factor that is not free, which it is the
    product of."""

    num_factors: int
    generators: tuple[Mask, ...]

    @property
    def num_free(self) -> int:
        return self.num_factors - len(self.generators)

    @property
    def words(self) -> list[Mask]:
        """The defining relation."""
        return _words(self.generators, self.num_free)

    @property
    def resolution(self) -> int | None:
        """None of a full factorial."""
        return min(map(int.bit_count, self.words), default=None)

    def states(self) -> list[State]:
        """The rows: with the row that has all factors, as all signs are +."""
        rows = []
        for free in product((False, True), repeat=self.num_free):
            others = [_product(free, generator) for generator in self.generators]
            rows.append((*free, *others))
        return rows

    def aliases(self, mask: Mask) -> list[Mask]:
        """The pairs, and single factors, whose effect cannot be told from that of `mask`."""
        mixed = [mask ^ word for word in self.words]
        return sorted(one for one in mixed if one.bit_count() in (1, 2))


def best_fraction(num_factors: int, halvings: int) -> Fraction | None:
    """The fraction 2^-halvings of minimum aberration: of the highest resolution, and of those with
    the fewest short words; the first of equals. None if none has resolution III.
    """
    if not halvings:
        return Fraction(num_factors, ())
    num_free = num_factors - halvings
    products = [mask for mask in range(1 << max(num_free, 0)) if mask.bit_count() > 1]
    found = combinations(sorted(products, key=int.bit_count, reverse=True), halvings)
    best = min(found, key=lambda one: _aberration(one, num_free, num_factors), default=None)
    return None if best is None else Fraction(num_factors, best)


def _aberration(generators: tuple[Mask, ...], num_free: int, num_factors: int) -> list[int]:
    """How many words there are of each length, the shortest first."""
    lengths = Counter(word.bit_count() for word in _words(generators, num_free))
    return [lengths[length] for length in range(1, num_factors + 1)]


def _words(generators: tuple[Mask, ...], num_free: int) -> list[Mask]:
    words = [0]
    for i, generator in enumerate(generators):
        own = generator | 1 << (num_free + i)
        words += [word ^ own for word in words]
    return words[1:]


def _product(free: tuple[bool, ...], generator: Mask) -> bool:
    """Whether the product of the chosen factors is +1: an even number of them is -1."""
    return sum(not has for i, has in enumerate(free) if generator >> i & 1) % 2 == 0
