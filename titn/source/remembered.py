"""What a process has read of source, remembered until it is told to look again.

A command reads all source once. A notebook outlives the edits of a user's own modules.
"""

from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_forget: list[Callable[[], None]] = []


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """`functools.cache` for what depends on source: `forget_source` empties it."""
    cached = cache(function)
    _forget.append(cached.cache_clear)
    return cached  # type: ignore[return-value]


def forget_source() -> None:
    """Let all source be read anew. What has been edited and runs as it was is refused then."""
    for forget in _forget:
        forget()
