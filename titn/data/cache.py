"""Decoded arrays, kept between runs."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import platformdirs
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

Arrays = tuple[dict[str, Tensor], dict[str, str]]


def cache_dir() -> Path:
    """$TITN_CACHE, or the user's cache directory."""
    return Path(os.environ.get("TITN_CACHE") or platformdirs.user_cache_dir("titn"))


def cached_arrays(stamp: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays and facts that `make` returns, from the cache if they were made before.

    stamp: what the arrays were made from (names, sizes and times of files). A cache that cannot
    be read is made anew; one that cannot be written is done without.
    """
    name = hashlib.sha256(stamp.encode()).hexdigest()[:32]
    path = cache_dir() / f"{name}.safetensors"
    if path.exists():
        try:
            return _read(path)
        except (SafetensorError, OSError):
            path.unlink(missing_ok=True)
    tensors, facts = make()
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, temporary, facts)
        os.replace(temporary, path)
    except OSError as error:
        print(f"titn: not cached in {path.parent} ({error.strerror}); TITN_CACHE=DIR moves it")
    return tensors, facts


def _read(path: Path) -> Arrays:
    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
