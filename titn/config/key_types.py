"""What a key of the command line takes, before anything is composed."""

from typing import Any

from titn.config.compose import nodes_of
from titn.config.keys import GROUPS, SCALARS, SWITCHES
from titn.config.schema import configurable_keywords, validate_value
from titn.system.errors import ConfigError


def annotation_of(key: str) -> Any:
    """The annotation of a key, or of its namesake in the first choice that has one; None if none.

    key: as run_dir, model.depth or teacher.model.depth.
    """
    group, _, name = key.removeprefix("teacher.").rpartition(".")
    if not group:
        return (SCALARS | SWITCHES).get(name)
    for node in nodes_of(group).values() if group in GROUPS else ():
        if name in node and "_target_" in node:
            return configurable_keywords(node["_target_"], group).get(name)
    return None


def takes(key: str, value: Any) -> bool:
    """Whether a value is one that a key takes."""
    annotation = annotation_of(key)
    if annotation is None:
        return False
    try:
        validate_value(value, annotation, key)
    except ConfigError:
        return False
    return True
