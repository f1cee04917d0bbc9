"""A sweep's question: the rows that are compared, and what a source claims about them.

It is the node `question` of a file in sweeps/, checked. Metrics, differences and margins are
fractions. No Hydra and no torch here: sweeps are planned and reports are written from it.
"""

import difflib
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from titn.records.ablation import Ablation
from titn.system.errors import ConfigError

Text = Annotated[str, Field(min_length=1)]
Bound = float | None
Pair = tuple[Text, Text]
Topic = Literal["distillation", "architecture", "training", "cost"]


def _scalar(value: object) -> object:
    """As it is: what is a number in one key is a count in another, and 2.0 is none."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ValueError("should be a number, a word, true, false or null")


Values = tuple[Annotated[str | bool | int | float | None, PlainValidator(_scalar)], ...]

# pydantic's names of what has another form, and which form is meant: by the key below the question.
NOT_OF_FORM = ("tuple_type", "dict_type", "model_type", "too_short", "too_long")
FORMS = {
    "": "keys and values, as title, asks and rows",
    "rows": "labels with overrides below, as row: [model=titn]",
    "rows.*": "a list of overrides, as [model=titn]; [] for none",
    "pairs": "a list of pairs of rows, as [[row, other row]]",
    "pairs.*": "a list of pairs of rows, as [[row, other row]]",
    "tune": "keys with a list of values below, as optimizer.lr: [1e-4, 3e-4]",
    "tune.*": "a list of values, as [1e-4, 3e-4], or an expression, as range(1,5)",
    "tune.*.*": "a list of values, as [1e-4, 3e-4], or an expression, as range(1,5)",
    "margins": "metrics with a distance each, as {top1: 0.01}",
    "claims": "a list of claims, each with says, source, dataset, rows and between",
    "claims.*": "a claim's keys: says, source, dataset, rows and between",
    "claims.*.rows": "a list of one row or two, as [row, other row]",
    "claims.*.between": "a list of the least and the most, as [0, null]",
}

# A point of top-1: what a question calls equal that does not say otherwise.
DEFAULT_MARGIN = 0.01


class Claim(BaseModel):
    """What a source claims about a row, or about the first row minus the second.

    The claim holds if the metric (or the difference) lies between the two bounds; None is no
    bound. dataset: on which the source claims it. printed: the number that the source gives, None
    if it gives none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: Text
    source: Text
    dataset: Text
    rows: Annotated[tuple[Text, ...], Field(min_length=1, max_length=2)]
    metric: Text = "top1"
    between: tuple[Bound, Bound]
    printed: float | None = None


