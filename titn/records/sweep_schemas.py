"""Schemas of a sweep's files: sweep.json, postponed.json and latency.json. No torch here."""

from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    model_validator,
)

from titn.records.schemas import Digest, Schema

# A page could not show more rows, and no sweep has planned more cells.
Rows = Annotated[list[str], Field(max_length=1000)]
MAX_CELLS = 100_000
# A time in UTC, as `datetime.isoformat` writes it.
ASKED = r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00)?$"


class CellSchema(Schema):
    """A cell of sweep.json: titn.records.sweep_plan.PlannedCell."""

    row: Annotated[str, Field(min_length=1)]
    seed: NonNegativeInt
    config_hash: Digest
    directory: Annotated[str, Field(min_length=1, pattern=r"^[^\x00]+$")]
    teacher: Digest | None = None
    role: Annotated[str, Field(pattern="^(cell|candidate|teacher)$")] = "cell"
    tuned: dict[str, str | bool | int | float | None] = Field(default_factory=dict)
    source_digest: Digest | Literal[""] = ""
    model_config = ConfigDict(extra="forbid")


class AskedClaim(Schema):
    """What a plan is merged by of a claim; pages read the rest."""

    rows: list[str]


class AskedSchema(Schema):
    """What a plan is merged by of a question; pages read the rest."""

    rows: dict[str, list[str]]
    baseline: str = ""
    pairs: list[list[str]] | None = None
    claims: list[AskedClaim] | None = None
    ablation: dict[str, Any] | None = None


class SettingSchema(Schema):
    """A setting of sweep.json: titn.records.sweep_plan.Setting."""

    key: Digest
    source_digest: Digest
    overrides: list[str]
    commands: list[str]
    question: AskedSchema | None
    revised: bool
    rows: Rows
    cells: Annotated[list[CellSchema], Field(max_length=MAX_CELLS)]
    asked: Annotated[str, Field(pattern=ASKED)] = ""
    first_asked: Annotated[str, Field(pattern=ASKED)] = ""
    removed: dict[str, list[str]] = Field(default_factory=dict)
    model_config = ConfigDict(extra="forbid")


class PlanFile(Schema):
    """sweep.json."""

    sweep: str
    settings: list[SettingSchema]


class PostponedSchema(Schema):
    """A note of postponed.json: titn.records.postponed.Postponed."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    command: str
    overrides: list[str]
    rows: Rows
    seeds: Annotated[list[NonNegativeInt], Field(max_length=MAX_CELLS)]
    num_cells: NonNegativeInt = 0
    num_teachers: NonNegativeInt = 0
    secs: NonNegativeFloat | None = None
    unknown: list[str] = Field(default_factory=list)
    hardware: str = ""
    model_config = ConfigDict(extra="forbid")


class PostponedFile(Schema):
    """postponed.json."""

    sweep: str
    notes: list[PostponedSchema]


class LatencySchema(Schema):
    """The latencies of one setting in latency.json.

    how: the hardware and the settings of the measurement. rows: row -> batch size -> seconds a
    batch in each round. networks: row -> what tells its network from others; empty in older ones.
    """

    how: str
    rows: dict[str, dict[str, Annotated[list[PositiveFloat], Field(min_length=1)]]]
    networks: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_rounds_are_paired(self) -> "LatencySchema":
        for batch in {size for row in self.rows.values() for size in row}:
            if len({len(row[batch]) for row in self.rows.values() if batch in row}) > 1:
                raise ValueError(f"rows: at batch {batch} they have not the same number of rounds")
        return self
