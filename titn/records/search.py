"""The node `search` of a file in sweeps/search/: what is sought, among what, and how long.

No Hydra, no optuna and no torch here: studies are made and their pages are written from it.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from titn.system.errors import ConfigError

# The group, and the node of its files.
SEARCH = "search"

Text = Annotated[str, Field(min_length=1)]
Objective = Literal["top1", "nll", "macs", "parameters", "train_secs"]
Direction = Literal["minimize", "maximize"]
# The objectives of which less is better.
MINIMISED = ("nll", "macs", "parameters", "train_secs")
# Key -> what its values are drawn from, in Hydra's syntax.
Expressions = dict[Text, Text]


class Search(BaseModel):
    """A search as its file states it.

    title, asks: text for the page. space: key -> interval(a,b), range(a,b,step) or choice(...).
    when: KEY=VALUE -> keys that are chosen only where the space has chosen this value. objective:
    a number of the record on the validation split, or several. sampler: which configuration comes
    next. trials: of the study in total, whoever made them; those that are impossible do not count.
    hours: of all trials together, after which none begins. seed: of the sampler. study: its name,
    by default the file's. storage: the address of a
    database, as postgresql://user@host/studies; without one a journal beside the sweep.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text
    asks: Text
    space: Annotated[Expressions, Field(min_length=1)]
    when: dict[Text, Annotated[Expressions, Field(min_length=1)]] = {}
    objective: Annotated[tuple[Objective, ...], Field(min_length=1, max_length=3)] = ("top1",)
    sampler: Literal["tpe", "random", "cmaes", "nsga2", "grid"] = "tpe"
    trials: Annotated[int, Field(ge=1, le=100_000)] = 50
    hours: Annotated[float, Field(gt=0)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    study: Annotated[str, Field(pattern=r"^\w[\w.-]{0,100}$")] | None = None

    storage: Annotated[str, Field(pattern=r"^\w+(\+\w+)?://")] | None = None

    @field_validator("objective", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @property
    def directions(self) -> list[Direction]:
        """Of each objective, as optuna calls them."""
        return ["minimize" if one in MINIMISED else "maximize" for one in self.objective]


def parse_search(node: Any) -> Search:
    """The search of a sweep's node; ConfigError that names the key if it is not valid."""
    try:
        return Search.model_validate(node)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, ("search", *first["loc"])))
        raise ConfigError(f"{key}: {_said(first['type'], first['msg'])}") from None


def _said(kind: str, message: str) -> str:
    """What is wrong with a key, with the remedy where pydantic has none."""
    if kind == "missing":
        return "is missing; add it to the search's file"
    if kind == "extra_forbidden":
        return f"there is no such key; choose one of {', '.join(Search.model_fields)}"
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{message[:1].lower()}{message[1:]}"
