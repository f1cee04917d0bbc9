"""The results of the audit: recomputed numbers, contradictions, untested claims."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["equal", "within rounding", "differs"]
Unit = Literal["accuracy", "difference", "score", "ratio", "million", "GFLOPs", "count"]

# What a unit is multiplied by where it is printed: fractions become percent and percentage points.
SCALE: Mapping[Unit, float] = {"accuracy": 100.0, "difference": 100.0}


@dataclass(frozen=True)
class Check:
    """A printed number and its recomputation: fractions, or the unit's own.

    digits: decimals of the print, in percent where the unit is a fraction's.
    """

    part: str
    source: str
    what: str
    unit: Unit
    printed: float
    recomputed: float
    digits: int
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True)
class Contradiction:
    """Two places that cannot both be right, or of which one claims more than the other supports."""

    about: str
    first: str
    second: str
    remark: str = ""


@dataclass(frozen=True)
class Untested:
    """A claim that the paper does not test; sweeps: those of ours that do."""

    claim: str
    section: str
    sweeps: tuple[str, ...]
    remark: str = ""


@dataclass(frozen=True)
class Audit:
    checks: tuple[Check, ...]
    contradictions: tuple[Contradiction, ...]
    untested: tuple[Untested, ...]


def check(
    part: str,
    source: str,
    what: str,
    unit: Unit,
    printed: float,
    recomputed: float,
    digits: int = 2,
    between: tuple[float, float] | None = None,
    note: str = "",
) -> Check:
    """Compare a printed number with its recomputation.

    equal: the recomputed value, rounded as the print is, is the printed one. within rounding: some
    value in `between` is; the recomputation may lie anywhere there, because the numbers that it
    starts from are rounded themselves. differs: neither.
    """
    # Half of the last digit, and a little more: most decimals have no exact float.
    half = 0.5 * 10**-digits / SCALE.get(unit, 1.0) * (1 + 1e-6)
    low, high = between or (recomputed, recomputed)
    verdict: Verdict = "differs"
    if abs(printed - recomputed) <= half:
        verdict = "equal"
    elif low - half <= printed <= high + half:
        verdict = "within rounding"
    return Check(part, source, what, unit, printed, recomputed, digits, verdict, note)
