"""What Hydra says of a command line, in one line with the key and the remedy."""

import difflib
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, OverrideParseException
from omegaconf import OmegaConf

from titn.config import FOLLOWED, GROUPS, conf_dir, config_root, resolve
from titn.errors import ConfigError, one_line


def composed(overrides: list[str]) -> dict:
    """The checked configuration of overrides, outside of Hydra's main; ConfigError if they are bad.

    Without Hydra's names of the choices, which a cell's record would carry.
    """
    try:
        with initialize_config_dir(conf_dir(), version_base="1.3"):
            content = compose("config", overrides)
    except HydraException as error:
        raise ConfigError(explain(error, overrides)) from None
    return resolve(content)


def explain(error: HydraException, arguments: list[str]) -> str:
    """Hydra's complaint about a command line, as one line with key, value and remedy.

    arguments: the command line, from which the value is taken where Hydra does not repeat it.
    """
    text = str(error)
    if text.startswith("Could not override '"):
        key = text.split("'")[1]
        return f"{_as_typed(key, arguments)}: {_no_such_key(key)}"
    if "Could not find '" in text:
        wanted = text.split("Could not find '")[1].split("'")[0]
        group, _, choice = wanted.rpartition("/")
        choices = ", ".join(choices_of(group))
        remedy = f"choose one of {choices}" if choices else "see --help"
        return f"{group}={choice}: there is no such choice; {remedy}"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read; write KEY=VALUE, in quotes if it has brackets"
    return one_line(text)


def _as_typed(key: str, arguments: list[str]) -> str:
    typed = (argument for argument in arguments if argument.lstrip("+~").startswith(f"{key}="))
    return next(typed, key)


def _no_such_key(key: str) -> str:
    """Of a key that the composed configuration does not have: mistyped, or another choice's."""
    for node, source in FOLLOWED.items():
        if key.partition("@")[2] == node or key.startswith(f"{node}."):
            return f"a teacher follows {source} there; set {key.replace(node, source)}"
    group, _, name = key.rpartition(".")
    if group in GROUPS and (owners := _choices_with(group, name)):
        return f"the chosen {group} has no such key; choose {group}={' or '.join(owners)}"
    known = _known_keys()
    if key in known:
        return "there is none without a teacher; choose one, as teacher=vgg16_bn"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else "--help lists the groups and keys"
    return f"there is no such key; {remedy}"


def choices_of(group: str) -> list[str]:
    """The names of a group's files."""
    roots = (Path(conf_dir()), config_root() / "sweeps")
    return sorted(file.stem for root in roots for file in (root / group).glob("*.yaml"))


def _choices_with(group: str, key: str) -> list[str]:
    files = sorted((Path(conf_dir()) / group).glob("*.yaml"))
    return [file.stem for file in files if key in OmegaConf.load(file)]


def _known_keys() -> list[str]:
    """All group names and keys of the default configuration, with a teacher."""
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        composed = compose("config", ["teacher=vgg16_bn"])
    return [*GROUPS, "teacher", *_leaves(OmegaConf.to_container(composed), "")]


def _leaves(node: Any, prefix: str) -> list[str]:
    leaves: list[str] = []
    for key, value in node.items():
        if isinstance(value, dict):
            leaves += _leaves(value, f"{prefix}{key}.")
        elif key[0] != "_":
            leaves.append(prefix + key)
    return leaves
