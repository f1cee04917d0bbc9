"""What overrides compose to, outside of Hydra's own main, and what there is to choose from."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.initialize import get_gh_backup, restore_gh_from_backup
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from titn.config.keys import GROUPS
from titn.config.overrides import override_key
from titn.config.paths import conf_dir, config_root
from titn.config.plugins import load_plugins

TEACHER = "teacher=vgg16_bn"


def compose_config(overrides: list[str], hydra_node: bool = False) -> DictConfig:
    """Compose overrides, also while Hydra is at work on others. Raises what Hydra raises.

    hydra_node: whether Hydra's own settings stay in it.
    """
    load_plugins()
    at_work = get_gh_backup()
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(conf_dir(), version_base="1.3"):
            return compose("config", overrides, return_hydra_config=hydra_node)
    finally:
        restore_gh_from_backup(at_work)


def compose_with_choices(overrides: list[str]) -> tuple[DictConfig, dict[str, str]]:
    """What `compose_config` returns, and the file that each group was composed from."""
    composed = compose_config(overrides, hydra_node=True)
    choices = dict(composed.hydra.runtime.choices)
    with open_dict(composed):
        del composed["hydra"]
    return composed, choices


def choices_of(group: str) -> list[str]:
    """The names of a group's files."""
    return choices_in([Path(conf_dir()), config_root() / "sweeps"], group)


def choices_in(roots: Sequence[Path], group: str) -> list[str]:
    """The names of a group's files in some directories."""
    files = [file for root in roots for file in (root / group).glob("*.yaml")]
    return sorted(file.stem for file in files if file.is_file())


def choices_with(group: str, key: str) -> list[str]:
    """The choices of a group that have a key."""
    return [choice for choice, node in nodes_of(group).items() if key in node]


@cache
def nodes_of(group: str) -> dict[str, dict[str, Any]]:
    """Choice -> the group's node in its file, as it is written there."""
    nodes = {}
    for file in sorted((Path(conf_dir()) / group).glob("*.yaml")):
        content = OmegaConf.to_container(OmegaConf.load(file))
        assert isinstance(content, dict)
        # A file of `_global_` has the node under the group's name.
        nodes[file.stem] = content.get(group, content)
    return nodes


def known_keys(overrides: Sequence[str] = ()) -> list[str]:
    """All group names and keys of a configuration, with a teacher.

    overrides: a command line, whose choices are taken as far as they can be.
    """
    chosen = [one for one in overrides if override_key(one) in (*GROUPS, "protocol")]
    teacher = [one for one in overrides if override_key(one) == "teacher" and "none" not in one]
    for choices in ([*chosen, *(teacher or [TEACHER])], [TEACHER]):
        try:
            composed = compose_config(choices)
            return [*GROUPS, "teacher", *_leaves(OmegaConf.to_container(composed), "")]
        except (HydraException, OmegaConfBaseException):
            continue
    raise AssertionError("the default configuration is composed")


def _leaves(node: Any, prefix: str) -> list[str]:
    leaves: list[str] = []
    for key, value in node.items():
        if isinstance(value, dict):
            leaves += _leaves(value, f"{prefix}{key}.")
        elif key[0] != "_":
            leaves.append(prefix + key)
    return leaves
