"""The node `ablation` of a generated question: which change each of its rows has. No Hydra here."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1)]
Overrides = tuple[Text, ...]
Design = Literal["leave_one_out", "add_one_in", "path", "factorial"]
# Whether a configuration has each of the changes, in their order.
State = tuple[bool, ...]

# Resolutions of fractions, as textbooks write them.
ROMAN = {3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII", 8: "VIII"}

# The rows that every design has: the two configurations.
FROM, TO = "from", "to"


class Change(BaseModel):
    """A part of the difference of two configurations that is made as a whole.

    before, after: its overrides without and with it; empty where the default holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text
    before: Overrides = ()
    after: Overrides = ()


class Ablation(BaseModel):
    """How a question's rows were generated from two configurations.

    begin, end: their overrides, as typed; shared: those that all rows have besides. states: label
    of a row -> the changes that it has. outside: rows that are no part of a fraction, only shown
    beside it. generators, resolution, aliases: of a fraction, as texts; empty and None without.
    impossible: label -> why there is no such row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    design: Design
    begin: Overrides
    end: Overrides
    shared: Overrides = ()
    changes: Annotated[tuple[Change, ...], Field(min_length=2, max_length=100)]
    states: dict[Text, State]
    outside: tuple[Text, ...] = ()
    generators: tuple[Text, ...] = ()
    resolution: Annotated[int, Field(ge=3, le=8)] | None = None
    aliases: tuple[Text, ...] = ()
    impossible: dict[Text, Text] = {}

    @model_validator(mode="after")
    def _check_states(self) -> "Ablation":
        for end in (FROM, TO):
            if end not in self.states:
                raise ValueError(f"ablation.states: has no row {end}")
        if any(len(state) != len(self.changes) for state in self.states.values()):
            raise ValueError("ablation.states: say of every change whether a row has it")
        return self

    @property
    def names(self) -> list[str]:
        return [change.name for change in self.changes]

    def overrides(self, state: State) -> Overrides:
        """The overrides of a row in this state."""
        return row_overrides(self.shared, self.changes, state)


def row_overrides(shared: Overrides, changes: Sequence[Change], state: State) -> Overrides:
    """What both configurations share, and each change's overrides with or without it."""
    sides = (one.after if has else one.before for one, has in zip(changes, state, strict=True))
    return (*shared, *(override for side in sides for override in side))