class Question(BaseModel):
    """A question as its file states it.

    title, asks: text for the page. paper: what the paper found, empty if it does not ask. rows:
    label -> overrides that make the row. baseline: the row that the others are compared with; the
    first by default. pairs: rows that are compared with each other besides, the first less the
    second. tune: key -> values among which each row chooses on a validation split, or
    an expression of a search's space, as range(1,5); or key -> row -> either. printed: the
    paper's table with numbers for these rows. margins: metric -> how far a result may lie from the
    printed number and still agree with it. reach: the accuracy whose epoch shows how fast a row
    learns; by default nine tenths of the baseline's. margin: the difference in top-1 below which
    two rows count as equal. topic: under which the index lists the question; without one, under
    "Other questions".
    measure: "latency" also times the rows' networks. ablation: how the rows were generated from two
    configurations; None of a question that was written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text
    asks: Text
    paper: str = ""
    rows: dict[Text, tuple[Text, ...]]
    baseline: str = ""
    pairs: tuple[Pair, ...] = ()
    tune: dict[Text, Values | Text | dict[Text, Values | Text]] = {}
    printed: str | None = None
    margins: dict[Text, float] = {}
    claims: tuple[Claim, ...] = ()
    reach: float | None = None
    margin: Annotated[float, Field(gt=0, lt=1)] = DEFAULT_MARGIN
    topic: Topic | None = None
    measure: Literal["latency"] | None = None
    ablation: Ablation | None = None

    @model_validator(mode="after")
    def _check_rows(self) -> "Question":
        if not self.rows:
            raise ValueError("rows: there is none; give each a label and its overrides")
        if not self.baseline:
            object.__setattr__(self, "baseline", next(iter(self.rows)))
        named = [("baseline", self.baseline)]
        named += [("claims.rows", row) for claim in self.claims for row in claim.rows]
        named += [("pairs", row) for pair in self.pairs for row in pair]
        for key, values in self.tune.items():
            named += [(f"tune.{key}", row) for row in values] if isinstance(values, dict) else []
        named += [("ablation.states", row) for row in self.ablation.states] if self.ablation else []
        for key, row in named:
            if row not in self.rows:
                raise ValueError(f"{key}={row}: there is no such row; name one of rows")
        for first, second in self.pairs:
            if first == second:
                raise ValueError(f"pairs={first}: is compared with itself; name two rows")
        return self

    @property
    def is_of_paper(self) -> bool:
        """Whether it asks what the paper found, or has numbers of it."""
        return bool(self.paper or self.printed)

    def tuned(self, row: str) -> dict[str, Values | str]:
        """Key -> what a row chooses its value from; without the keys that it does not choose."""
        axes = {
            key: values.get(row, ()) if isinstance(values, dict) else values
            for key, values in self.tune.items()
        }
        return {key: values for key, values in axes.items() if values}


class QuestionError(ConfigError):
    """A question that is not valid. key: dotted; location: the same in parts, from the question on.

    wants_text: whether there is something else where a text should be.
    """

    def __init__(
        self, message: str, key: str, location: Sequence[str | int], wants_text: bool
    ) -> None:
        super().__init__(message)
        self.key, self.location, self.wants_text = key, location, wants_text


def parse_question(node: Any) -> Question:
    """The question of a sweep's node; QuestionError that names the key if it is not valid."""
    try:
        return Question.model_validate(node)
    except ValidationError as error:
        # Where a key may have several types, pydantic has an error for each. The one with the
        # longest location belongs to the type that was meant.
        # A key that there is not tells more than the one that it was meant to be.
        deepest = max(
            error.errors(include_url=False),
            key=lambda one: (len(one["loc"]), one["type"] == "extra_forbidden"),
        )
        location = [part for part in deepest["loc"] if _is_key(part)]
        key = ".".join(map(str, ("question", *location)))
        raise QuestionError(
            f"{key}: {_said(deepest)}", key, location, deepest["type"] == "string_type"
        ) from None


def _said(error: ErrorDetails) -> str:
    """What is wrong with a key, with the remedy where pydantic has none."""
    location, kind = error["loc"], error["type"]
    if kind == "missing":
        return "is missing; add it"
    if kind == "extra_forbidden":
        names = [*(Claim if location[0] == "claims" else Question).model_fields]
        return f"there is no such key; {nearest(str(location[-1]), names)}"
    if kind in NOT_OF_FORM and (form := FORMS.get(_in_question(location))):
        return f"should be {form}"
    if kind in ("less_than", "greater_than"):
        return f"{error['input']} is no fraction; write a point as 0.01"
    if kind in ("float_type", "float_parsing"):
        return "should be a number; write it plainly, as 0.01"
    if kind == "string_type":
        return "should be text; put it in quotes"
    message = error["msg"].removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def _in_question(location: Sequence[str | int]) -> str:
    """A place below the question, with a star for a label, a key or an index: claims.*.rows."""
    parts = [str(part) for part in location if _is_key(part)]
    kept = 2 if parts[:1] == ["claims"] else 0  # a key of a claim
    return ".".join(one if i in (0, kept) else "*" for i, one in enumerate(parts))


def nearest(name: str, names: Sequence[str]) -> str:
    """The remedy for a name that there is not: the one that it resembles, else all."""
    near = difflib.get_close_matches(name[:100], names, n=1)
    return f"did you mean {near[0]}?" if near else f"choose one of {', '.join(names)}"


def _is_key(part: int | str) -> bool:
    """False for pydantic's name of a type, as in ("tune", "lr", "tuple[float, ...]", 0)."""
    return not str(part).startswith(("tuple[", "dict[", "constrained-str"))
