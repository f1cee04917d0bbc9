"""The node `search` of a file in sweeps/search/: what is sought, among what, and how long.

No Hydra, no optuna and no torch here: studies are made and their pages are written from it.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from titn.system.errors import ConfigError

# The group, and the node of its files.
SEARCH = "search"
# Where the plan of a search's confirmation lies, below that of its trials, and its baseline row.
CONFIRMATION, DEFAULTS = "confirmation", "defaults"

Text = Annotated[str, Field(min_length=1)]
Objective = Literal["top1", "nll", "macs", "parameters", "train_secs"]
Pruner = Literal["none", "median", "halving", "hyperband"]
Direction = Literal["minimize", "maximize"]
# The objectives that are known after each epoch: by one of them alone trials are pruned.
EACH_EPOCH = ("top1", "nll")
# The objectives of which less is better.
MINIMISED = ("nll", "macs", "parameters", "train_secs")
# Key -> what its values are drawn from, in Hydra's syntax.
Expressions = dict[Text, Text]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
NUM_SEEDS = 5


class Search(BaseModel):
    """A search as its file states it.

    title, asks: text for the page. space: key -> interval(a,b), range(a,b,step) or choice(...).
    when: KEY=VALUE -> keys that are chosen only where the space has chosen this value. objective:
    a number of the record on the validation split, or several. sampler: which configuration comes
    next. pruner: which trials end before their last epoch, by their objective after each; without
    one, median where the objective is one that each epoch has. min_epochs: that each trial has,
    by default a quarter of all under median, which a warm-up would mislead, else 1.
    trials: of the study in total, whoever made them; those that are impossible do not count.
    hours: of all trials together, after which none begins. confirm: how many of the best are made
    again after the last trial, on test. confirm_seeds: theirs, by default the first five from 1
    that the trials have not. seed: of the sampler. study: its name, by default the file's. storage:
    the address of a database, as postgresql://user@host/studies; without one a journal beside the
    sweep.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text
    asks: Text
    space: Annotated[Expressions, Field(min_length=1)]
    when: dict[Text, Annotated[Expressions, Field(min_length=1)]] = {}
    objective: Annotated[tuple[Objective, ...], Field(min_length=1, max_length=3)] = ("top1",)
    sampler: Literal["tpe", "random", "cmaes", "nsga2", "grid"] = "tpe"
    pruner: Pruner | None = None
    min_epochs: Annotated[int, Field(ge=1)] | None = None
    trials: Annotated[int, Field(ge=1, le=100_000)] = 50
    hours: Annotated[float, Field(gt=0)] | None = None
    confirm: Annotated[int, Field(ge=0, le=100)] = 0
    confirm_seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=100)] | None = None
    seed: Seed = 0
    study: Annotated[str, Field(pattern=r"^\w[\w.-]{0,100}$")] | None = None
    storage: Annotated[str, Field(pattern=r"^\w+(\+\w+)?://")] | None = None

    @field_validator("objective", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @property
    def pruned_by(self) -> Pruner:
        """The pruner; none where the objective is not known before the last epoch."""
        return self.pruner or ("median" if self._is_known_each_epoch else "none")

    @property
    def _is_known_each_epoch(self) -> bool:
        return len(self.objective) == 1 and self.objective[0] in EACH_EPOCH

    @model_validator(mode="after")
    def _check_pruner(self) -> Self:
        if self.pruned_by != "none" and not self._is_known_each_epoch:
            raise ValueError(
                f"pruner={self.pruner}: prunes by a single objective that each epoch has, "
                f"{' or '.join(EACH_EPOCH)}; choose one, or search.pruner=none"
            )
        parts = (self.space, *self.when.values())
        if self.pruned_by == "hyperband" and any("epochs" in part for part in parts):
            raise ValueError(
                "pruner=hyperband: shares out one number of epochs, and the space has several; "
                "choose search.pruner=median"
            )
        return self

    def fresh_seeds(self, of_trials: int) -> tuple[int, ...]:
        """The seeds of the confirmation; ConfigError if one is that of the trials.

        A configuration was chosen for what it reached with that one.
        """
        if self.confirm_seeds is None:
            return tuple(n for n in range(1, NUM_SEEDS + 2) if n != of_trials)[:NUM_SEEDS]
        if of_trials in self.confirm_seeds:
            raise ConfigError(
                f"search.confirm_seeds: has the trials' own seed, {of_trials}; take it out"
            )
        return tuple(dict.fromkeys(self.confirm_seeds))

    @property
    def directions(self) -> list[Direction]:
        """Of each objective, as optuna calls them."""
        return ["minimize" if one in MINIMISED else "maximize" for one in self.objective]


def is_search(sweep: str) -> bool:
    """Whether a sweep's name is that of a search: its cells are trials."""
    return sweep.startswith(f"{SEARCH}/")


def trial_row(number: int) -> str:
    """What messages and pages call a trial."""
    return f"trial {number}"


def parse_search(node: Any) -> Search:
    """The search of a sweep's node; ConfigError that names the key if it is not valid."""
    try:
        return Search.model_validate(node)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = _said(first["type"], first["msg"])
        if not first["loc"]:  # of several keys: the message begins with one
            raise ConfigError(f"{SEARCH}.{said}") from None
        key = ".".join(map(str, (SEARCH, *first["loc"])))
        raise ConfigError(f"{key}: {said}") from None


def _said(kind: str, message: str) -> str:
    """What is wrong with a key, with the remedy where pydantic has none."""
    if kind == "missing":
        return "is missing; add it to the search's file"
    if kind == "extra_forbidden":
        return f"there is no such key; choose one of {', '.join(Search.model_fields)}"
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{message[:1].lower()}{message[1:]}"
