"""The space of a search: its parameters, read from Hydra's syntax. No optuna here."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from random import Random

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    QuotedString,
    RangeSweep,
)
from hydra.errors import HydraException

from titn.config.keys import COMMAND_KEYS, SWITCHES
from titn.config.overrides import override_key
from titn.config.spelling import as_typed
from titn.records.search import Search
from titn.sweeps.overrides import Scalar
from titn.system.errors import ConfigError

SYNTAX = "write interval(1e-4,1e-2), range(1,5), choice(a,b), or tag(log,interval(1e-4,1e-2))"
# What a search does not choose: the split it is judged on, and what decides no number.
NOT_SOUGHT = ("seed", "dataset.split", "dataset.root", *COMMAND_KEYS, *SWITCHES)
MAX_GRID = 10_000


@dataclass(frozen=True)
class Interval:
    """Numbers from low to high, both included; step: None of a continuous one."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def value(self, drawn: float) -> float:
        """A drawn number as the cells get it: of a fraction that is drawn freely four digits tell
        enough."""
        if self.is_whole:
            return round(drawn)
        if self.step is not None:
            return float(f"{drawn:.12g}")
        return min(max(float(f"{drawn:.4g}"), self.low), self.high)

    def draw(self, rng: Random) -> Scalar:
        if (count := self.num_points()) is not None:
            return self._point(rng.randrange(count))
        if self.log:
            return math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return rng.uniform(self.low, self.high)

    def points(self) -> list[Scalar] | None:
        """All numbers; None of a continuous interval."""
        count = self.num_points()
        return None if count is None else [self._point(i) for i in range(count)]

    def num_points(self) -> int | None:
        """How many they are; None of a continuous interval."""
        step = self._step()
        return None if step is None else round((self.high - self.low) / step) + 1

    def _point(self, index: int) -> float:
        return self.low + index * (self._step() or 0)

    def _step(self) -> float | None:
        return 1 if self.is_whole and self.step is None else self.step


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Scalar, ...]

    def value(self, drawn: Scalar) -> Scalar:
        return drawn

    def draw(self, rng: Random) -> Scalar:
        return rng.choice(self.values)

    def points(self) -> list[Scalar]:
        return list(self.values)

    def num_points(self) -> int:
        return len(self.values)


Domain = Interval | Choice


