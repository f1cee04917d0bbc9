"""KEY=VALUE arguments of a command that changes a run which is known already."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from hydra.errors import HydraException

from titn.system.errors import ConfigError


def parse_assignments(arguments: Sequence[str]) -> dict[str, Any]:
    """Dotted keys with their values, as Hydra reads them; ConfigError for anything else.

    >>> parse_assignments(["optimizer.lr=1e-4", "run_dir=null"])
    {'optimizer.lr': 0.0001, 'run_dir': None}
    """
    found: dict[str, Any] = {}
    for argument in arguments:
        try:
            override = OverridesParser.create().parse_override(argument)
        except HydraException:
            override = None
        if override is None or override.type != OverrideType.CHANGE or override.is_sweep_override():
            raise ConfigError(f"{argument}: is not KEY=VALUE with one value; write it so")
        found[override.key_or_group] = override.value()
    return found
