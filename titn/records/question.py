"""A question that a sweep asks: the rows that are compared, and what is claimed of them.

The node `question` of a file in sweeps/, checked. Metrics are fractions, differences and margins
too. Neither Hydra nor torch here: sweeps are planned and reports are written from it.
"""

from itertools import product
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from titn.system.errors import ConfigError

Text = Annotated[str, Field(min_length=1)]
Bound = float | None
Values = tuple[float, ...]


class Claim(BaseModel):
    """What a source says of one row, or of the first less the second of two.

    The claim holds where the metric (or the difference) lies between the two bounds; None is no
    bound. dataset: where the source says it. printed: the number that it gives, if it gives one.
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
    """title, asks, paper: what a reader is told. rows: label -> overrides that make the row.

    baseline: the row that the others are compared with; the first by default. tune: key -> values
    among which each row chooses its own on a validation split; or key -> row -> values.
    printed: the paper's table with numbers for these rows. margins: metric -> how far from the
    printed number still agrees with it. reach: the accuracy whose epoch tells how fast a row
    learns; by default nine tenths of the baseline's. measure: "latency" times the rows' networks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text
    asks: Text
    paper: Text
    rows: dict[Text, tuple[Text, ...]]
    baseline: str = ""
    tune: dict[Text, Values | dict[Text, Values]] = {}
    printed: str | None = None
    margins: dict[Text, float] = {}
    claims: tuple[Claim, ...] = ()
    reach: float | None = None
    measure: Literal["latency"] | None = None

    @model_validator(mode="after")
    def _rows_are_known(self) -> "Question":
        if not self.rows:
            raise ValueError("rows: there is none; give each a label and its overrides")
        if not self.baseline:
            object.__setattr__(self, "baseline", next(iter(self.rows)))
        named = [("baseline", self.baseline)]
        named += [("claims.rows", row) for claim in self.claims for row in claim.rows]
        for key, values in self.tune.items():
            named += [(f"tune.{key}", row) for row in values] if isinstance(values, dict) else []
        for key, row in named:
            if row not in self.rows:
                raise ValueError(f"{key}={row}: there is no such row; name one of rows")
        return self

    def tries(self, row: str) -> list[dict[str, float]]:
        """The combinations of values that a row chooses from; a single one, empty, if it does not.

        The order is that of the file: of equals the first is chosen.
        """
        axes = {
            key: values.get(row, ()) if isinstance(values, dict) else values
            for key, values in self.tune.items()
        }
        axes = {key: values for key, values in axes.items() if values}
        return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def question_of(node: Any) -> Question:
    """The checked question of a sweep's node; ConfigError with the key if it is not one."""
    try:
        return Question.model_validate(node)
    except ValidationError as error:
        # Of what a key may be instead, the one that came furthest is what was meant.
        first = max(error.errors(include_url=False), key=lambda one: len(one["loc"]))
        key = ".".join(str(part) for part in ("question", *first["loc"]) if _is_key(part))
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{key}: {said[:1].lower()}{said[1:]}") from None


def _is_key(part: int | str) -> bool:
    """Not what pydantic calls one of several types."""
    return not str(part).startswith(("tuple[", "dict["))
