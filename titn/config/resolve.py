"""From the command line to a checked, plain configuration. Light: nothing here imports torch.

A run's configuration is a nested dict: one node for each group, scalars beside them, and under
`teacher` a whole run of its own or None.
"""

import re
from collections.abc import Sequence
from types import NoneType
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from titn.config import annotations
from titn.config.checks import check_effects, check_fits, check_places
from titn.config.constraints import PRETRAINED
from titn.config.identity import ADDED_LATER, SWITCHES_ADDED_LATER
from titn.config.keys import (
    COMMAND_KEYS,
    FOLLOWED,
    FOLLOWED_BY_FAST_CNNS,
    GROUPS,
    NOTES,
    SCALARS,
    SUPPLIED,
    SWITCHES,
    is_own,
)
from titn.config.schema import (
    check_takes,
    configurable_keywords,
    required_keywords,
    returns_nothing,
    validate_value,
    why_no_key,
)
from titn.config.spelling import as_typed
from titn.config.suggestions import no_such_key
from titn.system.errors import ConfigError, first_line


def resolve(
    composed: DictConfig, choices: dict[str, str] | None = None, reads_files: bool = True
) -> dict:
    """A plain, complete and checked run configuration; ConfigError at the first bad value.

    choices: the name of the file that each group was composed from, as Hydra reports them to a
    job. They become `choices` in the run: what people call its parts. No part of its identity.
    reads_files: whether files that it names have to be there; a configuration without choices is
    only looked at.
    """
    try:
        _check_recipes(composed)
        content = OmegaConf.to_container(composed, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(omegaconf_message(error)) from None
    assert isinstance(content, dict)
    if content.get("rows") is not None:
        rows = as_typed(content["rows"])
        raise ConfigError(f"rows={rows}: a question has rows; ask one, as --multirun +ablation=mix")
    for key in COMMAND_KEYS:
        content.pop(key, None)
    run = _checked_run(content, choices or {}, prefix="")
    check_effects(run)
    if choices is not None and reads_files:
        check_places(run)
    return run


def _check_recipes(composed: DictConfig) -> None:
    """ConfigError if a network asks for a recipe that the data set has not: its name is a value
    from which other values follow, and it is they that would lead nowhere."""
    for group in GROUPS:
        if not isinstance(node := OmegaConf.select(composed, group), DictConfig):
            _checked_node(node, group)
    recipes = OmegaConf.select(composed, "recipe")
    if not isinstance(recipes, DictConfig):
        raise ConfigError(
            f"recipe={as_typed(recipes)}: takes the place of the data set's recipes; set one of "
            "their keys, as recipe.transformer.epochs=3, or protocol=NAME"
        )
    for path in ("model", "teacher.model"):
        node = OmegaConf.select(composed, path)
        name = node.get(NOTES[0], "transformer") if isinstance(node, DictConfig) else "transformer"
        if not isinstance(name, str) or name not in recipes:
            known = ", ".join(key for key in map(str, recipes) if key != "augment")
            raise ConfigError(
                f"{path}.{NOTES[0]}={as_typed(name)}: there is no such recipe; "
                f"choose one of {known}"
            )


def omegaconf_message(error: OmegaConfBaseException) -> str:
    """What OmegaConf says of a value that it does not take, with its key in front."""
    said, key = first_line(error), error.full_key
    if note := re.search(r"Interpolation key '(\S*)\.(_lr_|_recipe_)' not found", said):
        path, name = note.groups()
        likely = "1e-3" if name == "_lr_" else "transformer (or cnn)"
        return (
            f"{key}: follows {path}.{name}, which the file of {path} does not say; add the line "
            f"{name}: {likely} to it, or give {key}=VALUE"
        )
    if unset := re.search(r"Environment variable '(.*)' not found", said):
        name = unset[1]
        return f"{key}: the variable {name} is not set; set it, or write ${{oc.env:{name},DEFAULT}}"
    leads_nowhere = isinstance(error, InterpolationResolutionError)
    remedy = "give a value, or the name of a key as ${KEY}" if leads_nowhere else "give another"
    if "RecursionError" in said:
        said = "refers to itself"
    return f"{key}: {said}; {remedy}" if key else said


def resolve_recorded(content: dict) -> dict:
    """The run of a config.yaml, checked anew: it may be older than a key, or anyone's.

    content: what `resolve` returned when the run was made. ConfigError as there.
    """
    added = {key: default for key, default in ADDED_LATER.items() if "." not in key}
    content = added | SWITCHES_ADDED_LATER | content
    choices = content.pop("choices", None)
    if isinstance(content.get("teacher"), dict):
        try:
            content["teacher"] = resolve_recorded(content["teacher"])
        except ConfigError as error:
            raise ConfigError(f"teacher.{error}") from error
        del content["teacher"]["choices"]
    return _checked_run(content, {}, prefix="") | {"choices": choices}


def _checked_run(content: dict, choices: dict[str, str], prefix: str) -> dict:
    """A run, or the teacher of one: every group, every scalar, and the teacher, checked.

    prefix: of the keys: "teacher." for a teacher. ConfigError names the key.
    """
    scalars = SCALARS | SWITCHES
    _check_keys(content, choices, prefix, [*GROUPS, *scalars, "teacher"])
    if content.get("stem") is not None and isinstance(content["model"], dict):
        _move_stem(content, prefix)
    run: dict[str, Any] = {"choices": _named(content, choices, prefix)}
    for group in GROUPS:
        run[group] = _checked_node(content.get(group), prefix + group)
    for key, annotation in scalars.items():
        if key not in content:
            raise ConfigError(f"{prefix}{key}: missing; give {prefix}{key}=VALUE")
        run[key] = validate_value(content[key], annotation, prefix + key)
    _settle_weights(run, prefix)
    if not prefix and "teacher" not in content:
        raise ConfigError("teacher=[]: choose a file of conf/teacher, or teacher=none")
    teacher = content.get("teacher")
    if teacher is not None and not isinstance(teacher, dict):
        raise ConfigError(f"{prefix}teacher={as_typed(teacher)}: choose a file of conf/teacher")
    nested = f"{prefix}teacher."
    run["teacher"] = None if teacher is None else _checked_run(teacher, choices, nested)
    check_fits(run, prefix)
    return run


def _check_keys(content: dict, choices: dict[str, str], prefix: str, known: Sequence[str]) -> None:
    known = [*known, "stem"] if prefix else known
    for key in content:
        if key not in known:
            if not prefix and key in choices and isinstance(content[key], dict | NoneType):
                raise ConfigError(_not_global(key, choices[key], content[key]))
            raise _unknown_key(f"{prefix}{key}", content[key], [prefix + k for k in known])
    if prefix and "model" not in content:
        key = next(iter(content), "model")
        raise ConfigError(f"{prefix}{key}: no teacher is chosen; add teacher=NAME")


def _settle_weights(run: dict, prefix: str) -> None:
    """With which weights a run begins: those of its checkpoint, of a file, pretrained, or none."""
    if run["model"].get("pretrained") and not (run["checkpoint"] or run["weights"]):
        run["weights"] = PRETRAINED
    if run["checkpoint"] and run["weights"]:
        raise ConfigError(
            f"{prefix}weights={run['weights']}: {prefix}checkpoint replaces all weights; give one"
        )
    if run["checkpoint"] and prefix:
        run["epochs"] = 0  # the teacher is what the checkpoint holds


def _not_global(group: str, choice: str, node: dict | None) -> str:
    """The complaint about a file of a group of one's own that does not set the run's keys."""
    if not node:
        return f"{group}={choice}: the file is empty; write KEY: VALUE in it"
    return (
        f"{group}={choice}: what the file sets stands under {group}; begin it with the line "
        "# @package _global_"
    )


def _unknown_key(key: str, value: Any, known: list[str]) -> ConfigError:
    """The complaint about a key that is not one of `known`; of a node, its first leaf is named."""
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        key = f"{key}.{name}"
    return ConfigError(f"{key}={as_typed(value)}: {no_such_key(key, known)}")


def _move_stem(content: dict, prefix: str) -> None:
    """A teacher's `stem` is short for its model's."""
    if "stem" not in content["model"]:
        raise ConfigError(
            f"{prefix}stem={content['stem']}: this network has no choice of stems; leave it out"
        )
    content["model"]["stem"] = validate_value(content["stem"], annotations.Stem, f"{prefix}stem")


def _named(content: dict, choices: dict[str, str], prefix: str) -> dict[str, str | None]:
    """What each group's choice is called; without Hydra's word, what it builds."""
    named: dict[str, str | None] = {}
    for group in GROUPS:
        path = f"{group}@{prefix}{group}" if prefix else group
        node = content.get(group)
        target = node.get("_target_") if isinstance(node, dict) else None
        named[group] = choices.get(path) or str(target).rpartition(".")[2]
    network = content.get("model")
    if isinstance(network, dict) and isinstance(network.get("name"), str):
        named["model"] = f"{named['model']} {network['name']}"  # one choice, and many networks
    # A teacher's data set is the student's own node, not a choice of its own.
    named["dataset"] = choices.get("dataset") or named["dataset"]
    return named | {"protocol": choices.get("protocol")}


def _not_of_ones_own(path: str, key: str, value: Any, target: str, known: list[str]) -> str:
    """Of a key that the chosen file has and a `_target_` from elsewhere has not."""
    group = path.rpartition(".")[2]
    file = f"DIR/{group}/NAME.yaml" if path == group else f"a file of {path}"
    takes = f"takes {', '.join(known)}" if known else "takes no keys"
    return (
        f"{path}.{key}={as_typed(value)}: {target} {takes}, and the other keys are those of the "
        f"file that was chosen; write one with _target_: {target}, as {file}, and choose it with "
        f"--config-dir=DIR {group}=NAME"
    )


def _checked_node(node: Any, path: str) -> dict:
    """A group's node, its keys and values checked against the constructor that it names."""
    if not isinstance(node, dict):
        group, source = path.rsplit(".", 1)[-1], FOLLOWED.get(path, path)
        choice = source if group == source else f"{group}@{source}"
        fast = FOLLOWED_BY_FAST_CNNS.get(path)
        remark = f", or {group}@{fast}=NAME for airbench and resnet9" if fast else ""
        raise ConfigError(
            f"{path}={as_typed(node)}: choose a file of conf/{group} with {choice}=NAME{remark}"
        )
    node = {key: value for key, value in node.items() if key not in NOTES}
    target = node.get("_target_")
    if not isinstance(target, str):
        raise ConfigError(
            f"{path}._target_={as_typed(target)}: name a class or function, as package.module.name"
        )
    keywords = configurable_keywords(target, path)
    if returns_nothing(target):
        raise ConfigError(f"{path}._target_={target}: makes nothing; name what makes one")
    if supplied := SUPPLIED.get(path.rpartition(".")[2]):
        check_takes(target, supplied, path)
    checked = {"_target_": target}
    for key, value in node.items():
        if key == "_target_":
            continue
        if key not in keywords and is_own(target):
            if key != supplied and (reason := why_no_key(target, key)):
                raise ConfigError(f"{path}.{key}={as_typed(value)}: {reason}")
            raise ConfigError(_not_of_ones_own(path, key, value, target, sorted(keywords)))
        if not keywords:
            raise ConfigError(
                f"{path}.{key}={as_typed(value)}: {target} takes no keys; "
                f"name another {path}._target_"
            )
        if key not in keywords:
            known = [f"{path}.{name}" for name in keywords]
            raise _unknown_key(f"{path}.{key}", value, known)
        checked[key] = validate_value(value, keywords[key], f"{path}.{key}")
    for key in keywords:
        if key in required_keywords(target) and key not in checked:
            raise ConfigError(f"{path}.{key}: missing; give {path}.{key}=VALUE")
    return checked
