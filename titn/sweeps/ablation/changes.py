"""Cuts the difference of two configurations into changes.

A change is a group whose choice differs, with the keys that were set of this group, or a single
key. What Hydra derives from them (the learning rate of a network, the epochs of a protocol)
follows by itself, as both sides are composed anew for every row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from titn.config.identity import PLACES
from titn.config.keys import GROUPS, SWITCHES
from titn.config.overrides import override_key
from titn.records.ablation import Change, Overrides, State, row_overrides
from titn.system.errors import ConfigError

# The overrides of a run -> its checked configuration; raises ConfigError.
Compose = Callable[[Sequence[str]], dict]

CHOSEN = (*GROUPS, "teacher", "protocol")
# Keys of a data set that may differ: the test images are the same all the same.
FREE_OF_TEST_IMAGES = (*PLACES, "fraction", "image_size")


@dataclass(frozen=True)
class Cut:
    """A difference that is cut. shared: overrides of both sides; idle: changes without effect."""

    changes: tuple[Change, ...]
    shared: Overrides
    idle: tuple[str, ...] = ()

    def overrides(self, state: State) -> Overrides:
        return row_overrides(self.shared, self.changes, state)


def cut(begin: Overrides, end: Overrides, ties: Sequence[Sequence[str]], compose: Compose) -> Cut:
    """The changes that lead from `begin` to `end`, those that are tied as one.

    Raises ConfigError if one of the two cannot be composed, if they are not comparable, or if fewer
    than two changes are left.
    """
    _check_comparable(*_composed(begin, end, compose))
    shared = tuple(override for override in begin if override in end)
    before, after = _by_owner(begin, end)
    changes = [
        Change(name=name, before=before.get(name, ()), after=after.get(name, ()))
        for name in dict.fromkeys([*before, *after])
    ]
    found = _without_idle(Cut(tuple(changes), shared), compose)
    found = Cut(tuple(_tied(found.changes, ties)), found.shared, found.idle)
    if len(found.changes) < 2:
        names = ", ".join(change.name for change in found.changes) or "none"
        raise ConfigError(
            f"to=[{','.join(end)}]: differs from `from` in fewer than two changes ({names}); "
            "there is nothing to attribute"
        )
    return found


def numbers(run: dict) -> dict:
    """What decides the numbers of a run, by which two runs are told apart."""
    kept = {key: value for key, value in run.items() if key not in (*SWITCHES, "choices")}
    if kept.get("teacher"):
        kept["teacher"] = numbers(kept["teacher"])
    return kept


def _composed(begin: Overrides, end: Overrides, compose: Compose) -> tuple[dict, dict]:
    runs = []
    for key, overrides in (("from", begin), ("to", end)):
        for override in overrides:
            if override_key(override) == "seed":
                raise ConfigError(
                    f"{key}=[{override}]: seeds are the same for all rows; give seed=0,1,2 beside "
                    "from and to"
                )
        try:
            runs.append(compose(overrides))
        except ConfigError as error:
            raise ConfigError(f"{key}=[{','.join(overrides)}]: {error}") from None
    return runs[0], runs[1]


def _check_comparable(first: dict, second: dict) -> None:
    """ConfigError if the two would not be tested on the same images."""
    for key in dict.fromkeys([*first["dataset"], *second["dataset"]]):
        differs = first["dataset"].get(key) != second["dataset"].get(key)
        if differs and key not in FREE_OF_TEST_IMAGES:
            name = "dataset" if key == "_target_" else f"dataset.{key}"
            raise ConfigError(
                f"to: differs from `from` in {name}, and so in the test images; give {name}=VALUE "
                "beside from and to"
            )


def _by_owner(
    begin: Overrides, end: Overrides
) -> tuple[dict[str, Overrides], dict[str, Overrides]]:
    """Change -> its overrides on either side; without what is the same on both."""
    own = [
        [one for one in side if one not in other] for side, other in ((begin, end), (end, begin))
    ]
    groups = {override_key(one) for side in own for one in side} & {*CHOSEN}
    found: list[dict[str, Overrides]] = []
    for side in own:
        by_owner: dict[str, Overrides] = {}
        for override in side:
            key = override_key(override)
            # optimizer@teacher.optimizer is the teacher's.
            head = (key.partition("@")[2] or key).partition(".")[0]
            owner = head if head in groups else key
            by_owner[owner] = (*by_owner.get(owner, ()), override)
        found.append(by_owner)
    return found[0], found[1]


def _without_idle(whole: Cut, compose: Compose) -> Cut:
    """Without changes that change no number, at either end: a default that was typed, a switch."""
    num = len(whole.changes)
    idle = [
        i
        for i in range(num)
        if all(_is_idle(whole, i, (side,) * num, compose) for side in (False, True))
    ]
    spelled = [whole.changes[i].after or whole.changes[i].before for i in idle]
    kept = tuple(change for i, change in enumerate(whole.changes) if i not in idle)
    shared = (*whole.shared, *(override for part in spelled for override in part))
    return Cut(kept, shared, tuple(whole.changes[i].name for i in idle))


def _is_idle(whole: Cut, i: int, state: State, compose: Compose) -> bool:
    flipped = (*state[:i], not state[i], *state[i + 1 :])
    try:
        one, other = (compose(whole.overrides(state)) for state in (state, flipped))
    except ConfigError:
        return False
    return numbers(one) == numbers(other)


def _tied(changes: Sequence[Change], ties: Sequence[Sequence[str]]) -> list[Change]:
    """The changes, those of a tie as one at the place of its first."""
    by_name = {change.name: change for change in changes}
    tie_of: dict[str, Sequence[str]] = {}
    for tie in ties:
        for name in tie:
            if name not in by_name:
                raise ConfigError(f"ties: {name} is no change; choose among {', '.join(by_name)}")
            if name in tie_of:
                raise ConfigError(f"ties: {name} is tied twice; write one list of all its ties")
            tie_of[name] = tie
    made: dict[str, Change] = {}
    for change in changes:
        parts = [by_name[name] for name in tie_of.get(change.name, [change.name])]
        name = "+".join(part.name for part in parts)
        before = tuple(override for part in parts for override in part.before)
        after = tuple(override for part in parts for override in part.after)
        made.setdefault(name, Change(name=name, before=before, after=after))
    return list(made.values())
