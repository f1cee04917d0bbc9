"""State dicts in files that anyone may have written, whatever they are wrapped in.

Only tensors and plain containers are unpickled.
"""

import argparse
import hashlib
import pickle
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from titn.system import tensor_files
from titn.system.errors import first_line
from titn.system.tensor_files import DamageError

# What torch.compile, FSDP and activation checkpointing put into the names of weights.
INSERTED = frozenset(("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"))
# Of a dict within a dict within ... nobody saves more.
MAX_DEPTH = 5


# What training scripts put beside the weights, and what runs nothing when it is unpickled: their
# arguments, and numbers of numpy's.
HARMLESS: list[Any] = [
    argparse.Namespace,
    np.dtype,
    np.float64().__reduce__()[0],
    *(type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "?")),
]


class AmbiguityError(ValueError):
    """A file has the weights of several networks, under different prefixes."""


def read(file: Path, own: bool) -> dict[str, Tensor]:
    """The tensors of a file on the CPU; those in nested dicts by their path, as "model.bias".

    own: the file is one that `tensor_files.save` has written. Raises OSError, or DamageError with
    the reason.
    """
    if own or _is_safetensors(file):
        tensors = tensor_files.load(file, own)[0]
    else:
        content = _unpickle(file)
        tensors = dict(_tensors(content, "", MAX_DEPTH))
        if not tensors:
            keys = list(content) if isinstance(content, dict) else []
            there = f"but {', '.join(map(str, keys[:5]))}" if keys else f"but {_kind(content)}"
            raise DamageError(f"it holds no tensors by name, {there[:100]}")
    for name, value in tensors.items():
        if not _is_plain(value):
            raise DamageError(f"{name} is not a dense tensor on the CPU")
    return tensors


def digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and values; their order does not count."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().contiguous()
        found.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        found.update(value.flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


class Unwrapped(NamedTuple):
    """A network's tensors by its own names. prefix: what they had in front. others: the rest."""

    tensors: dict[str, Tensor]
    prefix: str
    others: int


def unwrap(tensors: dict[str, Tensor], *names: Collection[str]) -> Unwrapped:
    """The tensors without what a wrapper has put before or into their names.

    names: what the network calls its tensors; other names for all of them. A prefix is taken off
    if more than half of these are behind it, and more than are there without it; if none are
    known, the one that all tensors have. Raises AmbiguityError if as many are behind another.
    """
    for known in names:
        named = {_without_inserted(name, known): value for name, value in tensors.items()}
        behind = Counter(start for name in named for start, end in _splits(name) if end in known)
        (prefix, most), *others = behind.most_common(2) or [("", 0)]
        if 2 * most <= len(known):
            continue
        if behind[""] == most:
            return Unwrapped(named, "", 0)
        if others and others[0][1] == most:
            found = sorted((prefix[:-1], others[0][0][:-1]))
            raise AmbiguityError(f"has such weights under {found[0]} and under {found[1]}")
        return _behind(named, prefix)
    common = _common_prefix(tensors)
    is_own = any(name.startswith(common) for known in names for name in known)
    return _behind(tensors, "" if is_own else common)


def _behind(tensors: dict[str, Tensor], prefix: str) -> Unwrapped:
    inner = {name[len(prefix) :]: v for name, v in tensors.items() if name.startswith(prefix)}
    return Unwrapped(inner, prefix, len(tensors) - len(inner))


def _common_prefix(names: Collection[str]) -> str:
    starts = [{start for start, _ in _splits(name)} for name in names]
    return max(set.intersection(*starts), key=len) if starts else ""


def _is_safetensors(file: Path) -> bool:
    """Whether a file begins as safetensors do, or has their name and does not begin as others."""
    with open(file, "rb") as content:
        start = content.read(9)
    others = (b"PK", b"\x80")  # of zip archives and pickles
    return start[8:] == b"{" or (file.suffix == ".safetensors" and not start.startswith(others))


def _kind(content: Any) -> str:
    return f"a {type(content).__name__}"


def _without_inserted(name: str, known: Collection[str]) -> str:
    if name in known:
        return name
    return ".".join(part for part in name.split(".") if part not in INSERTED)


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """All that may be a prefix of a name, and what is behind it."""
    parts = name.split(".")
    for count in range(len(parts)):
        yield "".join(f"{part}." for part in parts[:count]), ".".join(parts[count:])


def _tensors(content: Any, path: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    """The tensors of nested dicts; what has no name in text is an optimizer's, and left out."""
    if not isinstance(content, dict) or not depth:
        return
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, Tensor):
            yield path + key, value
        elif isinstance(key, str):
            yield from _tensors(value, f"{path}{key}.", depth - 1)


def _unpickle(file: Path) -> Any:
    """What is in a file of `torch.save`; DamageError if it is more than plain containers."""
    _check_archive(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to the caller of torch.load
            # Opened here: by its name torch takes a file for something else.
            with torch.serialization.safe_globals(HARMLESS), open(file, "rb") as opened:
                return torch.load(opened, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except pickle.UnpicklingError as error:
        raise DamageError(_refusal(str(error))) from None
    except Exception as error:
        # The unpickler raises anything on a damaged file; torch's own messages are passed on.
        if not isinstance(error, RuntimeError) or first_line(error).startswith("[enforce fail"):
            raise DamageError("it was not written by torch.save") from None
        raise DamageError(first_line(error).partition(". ")[0][:120]) from None


def _refusal(said: str) -> str:
    """What the unpickler found that is no tensor, and could run code."""
    found = re.search(r"GLOBAL ([\w.]+) was not an allowed global", said)
    if found is None:
        return "it holds, or is, more than tensors"
    return f"it holds a {found[1]}, and such objects can run code: save the state_dict() alone"


def _check_archive(file: Path) -> None:
    """DamageError if a part of a file differs from its checksum, which torch does not compare.

    Files from before torch 1.6 are not zip archives and have no checksums.
    """
    packed, changed = False, None
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                packed = any(part.compress_type for part in archive.infolist())
                changed = None if packed else archive.testzip()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError):
        raise DamageError("its archive is damaged") from None
    if packed:
        raise DamageError("it is compressed, as torch.save writes none")
    if changed:
        raise DamageError(f"{changed} in it has changed since it was written")


def _is_plain(value: Tensor) -> bool:
    return (
        not value.is_nested
        and value.layout == torch.strided
        and not value.is_quantized
        and value.device.type == "cpu"
    )
