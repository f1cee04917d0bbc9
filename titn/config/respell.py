"""A command line for a run whose configuration is all that is known."""

from collections.abc import Iterator
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from titn.config.compose import compose_with_choices
from titn.config.keys import GROUPS, SWITCHES
from titn.config.resolve import resolve
from titn.config.spelling import for_hydra
from titn.system.errors import ConfigError

# What overrides raise that compose to nothing.
UNUSABLE = (ConfigError, HydraException, OmegaConfBaseException)
# In this order the later ones follow from the earlier ones.
CHOSEN = (
    "protocol", "dataset", "model", "teacher", "loss", "augment", "mix", "optimizer", "schedule",
)  # fmt: skip


def overrides_of(run: dict) -> list[str] | None:
    """Overrides that compose to what decides a run's numbers, none of which could be left out.

    run: as `titn.config.resolve.resolve` returns it, with its choices and its teacher's. None if
    titn's own files do not lead there, as for files of one's own.
    """
    try:
        overrides = _choices(run)
        wanted = dict(_leaves(run))
        for of_teacher in (False, True):  # much of a teacher follows its student
            found = dict(_leaves(_composed(overrides)[0]))
            overrides += [
                f"{key}={for_hydra(value)}"
                for key, value in wanted.items()
                if found.get(key) != value and key.startswith("teacher.") == of_teacher
            ]
        if dict(_leaves(_composed(overrides)[0])) != wanted:
            return None
    except UNUSABLE:
        return None
    return _without_idle(overrides, wanted)


def _without_idle(overrides: list[str], wanted: dict[str, Any]) -> list[str]:
    """Without those that follow from others."""
    for one in list(overrides):
        fewer = [other for other in overrides if other != one]
        try:
            if dict(_leaves(_composed(fewer)[0])) == wanted:
                overrides = fewer
        except UNUSABLE:
            continue
    return overrides


def _composed(overrides: list[str]) -> tuple[dict, dict[str, str]]:
    composed, choices = compose_with_choices(overrides)
    return resolve(composed), choices


def _choices(run: dict) -> list[str]:
    """The files of groups that are not those of the defaults."""
    overrides: list[str] = []
    choices = _composed(overrides)[1]
    for group, name in _names(run):
        if name is not None and choices.get(group) != name:
            overrides.append(f"{group}={name}")
            choices = _composed(overrides)[1]
    return overrides


def _names(run: dict) -> Iterator[tuple[str, str | None]]:
    """Each group with its choice; a network of timm is a choice and a name."""
    named, teacher = run.get("choices") or {}, run["teacher"]
    for group in CHOSEN:
        if group == "teacher":
            yield group, _word(teacher["choices"].get("model")) if teacher else "none"
        else:
            yield group, _word(named.get(group))
    if teacher:
        for group in GROUPS:
            if group not in ("model", "dataset", "augment"):
                yield f"{group}@teacher.{group}", teacher["choices"].get(group)


def _word(name: str | None) -> str | None:
    return name and name.partition(" ")[0]


def _leaves(node: dict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What decides numbers, with dotted keys."""
    for key, value in node.items():
        path = f"{prefix}{key}"
        if path.removeprefix("teacher.") in (*SWITCHES, "choices"):
            continue
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value
