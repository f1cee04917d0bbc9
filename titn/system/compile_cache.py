"""What PyTorch needs to be imported: a place for what it compiles, and the name of the user."""

import atexit
import getpass
import os
import shutil
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

CACHE = "TORCHINDUCTOR_CACHE_DIR"
OF_ONE_COMMAND = "titn-compiled-"


def ensure_compile_cache(environment: MutableMapping[str, str] = os.environ) -> None:
    """If PyTorch's place cannot be written, take one for this command; before torch is imported.

    The processes of a sweep find it in the environment.
    """
    try:
        place = Path(environment.get(CACHE) or _default())
        if _can_be_made(place):
            return
        other = tempfile.mkdtemp(prefix=OF_ONE_COMMAND)
    except FileNotFoundError:  # no directory at all for temporary files
        return
    environment[CACHE] = other
    atexit.register(shutil.rmtree, other, ignore_errors=True)


def _default() -> str:
    """The place that PyTorch takes by itself."""
    return os.path.join(tempfile.gettempdir(), f"torchinductor_{getpass.getuser()}")


def ensure_user_name() -> None:
    """A name for a user whom the system does not know, as a container's may be.

    PyTorch before 2.13 asks for one when it is imported.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):  # the last is Windows'
        os.environ["LOGNAME"] = f"uid_{os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _can_be_made(place: Path) -> bool:
    """Whether it is a directory that can be written, or can become one."""
    there = next(path for path in (place, *place.absolute().parents) if os.path.lexists(path))
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def is_of_one_command(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Whether what is compiled is gone at the end of the command."""
    return OF_ONE_COMMAND in environment.get(CACHE, "")
