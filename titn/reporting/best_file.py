"""The best configuration of a search as a file that titn.train takes with --config-dir."""

from collections.abc import Sequence
from typing import Any

import yaml

from titn.config.keys import GROUPS, SWITCHES
from titn.config.overrides import override_key
from titn.system.text import printable

# Its directory, below that of the searches' pages, which is the group that it is chosen from.
BEST = "best"
CHOSEN = (*GROUPS, "teacher", "protocol")


def best_yaml(overrides: Sequence[str], about: str) -> str:
    """Choices of groups as defaults, other overrides as keys; no devices and directories.

    about: a line for its head. What a file cannot say, such as a key that is taken away, is a line
    of its head too.
    """
    defaults, keys, left = [], dict[str, Any](), []
    for override in overrides:
        key, _, text = override.lstrip("+").partition("=")
        if override.startswith("~"):
            left.append(override)
        elif override_key(override) in SWITCHES:
            continue
        elif key.partition("@")[0] in CHOSEN or "/" in key:
            defaults.append({f"override /{key}": _value(text)})
        else:
            _set(keys, key.split("."), _value(text))
    head = ["# @package _global_", f"# {printable(about)}"]
    head += [f"# On the command line besides: {printable(one)}" for one in left]
    parts = [yaml.safe_dump({"defaults": defaults}, sort_keys=False)] if defaults else []
    parts += [yaml.safe_dump(keys, sort_keys=False)] if keys else []
    return "\n".join([*head, *parts]) if parts else "\n".join([*head, "{}", ""])


def _set(node: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        node = node.setdefault(part, {})
    node[path[-1]] = value


def _value(text: str) -> Any:
    """A value of Hydra's grammar: where YAML has no such thing, the text itself."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if isinstance(found, str):
        # 1e-4 is a number to Hydra, and a text to YAML 1.1.
        try:
            return float(found)
        except ValueError:
            return found
    return found
