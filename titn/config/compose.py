"""What overrides compose to, outside of Hydra's own main, and what there is to choose from."""

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.initialize import get_gh_backup, restore_gh_from_backup
from omegaconf import DictConfig, OmegaConf

from titn.config.keys import GROUPS
from titn.config.paths import conf_dir, config_root


def compose_config(overrides: list[str]) -> DictConfig:
    """Compose overrides, also while Hydra is at work on others. Raises what Hydra raises."""
    at_work = get_gh_backup()
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(conf_dir(), version_base="1.3"):
            return compose("config", overrides)
    finally:
        restore_gh_from_backup(at_work)


def choices_of(group: str) -> list[str]:
    """The names of a group's files."""
    roots = (Path(conf_dir()), config_root() / "sweeps")
    return sorted(file.stem for root in roots for file in (root / group).glob("*.yaml"))


def choices_with(group: str, key: str) -> list[str]:
    """The choices of a group that have a key."""
    files = sorted((Path(conf_dir()) / group).glob("*.yaml"))
    return [file.stem for file in files if key in OmegaConf.load(file)]


def known_keys() -> list[str]:
    """All group names and keys of the default configuration, with a teacher."""
    composed = compose_config(["teacher=vgg16_bn"])
    return [*GROUPS, "teacher", *_leaves(OmegaConf.to_container(composed), "")]


def _leaves(node: Any, prefix: str) -> list[str]:
    leaves: list[str] = []
    for key, value in node.items():
        if isinstance(value, dict):
            leaves += _leaves(value, f"{prefix}{key}.")
        elif key[0] != "_":
            leaves.append(prefix + key)
    return leaves
