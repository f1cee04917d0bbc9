"""The vocabulary of constructor annotations, and so of configuration values.

A constructor that a YAML names in `_target_` annotates each configurable keyword with one of
these, with a plain `int`, `float`, `bool`, `str`, or with a `Literal` of its choices.
`titn.config.schema` reads the annotations from the source, without importing the constructor's
module, so that a bad value is answered before torch is loaded.

What a value has to do with others is said beside its type: `Annotated[Count, Shares("width")]`.
`titn.config.checks` asks for it, in the words of `titn.config.constraints`; so does the
constructor, which may be called by anyone.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from titn.system.files import expand_home

# Of nothing here has a machine more: a billion epochs of a millisecond are eleven days, a billion
# images of one byte a gigabyte. It leaves room for "all of them", and fits wherever integers go.
MOST = 10**9
# Beyond any rate, weight or time, and before float32 ends, at 3e38: a hundred times as much is
# still a number.
LARGEST = 1e36
# Deeper than any network that has been trained; ten thousand blocks take a minute to be made.
MOST_BLOCKS = 10_000
# As long as a path may be.
LONGEST_TEXT = 4096

Count = Annotated[int, Field(ge=1, le=MOST)]
Whole = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[float, Field(gt=0, le=LARGEST, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
# Of something of which a part has to be left.
Portion = Annotated[float, Field(gt=0, le=1)]
Classes = Annotated[int, Field(ge=2)]
# A magnitude of an augmentation's operation, on torchvision's scale of 31.
Bin = Annotated[int, Field(ge=0, le=30)]
# Degrees of a slope; at 90 it is endless.
Slope = Annotated[float, Field(ge=0, lt=90)]
# Rates for which 1 would leave nothing: dropout, drop path, momentum, a held-out part.
ProperFraction = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]

# A path, or the name of something. An empty one is a variable of the shell that is not set.
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]

# A path on this machine, never an address: ~ is a home directory, in every key.
LocalPath = Annotated[Text, AfterValidator(expand_home)]

Stem = Literal["imagenet", "cifar"]
MobileNetSize = Literal["large", "small"]
SqueezeNetVersion = Literal["1.1", "1.0"]
FirstLayer = Literal["whitening", "plain"]
Token = Literal["dist", "cls"]
Init = Literal["torch", "trunc_normal"]
PatchEmbed = Literal["linear", "conv"]
OuterEmbed = Literal["learned", "linear", "conv"]
Decay = Literal["all", "matrices"]
MuonScale = Literal["match_rms_adamw", "original"]
Decline = Literal["linear", "cosine"]
Published = Literal["mnist", "cifar10", "cifar100"]
Split = Literal["test", "validation"]
# Of images: grey, colours, colours with transparency.
Channels = Literal[1, 3, 4]
CHANNELS: tuple[int, ...] = get_args(Channels)
WithoutAlpha = Literal[1, 3]
# Where decoded images are during a run.
Storage = Literal["auto", "ram", "disk"]
Precision = Literal["auto", "32-true", "bf16-mixed"]
Retry = Literal["failed"]
Busy = Literal["wait", "leave"]
Compile = Literal["auto", "none", "layers", "whole"]
TrackerName = Literal["none", "tensorboard", "wandb", "mlflow", "trackio"]


@dataclass(frozen=True)
class Divides:
    """A length that goes evenly into that of another keyword, or into `images.size`."""

    whole: str


@dataclass(frozen=True)
class Shares:
    """A number of heads that share another keyword's width evenly."""

    width: str


@dataclass(frozen=True)
class Needs:
    """A switch that works on another keyword, which then has to be above 0."""

    other: str


@dataclass(frozen=True)
class CheckedBy:
    """What only the disk knows. function: package.module.name, importable without torch.

    It is called with the constructor's keywords and raises a ValueError that begins with one.
    """

    function: str
