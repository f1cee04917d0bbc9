"""What has become of a search's trials: trials.json, beside the plan of its sweep. No optuna here.

It has all that a page needs of the study, so that pages are written where the journal or the
database is not.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    field_validator,
    model_validator,
)

from titn.records.schemas import Digest, Schema
from titn.records.search import Search, parse_search

Scalar = str | bool | int | float | None
Outcome = Literal["complete", "pruned", "diverged", "failed", "impossible"]
MAX_TRIALS = 200_000
ROUNDING = 1e-3  # trials of before had numbers of four digits, which may lie beyond an end


class DomainSchema(Schema):
    """What a key is chosen from: values, or the numbers from low to high, both included."""

    values: list[Scalar] | None = None
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    model_config = ConfigDict(extra="forbid")

    def has(self, value: Scalar) -> bool:
        """Whether a trial can have chosen this; a rounded number may lie a little outside."""
        if self.values is not None:
            return value in self.values
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        low, high = self.low - abs(self.low) * ROUNDING, self.high + abs(self.high) * ROUNDING
        return low <= value <= high and not (self.log and value <= 0)


class TrialSchema(Schema):
    """A trial that has an end.

    chosen: key -> value of its cell. values: of the objectives, if it is complete. curve: epoch ->
    the objective after it, where the pruner was told. secs: that its cell took.
    """

    number: NonNegativeInt
    outcome: Outcome
    chosen: dict[str, Scalar]
    values: list[float] | None = None
    curve: dict[str, float] = Field(default_factory=dict)
    secs: NonNegativeFloat = 0.0
    config_hash: Digest | None = None
    model_config = ConfigDict(extra="forbid")


class BestSchema(Schema):
    """One of the best trials. overrides: that make its configuration, and evaluate it on test."""

    number: NonNegativeInt
    overrides: list[str]
    model_config = ConfigDict(extra="forbid")


class TrialsFile(Schema):
    """trials.json.

    study: its name. search: the node of its file, with what the command line has set, and without
    its storage. seed: of the trials' cells. command: the last that asked. domains: of each key.
    trials: in the order of their numbers. best: the best first.
    """

    study: Annotated[str, Field(min_length=1, max_length=200)]
    search: dict[str, Any]
    seed: NonNegativeInt
    command: str
    domains: dict[str, DomainSchema]
    trials: Annotated[list[TrialSchema], Field(max_length=MAX_TRIALS)]
    best: list[BestSchema]
    model_config = ConfigDict(extra="forbid")

    @field_validator("search")
    @classmethod
    def _is_a_search(cls, node: dict[str, Any]) -> dict[str, Any]:
        parse_search(node)
        return node

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        for trial in self.trials:
            for key, value in trial.chosen.items():
                if key not in self.domains or not self.domains[key].has(value):
                    raise ValueError(f"trials: trial {trial.number} has chosen what there is not")
        return self

    @property
    def asked(self) -> Search:
        return parse_search(self.search)

    def is_earlier_than(self, other: "TrialsFile") -> bool:
        """Whether another copy knows more: trials only come."""
        return len(self.trials) < len(other.trials)
