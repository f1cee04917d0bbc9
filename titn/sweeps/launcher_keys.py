"""What the keys of titn's own launchers have in common. No torch here."""

import re
from typing import Any

from titn.config.spelling import as_typed
from titn.system.errors import ConfigError

KEY = "hydra.launcher"
AUTO = "auto"

MEMORY = re.compile(r"(\d+)([KMGT]?)B?", re.IGNORECASE)
UNITS = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024**2}


def mebibytes(given: Any) -> int | None:
    """Of a memory as sbatch takes it, rounded up; None for auto."""
    if given == AUTO:
        return None
    match = MEMORY.fullmatch(str(given)) if isinstance(given, int | str) else None
    if match is None or isinstance(given, bool) or not int(match[1]):
        raise ConfigError(
            f"{KEY}.memory={as_typed(given)}: should be a number with K, M, G or T, as 8G, or auto"
        )
    return max(1, round(int(match[1]) * UNITS[match[2].upper()]))
