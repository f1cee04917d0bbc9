"""From a sweep's overrides to the cells that they request. No torch here, and nothing is run.

The cells are the rows of a question, or without one the combinations of all swept values; times
the seeds.
"""

import fnmatch
import itertools
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import HydraException

from titn.config.keys import GROUPS, SWITCHES
from titn.config.overrides import override_key, quote
from titn.config.spelling import for_hydra
from titn.records.ablation import FROM, TO
from titn.records.question import Question
from titn.records.search import SEARCH
from titn.system.errors import ConfigError, first_line

Scalar = str | bool | int | float | None

# Groups of questions: +ablation=NAME, +paper=NAME.
QUESTIONS = ("ablation", "paper")

# To plan a cell takes a tenth of a second: a sweep of more cells than this is a slip of the
# keyboard.
MAX_CELLS = 10_000

# Labels of rows that Hydra reads as texts without quotes, and words that it does not.
PLAIN_LABEL = re.compile(r"[A-Za-z][\w.*/+ -]*", re.ASCII)
NO_TEXTS = ("null", "true", "false", "nan", "inf")


@dataclass(frozen=True)
class CellRequest:
    """A requested cell: its row and the overrides that make it.

    overrides: shared ones and the row's. seed: None where neither the command line nor the sweep's
    file has one. tuned: values of tuned keys, those that a candidate or a trial tries or that the
    row has chosen.
    """

    row: str
    seed: str | None
    overrides: tuple[str, ...]
    tuned: Mapping[str, Scalar] = field(default_factory=dict)

    def job_overrides(self) -> list[str]:
        """All overrides of the cell's job."""
        tuned = [f"{key}={for_hydra(value)}" for key, value in self.tuned.items()]
        seed = [f"seed={self.seed}"] if self.seed is not None else []
        return [*self.overrides, *tuned, *seed]


@dataclass(frozen=True)
class SweepRequest:
    """Requested rows and seeds of one setting.

    shared: overrides that all cells have. rows: label -> the row's own overrides.
    """

    shared: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    seeds: tuple[str | None, ...]

    def row_overrides(self) -> dict[str, tuple[str, ...]]:
        """Label -> shared and own overrides of the row."""
        return {label: (*applicable(self.shared, row), *row) for label, row in self.rows.items()}

    def cells(self) -> Iterator[CellRequest]:
        """All cells, seed by seed: a sweep that is cut short has compared all rows already."""
        rows = self.row_overrides().items()
        for seed, (row, overrides) in itertools.product(self.seeds, rows):
            yield CellRequest(row, seed, overrides)

    def setting_overrides(self) -> list[str]:
        """The shared overrides that decide numbers: without devices, directories and the like."""
        return [override for override in self.shared if override_key(override) not in SWITCHES]


def quote_for_hydra(argument: str) -> str:
    """An argument of the command line; text that Hydra's grammar would misread is quoted.

    That is the labels of `rows=[TITN (MixUp),ViT]`, which may have any punctuation but a comma and
    are a list without brackets, too; the reason of `postpone=`, for its punctuation; and the
    overrides of `from=[mix=none]` and `to=`, for their equality signs.
    """
    key, _, value = argument.partition("=")
    if key == "postpone":
        # An apostrophe at one end alone is no quotation mark.
        is_quoted = value in ("", "null") or (value[0] == value[-1] and value[0] in "\"'")
        return argument if is_quoted else f"postpone={quote(value)}"
    if set(value) & set("\"'"):
        return argument
    if key in (FROM, TO) and value[:1] == "[" and value[-1:] == "]":
        return f"{key}=[{','.join(map(quote, split_list(value[1:-1])))}]"
    if key != "rows" or value in ("", "null", "[]"):
        return argument
    labels = value[1:-1] if value[0] == "[" and value[-1] == "]" else value
    return f"rows=[{','.join(_quoted_label(label.strip()) for label in labels.split(','))}]"


def _quoted_label(label: str) -> str:
    """In quotes, unless Hydra reads it as a text anyway."""
    is_text = PLAIN_LABEL.fullmatch(label) and label.lower() not in NO_TEXTS
    return label if is_text else quote(label)


def defer_to_cells(arguments: Sequence[str]) -> list[str]:
    """Put off the keys of what is swept until a cell has made its choice.

    Of `model=vit,deit model.heads=2` Hydra composes the sweep without what is swept, and would look
    for the key in the default model. A sweep of one value is composed with the cells alone.
    """
    swept = {
        override_key(one)
        for one in arguments
        if override_key(one) in (*GROUPS, "teacher") and _is_swept(_value(one))
    }
    return [
        _deferred(one) if _is_deferred(one, swept) and _is_readable(one) else one
        for one in arguments
    ]


