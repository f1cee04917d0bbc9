"""+ablate=DESIGN from=[...] to=[...]: the question that two configurations and a design make."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction as Number
from itertools import product
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from pydantic import Field

from titn.config.schema import validate_value
from titn.records.ablation import FROM, TO, Ablation, Design, Overrides, State
from titn.records.question import Question
from titn.sweeps.ablation import designs
from titn.sweeps.ablation.arguments import ABLATE
from titn.sweeps.ablation.changes import Compose, Cut, cut
from titn.sweeps.ablation.feasible import mending_ties, split_rows, why_impossible
from titn.sweeps.ablation.fractions import Fraction, best_fraction
from titn.sweeps.ablation.remarks import aliases, generators, remarks
from titn.system.errors import ConfigError
from titn.system.text import counted

# The keys of the designs' files: of the sweep as a whole, not of its cells.
KEYS: dict[str, Any] = {
    "from": list[str] | None,
    "to": list[str] | None,
    "ties": list[list[str]],
    "fraction": str,
    "margin": Annotated[float, Field(gt=0, lt=1)],
}
# 2^8 rows are composed in half a minute; nobody trains more.
MOST_CHANGES = 8
TITLES = {
    "leave_one_out": "Leave one out",
    "add_one_in": "Add one in",
    "path": "A path",
    "factorial": "A factorial design",
}
ASKS = {
    "leave_one_out": "From the better configuration each change is taken back, alone.",
    "add_one_in": "To the baseline each change is made, alone.",
    "path": (
        "From the baseline to the better configuration, a change a step: of those that are left, "
        "the one with the highest top-1 on a validation split, which the teacher did not see "
        "either. The steps are then trained anew on all training images, and tested."
    ),
    "factorial": (
        "The changes are made in combination, so that each is seen with and without the others."
    ),
}


@dataclass(frozen=True)
class Asked:
    """What a command line asks for; ties: names of changes that are made together."""

    design: Design
    begin: Overrides
    end: Overrides
    ties: list[list[str]]
    halvings: int
    margin: float


def read_asked(config: DictConfig) -> Asked | None:
    """The ablation of a sweep's composed configuration; None without. ConfigError for bad input."""
    design = config.hydra.runtime.choices.get(ABLATE)
    if design is None:
        return None
    # A design has the keys that its file has.
    given = {key: _plain(config.get(key)) for key in KEYS if key in config}
    for key, value in given.items():
        if key == "fraction":
            value = given[key] = str(value)
        validate_value(value, KEYS[key], key)
    for key in (FROM, TO):
        if given.get(key) is None:
            raise ConfigError(
                f"{key}: is missing; list the overrides of a configuration, as "
                f"'{key}=[model=deit,mix=none]', or {key}=[] for the default"
            )
    return Asked(
        design=design,
        begin=tuple(given[FROM]),
        end=tuple(given[TO]),
        ties=given["ties"],
        halvings=_halvings(given.get("fraction", "1")),
        margin=given["margin"],
    )


def generate(asked: Asked, compose: Compose) -> tuple[Question, list[str]]:
    """The question, and what is to be said of it before it begins.

    Of a path the rows are the two ends: the others depend on what its candidates will show.
    compose: the overrides of a row -> its checked configuration. Raises ConfigError.
    """
    found = cut(asked.begin, asked.end, asked.ties, compose)
    fraction = _fraction(asked, found)
    names = [change.name for change in found.changes]
    if asked.design == "factorial":
        rows = designs.factorial(names, fraction.states())
    else:
        design = {"leave_one_out": designs.leave_one_out, "add_one_in": designs.add_one_in}
        rows = design.get(asked.design, lambda names: designs.ends(len(names)))(names)
    rows, impossible = _possible(asked, found, rows, compose)
    # Of the other designs nobody wants to see all 2^k.
    planned = set(fraction.states()) if asked.design == "factorial" else set()
    ablation = Ablation(
        design=asked.design,
        begin=asked.begin,
        end=asked.end,
        shared=found.shared,
        changes=found.changes,
        states=rows,
        outside=tuple(
            label
            for label, state in rows.items()
            if asked.design == "factorial" and state not in planned
        ),
        generators=tuple(generators(names, fraction)),
        resolution=fraction.resolution,
        aliases=tuple(aliases(names, fraction)),
        impossible=impossible,
    )
    question = question_of(ablation, asked.margin)
    left_out = impossible and asked.design != "path"
    ties = mending_ties(names, asked.design, found, compose) if left_out else None
    return question, list(remarks(ablation, found.idle, ties))


