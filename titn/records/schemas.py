"""What can be believed of what is written of runs and sweeps: their files' schemas. No torch here.

Every value that is counted, compared or shown has its type and range; other keys may be there, and
keys that came later may be missing. What does not fit is a ValueError in one line that begins with
the file and the key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from titn.records.run_dir import RunDir
from titn.records.safe_open import check_plain, read_yaml, safe_path
from titn.system.errors import first_line
from titn.system.text import printable

# Of an epoch, a metric or a file that were rounded on the way.
CLOSE = 1e-6

Share = Annotated[float, Field(ge=0, le=1)]
# The mean of log-probabilities that float32 may round to a little above zero.
Loss = Annotated[float, Field(ge=-1e-3)]
Amount = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
# A digest, in tests a shorter name: part of files' names and of pages.
Digest = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,128}$")]


class Model(BaseModel):
    """Nothing is converted: "1" and true are no numbers, and neither are nan and infinity."""

    model_config = ConfigDict(
        strict=True, extra="allow", allow_inf_nan=False, protected_namespaces=()
    )


class Head(Model):
    """One token, or both together."""

    top1: Share
    top5: Share | None = None
    nll: Loss


class Train(Model):
    """Of training images."""

    top1: Share
    nll: Loss = 0.0
    num_images: Count = 1


class TeacherSummary(Model):
    """What a record says of its teacher."""

    config_hash: Digest
    source_digest: Digest | Literal[""] = ""
    top1: Share


class Result(Head):
    """result.json. A key with a default is missing in some records."""

    config_hash: Digest
    source_digest: Digest
    seed: Whole
    epochs: Whole
    precision: Share = 0.0
    recall: Share = 0.0
    f1: Share = 0.0
    ece: Share = 0.0
    cls: Head | None = None
    dist: Head | None = None
    fused: Head | None = None
    best_top1: Share = 0.0
    best_epoch: Whole = 0
    images_per_sec: Amount | None = None
    train_secs: Amount = 0.0
    wall_secs: Amount = 0.0
    compile_secs: Amount | None = None
    kept_labels: Amount = 0.0
    train: Train | None = None
    parameters: Whole = 0
    macs: Whole = 0
    macs_paper: Whole = 0
    split: str = ""
    num_train: Count = 1
    num_evaluated: Count = 1
    class_names: Annotated[list[str], Field(min_length=1)] = []
    data_digest: str = ""
    git_commit: str | None = None
    teacher: TeacherSummary | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> "Result":
        if self.best_epoch > self.epochs:
            raise ValueError(f"best_epoch={self.best_epoch}: there are {self.epochs} epochs")
        if self.top5 is not None and self.top5 < self.top1 - CLOSE:
            raise ValueError(f"top5={self.top5:.6g}: is below top1={self.top1:.6g}")
        if self.fused is not None and abs(self.fused.top1 - self.top1) > CLOSE:
            raise ValueError(f"fused.top1={self.fused.top1:.6g}: top1 is {self.top1:.6g}")
        return self


class Environment(Model):
    """environment.json."""

    config_hash: Digest
    source_digest: Digest
    git_commit: str | None = None
    git_dirty: bool | None = None
    command: str = ""
    started: str = ""
    python: str = ""
    platform: str = ""
    cpu: str = ""
    cpu_count: Whole | None = None
    versions: dict[str, str | None] = {}
    device: str = ""
    gpu: str | None = None
    threads: Whole | None = None
    earlier: list[dict[str, Any]] = []


class Failure(Model):
    """failure.json; the identity is there alone where a run failed before its first step."""

    kind: str
    reason: str
    epoch: Whole | None = None
    seed: Whole | None = None
    config_hash: Digest = ""
    source_digest: Digest = ""
    traceback: str = ""


class Node(Model):
    """What a configuration makes, by name; with what arguments is a matter of what is named."""

    target: str = Field(default="", alias="_target_")


class Data(Node):
    """A data set's node: what its pages compute with."""

    name: str | None = None
    image_size: Count | None = None
    num_classes: Count | None = None
    fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    split: str | None = None


class Choices(Model):
    """What the parts of a run are called: names of files in conf/."""

    model: str | None = None
    dataset: str | None = None
    augment: str | None = None
    mix: str | None = None
    loss: str | None = None
    optimizer: str | None = None
    schedule: str | None = None
    protocol: str | None = None


class Training(Model):
    """What a run and its teacher have in common."""

    model: Node = Node()
    dataset: Data = Data()
    augment: Node = Node()
    mix: Node = Node()
    loss: Node = Node()
    optimizer: Node = Node()
    schedule: Node = Node()
    seed: Whole
    epochs: Whole
    batch_size: Count = 1
    precision: str | None = None
    checkpoint: str | None = None
    weights: str | None = None


class TeacherChoices(Choices):
    """A teacher is called by its network."""

    model: str | None


class Teacher(Training):
    """The node of a run's teacher."""

    choices: TeacherChoices


class Config(Training):
    """config.yaml."""

    choices: Choices | None = None
    teacher: Teacher | None = None


class Epoch(Model):
    """A line of epochs.jsonl."""

    epoch: Count
    top1: Share | None = None
    nll: Loss | None = None
    train: dict[str, Any] = {}


class Cell(Model):
    """A cell of sweep.json: titn.records.sweep_dir.PlannedCell."""

    row: Annotated[str, Field(min_length=1)]
    seed: Whole
    config_hash: Digest
    directory: Annotated[str, Field(min_length=1, pattern=r"^[^\x00]+$")]
    teacher: Digest | None = None
    role: Annotated[str, Field(pattern="^(cell|candidate|teacher)$")] = "cell"
    tuned: dict[str, str | bool | int | float | None] = {}
    source_digest: Digest | Literal[""] = ""
    model_config = ConfigDict(extra="forbid")


