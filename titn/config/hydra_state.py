"""Hydra's state of a process, kept apart from that of a program that calls titn.

Hydra keeps its singletons (the composition at work, the plugins, the version that it behaves like)
in one dictionary. A program that uses Hydra itself finds its own there after every call.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hydra.conf  # noqa: F401  registers Hydra's own configuration in the ConfigStore
from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton

# titn's own singletons, which are made once: to look for plugins takes a tenth of a second.
_OURS: dict[type, Any] = {}
# One thread at a time, because the dictionary is the process's.
_LOCK = threading.RLock()


@contextmanager
def own_hydra() -> Iterator[None]:
    """In here Hydra's singletons are titn's; afterwards they are the caller's again."""
    with _LOCK:
        theirs = Singleton._instances
        # Modules register in the ConfigStore when they are imported, which they are once.
        Singleton._instances = {**_OURS, ConfigStore: theirs[ConfigStore]}
        try:
            yield
        finally:
            _OURS.update(Singleton._instances)
            Singleton._instances = theirs
