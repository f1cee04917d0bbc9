"""What a process has read of source, remembered until a file of it has changed.

A command reads all source once. A notebook outlives the edits of a user's own modules.
"""

from collections.abc import Callable, Hashable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# What identifies the content of a file that was read: time of the last change, and size.
Stamp = tuple[int, int] | None

_known: list[dict[Hashable, object]] = []
_read: dict[Path, Stamp] = {}


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """`functools.cache` for what depends on source: `forget_edited` empties it.

    None, as for a module that there is not, is asked for again: it may be there by then.
    """
    known: dict[Hashable, object] = {}
    _known.append(known)

    @wraps(function)
    def recalled(*args: P.args, **kwargs: P.kwargs) -> R:
        key = (args, tuple(kwargs.items()))
        found = known.get(key)
        if found is None:
            found = known[key] = function(*args, **kwargs)
        return found  # type: ignore[return-value]

    return recalled


def read_source(file: Path) -> bytes:
    """The content of a file of source; OSError. Its time is noted first."""
    _read[file] = _stamp(file)
    return file.read_bytes()


def forget_edited() -> None:
    """If a file that was read has changed since, let all source be read anew.

    What has been edited, and runs as it was, is refused then (`titn.source.loaded`).
    """
    if any(_stamp(file) != stamp for file, stamp in _read.items()):
        forget_source()


def forget_source() -> None:
    """Let all source be read anew."""
    _read.clear()
    for known in _known:
        known.clear()


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
