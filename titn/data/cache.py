"""Decoded arrays, kept between runs."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from titn.data.paths import is_file
from titn.system import tensor_files
from titn.system.errors import error_text, first_line
from titn.system.files import cache_dir, remove_leftovers
from titn.system.text import printable

Arrays = tuple[dict[str, Tensor], dict]

# What a killed process was writing; by then nobody still is.
LEFTOVER_SECS = 86_400.0


def cached_arrays(stamp: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays and the JSON facts that `make` returns, from the cache if they are there.

    stamp: what the arrays were made from (names, sizes and times of files). A cache that is not
    what was written is made anew; one that cannot be written is done without.
    """
    name = hashlib.sha256(stamp.encode()).hexdigest()[:32]
    # A directory of its own: nobody else's files are ever removed.
    path = cache_dir() / "decoded" / f"{name}.safetensors"
    if (found := _read(path, name)) is not None:
        return found
    tensors, facts = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, LEFTOVER_SECS)
        tensor_files.save(path, tensors, facts | {"name": name})
    except OSError as error:
        _say(f"not cached in {path.parent} ({error_text(error)}); TITN_CACHE=DIR moves it")
    return tensors, facts


def _read(path: Path, name: str) -> Arrays | None:
    """What was written under this name; None if it is not there, or no longer that."""
    try:
        if not is_file(path):
            return None
        tensors, facts = tensor_files.load(path)
    except tensor_files.DamageError as error:
        _say(f"{first_line(error)}; the images are decoded anew")
        return None
    except OSError as error:
        _say(f"{path} cannot be read ({error_text(error)}); the images are decoded anew")
        return None
    if facts.pop("name", None) != name:
        _say(f"{path} has the images of others; these are decoded anew")
        return None
    return tensors, facts


def _say(line: str) -> None:
    print(f"titn: {printable(line)}", file=sys.stderr, flush=True)