def as_given(argument: str) -> str:
    """An argument as it was before `defer_to_cells`."""
    value = _value(argument)
    only = value.removeprefix("choice(").removesuffix(")")
    is_deferred = value == f"choice({only})" and len(split_list(only)) == 1
    return f"{argument.partition('=')[0]}={only}" if is_deferred else argument


def _deferred(argument: str) -> str:
    key, _, value = argument.partition("=")
    if value in ("", "null"):  # no choice, to Hydra
        return f"++{key.lstrip('+')}={value}"
    return f"{key}=choice({value})"


def _is_deferred(argument: str, swept: Collection[str]) -> bool:
    group, dot, _ = override_key(argument).partition(".")
    value = _value(argument)
    is_removed = argument.startswith("~")
    return bool(dot) and group in swept and not _is_swept(value) and not is_removed


def _is_readable(argument: str) -> bool:
    """Of what is not, Hydra's line is about the argument as it was typed."""
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return False
    return True


def _is_swept(value: str) -> bool:
    """Whether it has several values, or begins as a function's call: another sweep, or wrong."""
    return len(split_list(value)) > 1 or bool(re.match(r"\w+\(", value))


def _value(argument: str) -> str:
    return argument.partition("=")[2]


def split_list(text: str) -> list[str]:
    """The items between the commas of a list, as typed: a comma in brackets or quotes parts
    nothing."""
    items, depth, quotation = [""], 0, ""
    for letter in text:
        if quotation:
            if letter == quotation and not items[-1].endswith("\\"):
                quotation = ""
        elif letter in "\"'":
            quotation = letter
        else:
            depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and depth == 0 and not quotation:
            items.append("")
        else:
            items[-1] += letter
    return [item.strip() for item in items if item.strip()]


def cell_overrides(overrides: Sequence[Override], sweep_keys: Sequence[str]) -> list[Override]:
    """The overrides of cells: without those of `sweep_keys`, which configure the sweep itself.

    A name with a dot at its end stands for all keys below it. ConfigError if one of them has
    several values.
    """
    for override in overrides:
        if _is_of_sweep(override, sweep_keys) and override.is_sweep_override():
            raise ConfigError(
                f"{override.input_line}: is an option of the whole sweep; give one value"
            )
    return [override for override in overrides if not _is_of_sweep(override, sweep_keys)]


def _is_of_sweep(override: Override, sweep_keys: Sequence[str]) -> bool:
    key = override_key(override.get_key_element())
    return key in sweep_keys or ("." in key and f"{key.partition('.')[0]}." in sweep_keys)


def parse_requests(
    overrides: Sequence[Override], question: Question | None, patterns: Sequence[str] | None
) -> list[SweepRequest]:
    """The requests of a command line: one, or one for each combination of swept values.

    Without a question the combinations are the rows of a single request. overrides: of the sweep's
    file and of the command line, in that order. patterns: for the labels of the requested rows,
    None for all rows. Raises ConfigError.
    """
    by_key = {override_key(override.get_key_element()): _expand(override) for override in overrides}
    _check_one_question(by_key)
    seeds = _parse_seeds(by_key.pop("seed", None))
    _check_num_cells(by_key, seeds, len(question.rows) if question else 1)
    shared = tuple(values[0] for values in by_key.values() if len(values) == 1)
    combinations = list(itertools.product(*(v for v in by_key.values() if len(v) > 1)))
    if question is None:
        if patterns is not None:
            raise ConfigError(
                f"rows=[{','.join(patterns)}]: only a question has rows; add one, as +ablation=mix"
            )
        reduced = (applicable(row, row) for row in combinations)
        rows = {", ".join(row) or "one row": row for row in reduced}
        requests = [SweepRequest(shared, rows, seeds)]
    else:
        _check_row_keys(by_key, question)
        rows = _select_rows(question, patterns)
        requests = [
            SweepRequest((*applicable(shared, values), *applicable(values, values)), rows, seeds)
            for values in combinations
        ]
    _check_run_dir(by_key, len(rows) * len(seeds))
    return requests


def applicable(overrides: Sequence[str], row: Sequence[str]) -> tuple[str, ...]:
    """The overrides that a row can take: without a teacher, none of the teacher's."""
    if "teacher=none" not in row:
        return tuple(overrides)
    return tuple(override for override in overrides if not _is_of_teacher(override))