@dataclass(frozen=True)
class Space:
    """Parameters that are always chosen, and those that depend on a choice among them.

    parts: (key, value) -> the parameters that are chosen only with it.
    """

    parameters: dict[str, Domain]
    parts: dict[tuple[str, Scalar], dict[str, Domain]]

    @property
    def domains(self) -> dict[str, Domain]:
        """All keys, those of parts after the others, with what they are chosen from."""
        found = {**self.parameters}
        for part in self.parts.values():
            found |= part
        return found

    @property
    def keys(self) -> list[str]:
        return [*self.domains]

    def choose(self, pick: Callable[[str, Domain], Scalar]) -> dict[str, Scalar]:
        """Key -> picked value, of the parameters that apply, as the sampler knows them."""
        chosen = {key: pick(key, domain) for key, domain in self.parameters.items()}
        for (condition, value), part in self.parts.items():
            if chosen[condition] == value:
                chosen |= {key: pick(key, domain) for key, domain in part.items()}
        return chosen

    def values(self, chosen: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """What a cell gets for what was picked."""
        return self.choose(lambda key, domain: domain.value(chosen[key]))  # type: ignore[arg-type]

    def draw(self, rng: Random) -> dict[str, Scalar]:
        return self.choose(lambda _, domain: domain.draw(rng))

    def grid(self) -> list[dict[str, Scalar]]:
        """All configurations, the last key changing first; ConfigError if they have no end."""
        found: dict[str, dict[str, Scalar]] = {}
        counts = (_num_points(key, domain) for key, domain in self.domains.items())
        if math.prod(counts) > MAX_GRID:
            raise ConfigError(
                f"search.sampler=grid: has more than {MAX_GRID} configurations; choose "
                "search.sampler=tpe"
            )
        axes = {key: domain.points() or [] for key, domain in self.domains.items()}
        for values in product(*axes.values()):
            every = dict(zip(axes, values, strict=True))
            chosen = self.choose(lambda key, _, every=every: every[key])  # type: ignore[misc]
            found.setdefault(str(chosen), chosen)
        return list(found.values())


def read_space(search: Search) -> Space:
    """ConfigError that names the key of what cannot be read."""
    parameters = _domains(search.space, "search.space")
    parts: dict[tuple[str, Scalar], dict[str, Domain]] = {}
    for condition, expressions in search.when.items():
        path = f"search.when.{condition}"
        part = _domains(expressions, path)
        if twice := [key for key in part if key in parameters]:
            raise ConfigError(f"{path}.{twice[0]}: is in search.space already; leave one out")
        for other in parts.values():
            if shared := [key for key in part if key in other]:
                raise ConfigError(
                    f"{path}.{shared[0]}: depends on two choices; write one condition, as "
                    "model=titn,tnt"
                )
        parts |= dict.fromkeys(_conditions(condition, parameters, path), part)
    return Space(parameters, parts)


def _conditions(
    condition: str, parameters: Mapping[str, Domain], path: str
) -> list[tuple[str, Scalar]]:
    """The values that a condition names: model=titn, or several as model=titn,tnt."""
    key, _, texts = condition.partition("=")
    domain = parameters.get(key)
    if not isinstance(domain, Choice):
        raise ConfigError(f"{path}: depends on a choice of search.space, and {key} is none")
    known = {as_typed(value): value for value in domain.values}
    for text in texts.split(","):
        if text.strip() not in known:
            raise ConfigError(f"{path}: {key} is never {text!r}; name one of {', '.join(known)}")
    return [(key, known[text.strip()]) for text in texts.split(",")]


def _domains(expressions: Mapping[str, str], path: str) -> dict[str, Domain]:
    for key in expressions:
        if override_key(key) in NOT_SOUGHT:
            raise ConfigError(f"{path}.{key}: is nothing to search for; leave it out")
    return {key: read_domain(text, f"{path}.{key}") for key, text in expressions.items()}


def read_domain(text: str, path: str) -> Domain:
    """What an expression draws from; ConfigError that begins with the path of its key."""
    try:
        override = OverridesParser.create().parse_override(f"key={text}")
        sweep = override.value() if override.is_sweep_override() else None
    except HydraException:
        sweep = None
    if isinstance(sweep, ChoiceSweep):
        return Choice(tuple(_scalar(value, text, path) for value in sweep.list))
    if isinstance(sweep, IntervalSweep) and sweep.start is not None and sweep.end is not None:
        return _checked(Interval(sweep.start, sweep.end, None, "log" in sweep.tags), text, path)
    if isinstance(sweep, RangeSweep) and sweep.start is not None and sweep.stop is not None:
        if not sweep.step > 0 or "log" in sweep.tags:
            raise ConfigError(f"{path}={text}: should go up in even steps; {SYNTAX}")
        # As Python's and Hydra's, a range ends before its stop.
        num = math.ceil(round((sweep.stop - sweep.start) / sweep.step, 9))
        last = sweep.start + (num - 1) * sweep.step
        last = last if isinstance(last, int) else round(last, 12)
        return _checked(Interval(sweep.start, last, sweep.step), text, path)
    raise ConfigError(f"{path}={text}: cannot be read; {SYNTAX}")


def _scalar(value: object, text: str, path: str) -> Scalar:
    if isinstance(value, QuotedString):
        return value.text
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ConfigError(f"{path}={text}: chooses among texts and numbers only; {SYNTAX}")


def _checked(interval: Interval, text: str, path: str) -> Interval:
    if not -math.inf < interval.low <= interval.high < math.inf:
        raise ConfigError(f"{path}={text}: is empty; {SYNTAX}")
    if interval.log and interval.low <= 0:
        raise ConfigError(f"{path}={text}: a log scale begins above 0; {SYNTAX}")
    return interval


def _num_points(key: str, domain: Domain) -> int:
    count = domain.num_points()
    if count is None:
        raise ConfigError(
            f"search.sampler=grid: {key} is an interval without steps; write range(a,b,step) or "
            "choice(...), or choose search.sampler=tpe"
        )
    return count
