"""Schemas of a run's files: the type and the range of every value that is counted or shown.

Keys that a schema does not have are allowed, and keys that later versions added may be missing. A
value that does not fit is a ValueError of one line that begins with the file and the key.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from titn.records.safe_open import check_plain
from titn.system.text import printable

# Two numbers that differ by no more than this are the same number, rounded on the way.
TOLERANCE = 1e-6

Fraction = Annotated[float, Field(ge=0, le=1)]
# A mean of negative log-probabilities, which float32 may round to a little below zero.
Nll = Annotated[float, Field(ge=-1e-3)]
# A SHA-256 digest, or a shorter name in tests. It becomes a part of file names and pages.
Digest = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,128}$")]


class Schema(BaseModel):
    """Strict: no value is converted, and "1", true, nan and infinity are not numbers."""

    model_config = ConfigDict(
        strict=True, extra="allow", allow_inf_nan=False, protected_namespaces=()
    )


class HeadMetrics(Schema):
    """Metrics of one token, or of the mean of both tokens' softmaxes."""

    top1: Fraction
    top5: Fraction | None = None
    nll: Nll


class TrainMetrics(Schema):
    """Metrics on images of the training set."""

    top1: Fraction
    nll: Nll = 0.0
    num_images: PositiveInt = 1


class TeacherSummary(Schema):
    """What a record says of its teacher."""

    config_hash: Digest
    source_digest: Digest | Literal[""] = ""
    top1: Fraction


class ParentSummary(Schema):
    """What a record says of the run whose weights it began with; epochs: that it was trained."""

    config_hash: Digest
    source_digest: Digest | Literal[""] = ""
    epochs: NonNegativeInt
    top1: Fraction


class Result(HeadMetrics):
    """result.json. Older records lack some of the keys that have a default.

    epochs: what was asked for. stopped_after: the epochs of a run that its patience has ended.
    """

    config_hash: Digest
    source_digest: Digest
    seed: NonNegativeInt
    epochs: NonNegativeInt
    stopped_after: PositiveInt | None = None
    precision: Fraction = 0.0
    recall: Fraction = 0.0
    f1: Fraction = 0.0
    ece: Fraction = 0.0
    balanced_accuracy: Fraction | None = None
    cls: HeadMetrics | None = None
    dist: HeadMetrics | None = None
    fused: HeadMetrics | None = None
    best_top1: Fraction = 0.0
    best_epoch: NonNegativeInt = 0
    images_per_sec: NonNegativeFloat | None = None
    train_secs: NonNegativeFloat = 0.0
    wall_secs: NonNegativeFloat = 0.0
    compile_secs: NonNegativeFloat | None = None
    kept_labels: NonNegativeFloat = 0.0
    train: TrainMetrics | None = None
    parameters: NonNegativeInt = 0
    macs: NonNegativeInt = 0
    macs_paper: NonNegativeInt = 0
    split: str = ""
    num_train: PositiveInt = 1
    num_evaluated: PositiveInt = 1
    class_names: Annotated[list[str], Field(min_length=1)] = []
    data_digest: str = ""
    git_commit: str | None = None
    teacher: TeacherSummary | None = None
    parent: ParentSummary | None = None

    @model_validator(mode="after")
    def _check_consistency(self) -> "Result":
        if self.best_epoch > self.epochs:
            raise ValueError(f"best_epoch={self.best_epoch}: there are {self.epochs} epochs")
        if self.stopped_after is not None and self.stopped_after >= self.epochs:
            raise ValueError(f"stopped_after={self.stopped_after}: epochs is {self.epochs}")
        if self.top5 is not None and self.top5 < self.top1 - TOLERANCE:
            raise ValueError(f"top5={self.top5:.6g}: is below top1={self.top1:.6g}")
        if self.fused is not None and abs(self.fused.top1 - self.top1) > TOLERANCE:
            raise ValueError(f"fused.top1={self.fused.top1:.6g}: top1 is {self.top1:.6g}")
        return self


