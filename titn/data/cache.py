"""A cache of decoded arrays on disk, shared by all runs."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from titn.data.paths import is_file
from titn.system import tensor_files
from titn.system.errors import error_text, first_line
from titn.system.files import cache_dir, remove_leftovers
from titn.system.progress import say

Arrays = tuple[dict[str, Tensor], dict]

# The age from which an unfinished file is that of a killed process, and is removed.
LEFTOVER_SECS = 86_400.0


def cached_arrays(stamp: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays and the JSON facts that `make` returns, from the cache if they are there.

    stamp: stands for the contents of the files that the arrays are made from. A damaged file is
    made again. If the cache cannot be written, a line says so and the run goes on.
    """
    name = hashlib.sha256(stamp.encode()).hexdigest()[:32]
    # In a directory of its own, so that removing unfinished files touches nobody else's.
    path = cache_dir() / "decoded" / f"{name}.safetensors"
    if (found := _read(path, name)) is not None:
        return found
    tensors, facts = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, LEFTOVER_SECS)
        tensor_files.save(path, tensors, facts | {"name": name})
    except OSError as error:
        say(f"not cached in {path.parent} ({error_text(error)}); TITN_CACHE=DIR moves it")
    return tensors, facts


def _read(path: Path, name: str) -> Arrays | None:
    """The arrays that were written under this name; None if there are none, or they are damaged."""
    try:
        if not is_file(path):
            return None
        tensors, facts = tensor_files.load(path)
    except tensor_files.DamageError as error:
        say(f"{first_line(error)}; the images are decoded again")
        return None
    except OSError as error:
        say(f"{path} cannot be read ({error_text(error)}); the images are decoded again")
        return None
    if facts.pop("name", None) != name:
        say(f"{path} has the images of others; these are decoded again")
        return None
    return tensors, facts