def question_of(ablation: Ablation, margin: float) -> Question:
    """The question with the rows that an ablation has."""
    names = [change.name for change in ablation.changes]
    shown = ", ".join(names) if len(names) < 6 else f"{counted(len(names), 'change')}"
    return Question(
        title=f"{TITLES[ablation.design]}: {shown}",
        asks=f"Which change of {counted(len(names), 'change')} did the work? "
        f"{ASKS[ablation.design]}",
        rows={label: ablation.overrides(state) for label, state in ablation.states.items()},
        baseline=TO if ablation.design == "leave_one_out" else FROM,
        margin=margin,
        ablation=ablation,
    )


def sweep_key(ablation: Ablation) -> str:
    """What tells the sweeps of one design apart: two configurations make one, however spelled."""
    changes = [one.model_dump() for one in ablation.changes]
    content = [changes, sorted(ablation.shared), ablation.generators]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


def _possible(
    asked: Asked, found: Cut, rows: dict[str, State], compose: Compose
) -> tuple[dict[str, State], dict[str, str]]:
    """The rows that can be composed, and why others cannot; ConfigError if it needs them all."""
    names = [change.name for change in found.changes]
    if asked.design == "path":
        # It may come by all of them; what a step leads to has to lead on.
        reasons = why_impossible(found, product((False, True), repeat=len(names)), compose)
        stuck = next(_dead_ends(len(names), reasons), None)
        if stuck is not None:
            ties = mending_ties(names, asked.design, found, compose)
            raise ConfigError(_must_be_tied(names, reasons, "a path may get stuck", ties))
        return rows, _named(names, reasons)
    possible, impossible = split_rows(rows, why_impossible(found, rows.values(), compose))
    if impossible and asked.design == "factorial":
        reasons = {rows[label]: why for label, why in impossible.items()}
        ties = mending_ties(names, asked.design, found, compose)
        why = "a factorial design needs all its rows"
        raise ConfigError(_must_be_tied(names, reasons, why, ties))
    return possible, impossible


def _dead_ends(num: int, reasons: dict[State, str]) -> Iterator[State]:
    """The possible states from which no change that is left can be made."""
    for state in product((False, True), repeat=num):
        steps = [(*state[:i], True, *state[i + 1 :]) for i in range(num) if not state[i]]
        if steps and state not in reasons and all(step in reasons for step in steps):
            yield state


def _named(names: list[str], reasons: dict[State, str]) -> dict[str, str]:
    named = designs.factorial(names, list(reasons))
    return {label: reasons[state] for label, state in named.items() if state in reasons}


def _must_be_tied(names: list[str], reasons: dict[State, str], why: str, ties: str | None) -> str:
    label, reason = next(iter(_named(names, reasons).items()))
    remedy = f"add {ties}" if ties else "make `from` and `to` differ in less"
    more = f" and {counted(len(reasons) - 1, 'other combination')}" if len(reasons) > 1 else ""
    return f"{label}{more}: {reason}; {why}: {remedy}"


def _halvings(text: str) -> int:
    """1 -> 0, 1/2 or 0.5 -> 1, 1/4 -> 2; ConfigError for another number."""
    number = Number(text) if re.fullmatch(r"\d{1,3}(/[1-9]\d{0,3}|\.\d{1,9})?", text) else Number(0)
    halvings = number.denominator.bit_length() - 1
    if number != Number(1, 1 << halvings):
        raise ConfigError(f"fraction={text}: should be 1, 1/2, 1/4 or another half of these")
    return halvings


def _fraction(asked: Asked, found: Cut) -> Fraction:
    """ConfigError if there are too many changes for a design, or too few for the fraction."""
    num = len(found.changes)
    if num > MOST_CHANGES and asked.design in ("factorial", "path"):
        raise ConfigError(
            f"+{ABLATE}={asked.design}: takes {MOST_CHANGES} changes, and these are {num}: "
            f"{', '.join(change.name for change in found.changes)}; tie some of them, as "
            f"ties=[[{found.changes[0].name},{found.changes[1].name}]]"
        )
    fraction = best_fraction(num, asked.halvings)
    if fraction is None:
        smallest = max(p for p in range(num) if best_fraction(num, p))
        raise ConfigError(
            f"fraction=1/{1 << asked.halvings}: is too small a part for {num} changes, whose "
            f"effects it would mix up; give fraction={f'1/{1 << smallest}' if smallest else 1}"
        )
    return fraction


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
