"""From a sweep's command line to the cells that it asks for. No torch here, and nothing is run.

A question's rows, or without one the combinations of what was swept; times the seeds.
"""

import fnmatch
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hydra.core.override_parser.types import Override

from titn.config.overrides import override_key, quote
from titn.records.question import Question
from titn.system.errors import ConfigError, first_line

# Groups of questions: +ablation=NAME, +paper=NAME.
QUESTIONS = ("ablation", "paper")

# Planning a cell takes a tenth of a second: more than this is a slip of the keyboard.
MOST_CELLS = 10_000


@dataclass(frozen=True)
class CellRequest:
    """A cell as it was asked for: its row, and the overrides that make it.

    seed: of the command line or the sweep's file; None where neither names one. tuned: the values
    that the row chose, or tries, of the keys that it tunes.
    """

    row: str
    seed: str | None
    overrides: tuple[str, ...]
    tuned: dict[str, float] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """All overrides of the cell's job."""
        seed = [f"seed={self.seed}"] if self.seed is not None else []
        return [*self.overrides, *(f"{key}={value!r}" for key, value in self.tuned.items()), *seed]


@dataclass(frozen=True)
class SweepRequest:
    """fixed: overrides that all cells share. rows: label -> overrides of that row alone."""

    fixed: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    seeds: tuple[str | None, ...]

    def of_rows(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each label with all overrides of its row; a row without a teacher hears of none."""
        return [
            (row, (*(one for one in self.fixed if _concerns(one, own)), *own))
            for row, own in self.rows.items()
        ]

    def cells(self) -> Iterator[CellRequest]:
        """All cells, seed by seed: a sweep that is cut short has compared all rows already."""
        for seed, (row, overrides) in itertools.product(self.seeds, self.of_rows()):
            yield CellRequest(row, seed, overrides)


def quote_for_hydra(argument: str) -> str:
    """An argument; the labels of `rows=[TITN (MixUp),ViT]` and the reason of `postpone=` in quotes.

    Hydra would take a label's brackets for those of a function, and stumble over a reason's
    punctuation. No label has a comma.
    """
    key, _, value = argument.partition("=")
    if key == "postpone":
        # An apostrophe does not make it one that is in quotes.
        is_spelled = value in ("", "null") or (value[0] == value[-1] and value[0] in "\"'")
        return argument if is_spelled else f"postpone={quote(value)}"
    if set(value) & set("\"'"):
        return argument
    labels = value.removeprefix("[").removesuffix("]")
    if key != "rows" or value != f"[{labels}]" or not set(labels) & set("(){}"):
        return argument
    return f"rows=[{','.join(quote(label.strip()) for label in labels.split(','))}]"


def _heard(row: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in row if _concerns(one, row))


def _concerns(override: str, row: tuple[str, ...]) -> bool:
    key = override_key(override)
    of_teacher = key.startswith("teacher.") or "@teacher." in key
    return not (of_teacher and "teacher=none" in row)


def cell_overrides(overrides: Sequence[Override], own_keys: Sequence[str]) -> list[Override]:
    """Those of a sweep's overrides that are not `own_keys`, which have one value for all cells."""
    for one in overrides:
        if one.get_key_element() in own_keys and one.is_sweep_override():
            raise ConfigError(f"{one.input_line}: is said to the sweep as a whole; give one value")
    return [one for one in overrides if one.get_key_element() not in own_keys]


def parse_requests(
    overrides: Sequence[Override], question: Question | None, chosen: Sequence[str] | None
) -> list[SweepRequest]:
    """What a command line asks; several askings if it sweeps over what a question leaves open.

    overrides: of the sweep's file and of the command line, in that order. chosen: patterns for
    the labels of the rows that are wanted, None for all.
    """
    by_key = {
        override_key(override.get_key_element()): _spelled(override) for override in overrides
    }
    for group in QUESTIONS:
        if len(by_key.get(group, [])) > 1:
            named = ",".join(one.partition("=")[2] for one in by_key[group])
            raise ConfigError(f"+{group}={named}: one question at a time")
    seeds = _seeds(by_key.pop("seed", None))
    _check_number(by_key, seeds, len(question.rows) if question else 1)
    fixed = tuple(values[0] for values in by_key.values() if len(values) == 1)
    swept = [values for values in by_key.values() if len(values) > 1]
    if question is None:
        if chosen is not None:
            raise ConfigError(f"rows=[{','.join(chosen)}]: a question has rows; none is asked")
        rows = {", ".join(row) or "one row": row for row in map(_heard, itertools.product(*swept))}
        _check_places(by_key, len(rows) * len(seeds))
        return [SweepRequest(fixed, rows, seeds)]
    _check_keys(by_key, question)
    rows = _selected(question, chosen)
    _check_places(by_key, len(rows) * len(seeds))
    return [
        SweepRequest((*fixed, *combination), rows, seeds)
        for combination in itertools.product(*swept)
    ]


def _spelled(override: Override) -> list[str]:
    """An override as the command line has it; each value by itself if several are swept."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if not override.is_discrete_sweep():
        raise ConfigError(f"{override.input_line}: list the values, as key=1,2,3")
    key = override.get_key_element()
    try:
        values = list(itertools.islice(override.sweep_string_iterator(), MOST_CELLS + 1))
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{override.input_line}: {first_line(error)}; list the values, as key=1,2,3"
        ) from None
    if not values:
        raise ConfigError(f"{override.input_line}: has no values; list them, as key=1,2,3")
    return [f"{key}={value}" for value in values]


def _seeds(spelled: list[str] | None) -> tuple[str | None, ...]:
    if spelled is None:
        return (None,)
    if spelled[0][:1] == "~":
        raise ConfigError(f"{spelled[0]}: a run has a seed; leave this out, or give seed=NUMBER")
    return tuple(dict.fromkeys(text.partition("=")[2] for text in spelled))


def _check_number(by_key: dict[str, list[str]], seeds: Sequence, num_rows: int) -> None:
    """ConfigError if nobody could wait for so many cells to be planned."""
    counts = {key: len(values) for key, values in by_key.items()} | {"seed": len(seeds)}
    if num_rows * math.prod(counts.values()) > MOST_CELLS:
        most = max(counts, key=counts.__getitem__)
        raise ConfigError(
            f"{most}: has {counts[most]} values or more, and the sweep more than {MOST_CELLS} "
            "cells; list fewer"
        )


def _check_places(by_key: dict[str, list[str]], num_cells: int) -> None:
    """ConfigError if several cells would be in one directory."""
    places = by_key.get("run_dir", [])
    if num_cells > 1 and len(places) == 1:
        raise ConfigError(
            f"{places[0]}: is one directory, and these are {num_cells} cells; give runs_dir=DIR"
        )


def _check_keys(by_key: dict[str, list[str]], question: Question) -> None:
    """ConfigError if the command line sets what the rows differ in."""
    for row, overrides in question.rows.items():
        for override in (*overrides, *(f"{key}=" for key in question.tune)):
            key = override_key(override)
            if key in by_key:
                raise ConfigError(
                    f"{by_key[key][0]}: the rows differ in it ({row}: {override}); leave it out, "
                    "and choose among the rows with rows=[LABEL,...]"
                )


def _selected(question: Question, chosen: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    if chosen is None:
        return dict(question.rows)
    for pattern in chosen or ["[]"]:
        if not any(fnmatch.fnmatchcase(label, pattern) for label in question.rows):
            known = "; ".join(question.rows)
            raise ConfigError(f"rows={pattern}: there is no such row; choose among: {known}")
    return {
        label: overrides
        for label, overrides in question.rows.items()
        if any(fnmatch.fnmatchcase(label, pattern) for pattern in chosen)
    }