class Environment(Schema):
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
    cpu_count: NonNegativeInt | None = None
    versions: dict[str, str | None] = {}
    device: str = ""
    devices: PositiveInt = 1
    gpu: str | None = None
    threads: NonNegativeInt | None = None
    earlier: list[dict[str, Any]] = []


class Failure(Schema):
    """failure.json. Only a run that failed before its first step needs its identity in here.

    kind: "error", "memory", "diverged", or "pruned" of a trial that its search has ended, which is
    no failure. wall_secs: that a pruned one took.
    """

    kind: str
    reason: str
    epoch: NonNegativeInt | None = None
    wall_secs: NonNegativeFloat | None = None
    seed: NonNegativeInt | None = None
    config_hash: Digest = ""
    source_digest: Digest = ""
    traceback: str = ""


class TargetNode(Schema):
    """A node that constructs an object. Its arguments are checked by the object's constructor."""

    target: str = Field(default="", alias="_target_")


class DatasetNode(TargetNode):
    """The data set's node, with the values that reports compute with."""

    name: str | None = None
    image_size: PositiveInt | None = None
    channels: Literal[1, 3, 4] = 3
    num_classes: PositiveInt | None = None
    fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    split: str | None = None


class Choices(Schema):
    """The file in conf/ that each group of the configuration was chosen from."""

    model: str | None = None
    dataset: str | None = None
    augment: str | None = None
    mix: str | None = None
    loss: str | None = None
    optimizer: str | None = None
    schedule: str | None = None
    protocol: str | None = None


class TrainingConfig(Schema):
    """The keys that a run and its teacher have in common."""

    model: TargetNode = TargetNode()
    dataset: DatasetNode = DatasetNode()
    augment: TargetNode = TargetNode()
    mix: TargetNode = TargetNode()
    loss: TargetNode = TargetNode()
    optimizer: TargetNode = TargetNode()
    schedule: TargetNode = TargetNode()
    seed: NonNegativeInt
    epochs: NonNegativeInt
    batch_size: PositiveInt = 1
    accumulate: PositiveInt = 1
    repeats: PositiveInt = 1
    clip_grad: Annotated[float, Field(gt=0)] | None = None
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    patience: PositiveInt | None = None
    precision: str | None = None
    checkpoint: str | None = None
    weights: str | None = None


class TeacherChoices(Choices):
    """A teacher is named by its network, so this choice is required."""

    model: str | None


class TeacherConfig(TrainingConfig):
    """The node `teacher` of config.yaml."""

    choices: TeacherChoices


class Config(TrainingConfig):
    """config.yaml."""

    choices: Choices | None = None
    teacher: TeacherConfig | None = None


class Epoch(Schema):
    """A line of epochs.jsonl."""

    epoch: PositiveInt
    top1: Fraction | None = None
    nll: Nll | None = None
    train: dict[str, Any] = {}


# Files whose nested keys are joined with dots into the columns of one row: a key that has a dot of
# its own could replace another.
FLATTENED = (Result, Config, Epoch)


def validate(file: str, schema: type[Schema], content: Any) -> Any:
    """Return the content unchanged if it fits the schema.

    Otherwise raise a ValueError that names the file and the key.
    """
    try:
        if not isinstance(content, dict):
            raise ValueError("is empty" if content is None else "is not what titn writes")
        check_plain(content, dots=schema not in FLATTENED)
        schema.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{file}: {_first_message(error)}") from None
    except ValueError as error:
        raise ValueError(f"{file}: {printable(error)}") from None
    return content


def _first_message(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ").partition(" or instance of")[0]
    message = message.removeprefix("Input ").removeprefix("String ")
    if first["type"] == "missing":
        return printable(f"{key}: is missing")
    return printable(f"{key}={first['input']!r:.60}: {message}" if key else message)
