"""Whether the source on the disk is still that of the code that runs here."""

import hashlib
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

from titn.system.errors import ConfigError

# File -> what had imported it when it was first read here, and the digest of what was read.
_read: dict[Path, tuple[ModuleSpec | None, bytes]] = {}


def check_unchanged(module: str, file: Path, source: bytes) -> None:
    """ConfigError if a module runs here that was changed since its source was first read.

    A digest of the new source would call a record its own that the old code has made. A module that
    was not imported then, or was imported anew since, may have changed.
    """
    spec = getattr(sys.modules.get(module), "__spec__", None)
    imported = spec if spec is not None and spec.origin == str(file) else None
    found = imported, hashlib.sha256(source).digest()
    before = _read.setdefault(file, found)
    if before == found:
        return
    if imported is not None and before[0] is imported:
        raise ConfigError(
            f"{file}: has changed since this process read it, and runs here as it was; give the "
            "command again"
        )
    _read[file] = found
