"""What each change of a generated ablation does: effects, interactions, and what they cost.

An effect is a weighted sum of the rows' means: of a change that is taken back or made alone the
difference of two rows, of a step of a path that of two rows in a row, of a factorial design the
contrast of its linear model. What it does to time, multiply-accumulates and parameters is the same
sum of those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from titn.records.ablation import FROM, TO, Ablation
from titn.reporting.comparisons.differences import Difference
from titn.reporting.comparisons.images_alone import images_alone
from titn.reporting.comparisons.table_model import TableModel, numbers_of, table_model
from titn.reporting.comparisons.teachers import teachers_forbid
from titn.reporting.comparisons.verdicts import excluded_by, no_interval, too_little, verdict_of
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import mean_or_none
from titn.reporting.statistics.factorial import effect_weights
from titn.reporting.statistics.intervals import Interval

NO_CHANGE = "changed nothing: the same numbers with and without it"


@dataclass(frozen=True)
class Effect:
    """What a change, or two together, add to top-1.

    name: of the change; with "=" where a fraction does not tell several apart. weights: the rows
    that it is computed from. interval: 95%, of all changes (and interactions) together. unjudged:
    why there is no verdict; None if there is one. images_alone: as of a `Difference`.
    """

    name: str
    weights: tuple[tuple[Row, float], ...]
    estimate: float
    interval: Interval | None
    margin: float
    unjudged: str | None
    images_alone: Interval | None = None

    @property
    def verdict(self) -> str:
        return verdict_of(self.interval, self.margin, self.unjudged)

    @property
    def excluded(self) -> float | None:
        return excluded_by(self.interval)

    def added(self, metric: str) -> float | None:
        """What it adds to another number; None if a row does not have it."""
        values = [mean_or_none(row.values(metric)) for row, _ in self.weights]
        if not values or None in values:
            return None
        added = np.dot([weight for _, weight in self.weights], np.array(values, dtype=float))
        return round(float(added), 6)  # what cancels is nothing, and not the last bit of it


@dataclass(frozen=True)
class Effects:
    """Of an ablation whose two configurations have records.

    total: of all changes together. changes, pairs: of each alone and of two. rest: what the effects
    of single changes do not add up to; None where they do by construction. missing: changes whose
    rows have no number, or cannot be.
    """

    ablation: Ablation
    begin: Row
    end: Row
    total: Effect
    changes: list[Effect]
    pairs: list[Effect] = field(default_factory=list)
    rest: Effect | None = None
    missing: list[str] = field(default_factory=list)


Weights = Mapping[str, float]


def ablation_effects(evidence: Evidence, differences: Sequence[Difference]) -> Effects | None:
    """None of other questions, and while one of the two configurations has no record."""
    ablation = evidence.question.ablation if evidence.question else None
    rows = {row.label: row for row in evidence.recorded}
    if ablation is None or FROM not in rows or TO not in rows:
        return None
    judge = _Judge(evidence, differences, rows)
    whole = {TO: 1.0, FROM: -1.0}
    changes, pairs = _contrasts(ablation, rows)
    together = len(changes) + len(pairs)
    # Rows that differ from the baseline in one change have the intervals of the page's table.
    is_single = ablation.design in ("leave_one_out", "add_one_in")
    single = [judge(name, weights, together, is_single) for name, weights in changes.items()]
    left = dict(whole)
    for weights in changes.values():
        for label, weight in weights.items():
            left[label] = left.get(label, 0.0) - weight
    left = {label: weight for label, weight in left.items() if abs(weight) > 1e-9}
    found = {name for key in changes for name in key.split(" = ")}
    return Effects(
        ablation=ablation,
        begin=rows[FROM],
        end=rows[TO],
        total=judge("all changes", whole, 1, True),
        changes=single,
        pairs=[judge(name, weights, together, False) for name, weights in pairs.items()],
        rest=judge("beyond their sum", left, 1, False) if left and single else None,
        missing=[name for name in ablation.names if name not in found],
    )


@dataclass(frozen=True)
class _Judge:
    """Makes effects of the weights of rows."""

    evidence: Evidence
    differences: Sequence[Difference]
    rows: Mapping[str, Row]

    @cached_property
    def model(self) -> TableModel:
        return table_model(self.evidence)

    def __call__(self, name: str, weights: Weights, together: int, in_table: bool) -> Effect:
        used = tuple((self.rows[label], weight) for label, weight in weights.items())
        estimate = sum(weight * float(row.values("top1").mean()) for row, weight in used)
        if in_table and (known := self._in_table(weights)):
            difference, sign = known
            interval, unjudged = _signed(difference.interval, sign), difference.unjudged
            alone = _signed(difference.images_alone, sign)
        else:
            contrast = self.model.contrast(used, together)
            interval = contrast.interval(estimate) if contrast else None
            unjudged = self._why_unjudged([row for row, _ in used], interval)
            alone = images_alone(used, together)
        if _changed_nothing(used):
            unjudged = NO_CHANGE
        return Effect(name, used, estimate, interval, self.evidence.margin, unjudged, alone)

    def _in_table(self, weights: Weights) -> tuple[Difference, float] | None:
        """The difference from the baseline that these weights are, and its sign."""
        for difference in self.differences:
            if difference.row.label in weights and len(weights) == 2:
                return difference, weights[difference.row.label]
        return None

    def _why_unjudged(self, rows: Sequence[Row], interval: Interval | None) -> str | None:
        why = too_little(rows) or teachers_forbid(rows, self.evidence.recorded)
        return why or no_interval(rows, interval) or None


def _changed_nothing(used: Sequence[tuple[Row, float]]) -> bool:
    """Whether the rows with and without it have the same numbers, to the last digit."""
    sides = [
        sorted(numbers_of(row) for row, weight in used if sign * weight > 0) for sign in (1, -1)
    ]
    return bool(sides[0]) and sides[0] == sides[1]


def _signed(interval: Interval | None, sign: float) -> Interval | None:
    if interval is None or sign > 0:
        return interval
    return Interval(-interval.estimate, -interval.high, -interval.low)


def _contrasts(
    ablation: Ablation, rows: Mapping[str, Row]
) -> tuple[dict[str, Weights], dict[str, Weights]]:
    """Of single changes and of pairs: name -> label of a row -> weight."""
    if ablation.design == "factorial":
        return _of_factorial(ablation, rows)
    if ablation.design == "path":
        return _of_path(ablation, rows), {}
    whole = ablation.design == "leave_one_out"
    baseline, sign = (TO, -1.0) if whole else (FROM, 1.0)
    found: dict[str, Weights] = {}
    for i, name in enumerate(ablation.names):
        state = tuple((j != i) == whole for j in range(len(ablation.names)))
        # Of two changes, one alone is the other taken back: either label will do.
        label = next((one for one, has in ablation.states.items() if has == state), None)
        if label is not None and label in rows:
            found[name] = {label: sign, baseline: -sign}
    return found, {}


def _of_path(ablation: Ablation, rows: Mapping[str, Row]) -> dict[str, Weights]:
    """Each step less the one before it."""
    steps = list(ablation.states.items())
    found: dict[str, Weights] = {}
    for (before, first), (after, second) in pairwise(steps):
        made = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
        if len(made) == 1 and before in rows and after in rows:
            found[ablation.names[made[0]]] = {after: 1.0, before: -1.0}
    return found


def _of_factorial(
    ablation: Ablation, rows: Mapping[str, Row]
) -> tuple[dict[str, Weights], dict[str, Weights]]:
    """Effects of the linear model; none if rows without a record leave some undetermined."""
    labels = [one for one in ablation.states if one in rows and one not in ablation.outside]
    if not labels:
        return {}, {}
    states = np.array([ablation.states[label] for label in labels])
    weights = effect_weights(states, [len(rows[label].runs) for label in labels])
    singles: dict[str, Weights] = {}
    pairs: dict[str, Weights] = {}
    for terms, row in (weights or {}).items():
        name = " = ".join(" × ".join(ablation.names[i] for i in term) for term in terms)
        kept = {label: float(w) for label, w in zip(labels, row, strict=True) if w}
        (singles if len(terms[0]) == 1 else pairs)[name] = kept
    return singles, pairs