class Setting(Model):
    """A setting of sweep.json. More rows are no table that anyone reads."""

    key: Digest
    source_digest: Digest
    overrides: list[str]
    commands: list[str]
    question: dict[str, Any] | None
    revised: bool
    rows: Annotated[list[str], Field(max_length=1000)]
    cells: Annotated[list[Cell], Field(max_length=100_000)]
    model_config = ConfigDict(extra="forbid")


class Plan(Model):
    """sweep.json."""

    sweep: str
    settings: list[Setting]


class Note(Model):
    """A note of postponed.json: titn.records.sweep_dir.Postponed."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    command: str
    overrides: list[str]
    rows: Annotated[list[str], Field(max_length=1000)]
    seeds: Annotated[list[Whole], Field(max_length=100_000)]
    num_cells: Whole = 0
    num_teachers: Whole = 0
    secs: Amount | None = None
    unknown: list[str] = []
    hardware: str = ""
    model_config = ConfigDict(extra="forbid")


class Notes(Model):
    """postponed.json."""

    sweep: str
    notes: list[Note]


class Timing(Model):
    """A setting of latency.json: seconds a batch, label -> batch size -> a number a round."""

    how: str
    rows: dict[str, dict[str, Annotated[list[Positive], Field(min_length=1)]]]

    @model_validator(mode="after")
    def _rounds_are_paired(self) -> "Timing":
        for batch in {size for row in self.rows.values() for size in row}:
            if len({len(row[batch]) for row in self.rows.values() if batch in row}) > 1:
                raise ValueError(f"rows: at batch {batch} they have not the same number of rounds")
        return self


# Their keys become dotted ones of one row: one with a dot could be another's.
BECOME_ROWS = (Result, Config, Epoch)


def validated(file: str, kind: type[Model], content: Any) -> Any:
    """The content, if it has the schema of its file; ValueError that names file and key if not."""
    try:
        if not isinstance(content, dict):
            raise ValueError("is empty" if content is None else "is not what titn writes")
        check_plain(content, dots=kind not in BECOME_ROWS)
        kind.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{file}: {_said(error)}") from None
    except ValueError as error:
        raise ValueError(f"{file}: {printable(error)}") from None
    return content


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ").partition(" or instance of")[0]
    said = said.removeprefix("Input ").removeprefix("String ")
    if first["type"] == "missing":
        return printable(f"{key}: is missing")
    return printable(f"{key}={first['input']!r:.60}: {said}" if key else said)


@dataclass(frozen=True)
class RunFiles:
    """What a run's files say; None where there is no such file."""

    environment: dict[str, Any] | None
    failure: dict[str, Any] | None
    result: dict[str, Any] | None

    @property
    def identity(self) -> dict[str, str]:
        """config_hash and source_digest."""
        facts = self.environment or self.failure or {}
        return {key: facts[key] for key in ("config_hash", "source_digest")}


def read_run_files(path: Path) -> RunFiles:
    """What became of the run in a directory; ValueError if a file of it cannot be believed."""
    directory = RunDir(path)
    said = RunFiles(
        environment=_content(path, "environment.json", directory.environment, Environment),
        failure=_content(path, "failure.json", directory.failure, Failure),
        result=_content(path, "result.json", directory.result, Result),
    )
    if said.environment is None:
        if said.result is not None:
            raise ValueError("environment.json: is missing")
        if said.failure is not None and not {"config_hash", "source_digest"} <= set(said.failure):
            raise ValueError("failure.json: config_hash or source_digest is missing")
        return said
    for file, facts in (("result.json", said.result), ("failure.json", said.failure)):
        for key, value in said.identity.items():
            if (facts or {}).get(key, value) != value:
                raise ValueError(f"{file}: {key} is not that of environment.json")
    return said


def read_identity(path: Path) -> dict[str, str]:
    """config_hash and source_digest as far as a file of a damaged run still says them."""
    directory = RunDir(path)
    read: dict[str, tuple[Callable[[], Any], type[Model]]] = {
        "environment.json": (directory.environment, Environment),
        "failure.json": (directory.failure, Failure),
        "result.json": (directory.result, Result),
    }
    for file, (content, kind) in read.items():
        try:
            said = _content(path, file, content, kind) or {}
        except ValueError:
            continue
        if "config_hash" in said and "source_digest" in said:
            return {key: said[key] for key in ("config_hash", "source_digest")}
    return {}


def read_config(path: Path) -> dict[str, Any]:
    """A run's configuration; ValueError without one, or if it cannot be believed."""
    file = "config.yaml"
    content = _content(path, file, lambda: read_yaml(path / file), Config)
    if content is None:
        raise ValueError(f"{file}: is missing")
    # Not least `top1` of a run without a record.
    for key in content:
        if key in Result.model_fields and key not in Config.model_fields:
            raise ValueError(f"{file}: {key}: is a key of result.json")
    return content


def check_agree(result: dict[str, Any], config: dict[str, Any]) -> None:
    """ValueError if a record is not of this configuration."""
    for key in ("seed", "epochs"):
        if result[key] != config[key]:
            raise ValueError(f"result.json: {key}={result[key]}: config.yaml says {config[key]}")


def _content(path: Path, file: str, read: Callable[[], Any], kind: type[Model]) -> Any:
    """What a file says, None without it; the error of whatever reads it begins with its name."""
    try:
        if safe_path(path, file) is None:
            return None
        content = read()
    except OSError as error:
        raise ValueError(f"{file}: cannot be opened ({error.strerror})") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        said = printable(first_line(error))
        raise ValueError(said if said.startswith(f"{file}: ") else f"{file}: {said}") from None
    return validated(file, kind, content)