def _is_of_teacher(override: str) -> bool:
    key = override_key(override)
    return key.startswith("teacher.") or "@teacher." in key


def _expand(override: Override) -> list[str]:
    """An override as it was typed, or one override for each of its swept values."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if not override.is_discrete_sweep():
        raise ConfigError(f"{override.input_line}: list the values, as key=1,2,3")
    key = override.get_key_element()
    try:
        values = list(itertools.islice(_swept_values(override), MAX_CELLS + 1))
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{override.input_line}: {first_line(error)}; list the values, as key=1,2,3"
        ) from None
    if not values:
        raise ConfigError(f"{override.input_line}: has no values; list them, as key=1,2,3")
    return [f"{key}={value}" for value in dict.fromkeys(values)]


def _swept_values(override: Override) -> Iterator[str]:
    """The values of a sweep as text. A range of fractions is exact: 0.1, 0.2, 0.3.

    Hydra adds binary fractions up, to 0.30000000000000004 and to an end that is not excluded.
    """
    sweep = override.value()
    if not isinstance(sweep, RangeSweep) or all(
        isinstance(one, int) for one in (sweep.start, sweep.stop, sweep.step)
    ):
        return override.sweep_string_iterator()
    start, stop, step = (Decimal(str(one)) for one in (sweep.start, sweep.stop, sweep.step))
    if not step or not (start.is_finite() and stop.is_finite() and step.is_finite()):
        raise ValueError("has no end")
    count = max(0, math.ceil((stop - start) / step))
    return (str(float(start + i * step)) for i in range(count))


def _parse_seeds(overrides: list[str] | None) -> tuple[str | None, ...]:
    if overrides is None:
        return (None,)
    if overrides[0].startswith("~"):
        raise ConfigError(f"{overrides[0]}: a run has a seed; leave this out, or give seed=NUMBER")
    return tuple(dict.fromkeys(override.partition("=")[2] for override in overrides))


def _select_rows(question: Question, patterns: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    if patterns is None:
        return dict(question.rows)
    for pattern in patterns or ["[]"]:
        if not any(_is_meant(label, pattern) for label in question.rows):
            labels = "; ".join(question.rows)
            raise ConfigError(f"rows={pattern}: there is no such row; choose among: {labels}")
    return {
        label: overrides
        for label, overrides in question.rows.items()
        if any(_is_meant(label, pattern) for pattern in patterns)
    }


def _is_meant(label: str, pattern: str) -> bool:
    """A label is meant by itself, though it may have brackets, which a pattern takes for a set."""
    return label == pattern or fnmatch.fnmatchcase(label, pattern)


def _check_one_question(by_key: dict[str, list[str]]) -> None:
    for group in (*QUESTIONS, SEARCH):
        if len(by_key.get(group, [])) > 1:
            names = ",".join(override.partition("=")[2] for override in by_key[group])
            raise ConfigError(f"+{group}={names}: one question at a time")


def _check_num_cells(by_key: dict[str, list[str]], seeds: Sequence, num_rows: int) -> None:
    """ConfigError if nobody could wait for so many cells to be planned."""
    counts = {key: len(values) for key, values in by_key.items()} | {"seed": len(seeds)}
    if num_rows * math.prod(counts.values()) > MAX_CELLS:
        key = max(counts, key=counts.__getitem__)
        raise ConfigError(
            f"{key}: has {counts[key]} values or more, and the sweep more than {MAX_CELLS} "
            "cells; list fewer"
        )


def _check_run_dir(by_key: dict[str, list[str]], num_cells: int) -> None:
    """ConfigError if several cells would share one directory."""
    places = by_key.get("run_dir", [])
    if num_cells > 1 and len(places) == 1:
        raise ConfigError(
            f"{places[0]}: is one directory, and these are {num_cells} cells; give runs_dir=DIR"
        )


def _check_row_keys(by_key: dict[str, list[str]], question: Question) -> None:
    """ConfigError if the command line sets a key in which the rows differ."""
    for row, overrides in question.rows.items():
        for override in (*overrides, *(f"{key}=" for key in question.tune)):
            key = override_key(override)
            if key in by_key:
                raise ConfigError(
                    f"{by_key[key][0]}: the rows differ in it ({row}: {override}); leave it out, "
                    "and choose among the rows with rows=[LABEL,...]"
                )
