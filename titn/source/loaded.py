"""Whether the source on the disk is still that of the code that runs here."""

import hashlib
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NamedTuple

from titn.source.summary import Summary
from titn.system.errors import CellError


class Seen(NamedTuple):
    """A file when it was first read. spec: of the module that had been imported from it, if any."""

    spec: ModuleSpec | None
    source: bytes
    summary: Summary


class SourceChangedError(CellError):
    """Neither the configuration nor the cell is to blame: this process is of older code."""


_seen: dict[Path, Seen] = {}


def check_unchanged(module: str, file: Path, source: bytes, summary: Summary) -> None:
    """SourceChangedError if a module runs here that was changed since its source was first read.

    A digest of the new source would call a record its own that the old code has made. A module that
    was not imported then, or was imported anew since, may have changed; and so may what is no part
    of a digest, as comments. summary: of the source.
    """
    spec = getattr(sys.modules.get(module), "__spec__", None)
    imported = spec if spec is not None and spec.origin == str(file) else None
    now = Seen(imported, hashlib.sha256(source).digest(), summary)
    before = _seen.setdefault(file, now)
    if before.source == now.source and before.spec is imported:
        return
    if imported is None or before.spec is not imported:
        _seen[file] = now
    elif before.summary != summary:
        raise SourceChangedError(
            f"{file}: has changed since this process read it, and runs here as it was; give the "
            "command again, or in Python reload the module or begin anew"
        )
