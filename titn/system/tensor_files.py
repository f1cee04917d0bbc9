"""Tensors on disk: whole when written, verified when read. Nothing here is ever unpickled."""

import json
import os
import re
import zlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from titn.system.errors import first_line
from titn.system.files import replacing

# Version 1 left types and shapes out of the checksum. Versions 1 and 2 had three keys of metadata,
# which safetensors writes in random order: two equal files were not equal to the byte.
VERSION = "3"
METADATA = "titn"


class DamageError(ValueError):
    """The file is not what was written."""


def save(path: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write named tensors and JSON facts, with a checksum of both, in one atomic step.

    The same tensors and facts are the same bytes.
    Raises OSError if they do not fit on the disk, and leaves what was there.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(facts)
    header = {"facts": text, "crc32": _checksum(tensors, text, VERSION), "version": VERSION}
    with replacing(path) as temporary:
        temporary.touch()
        permissions = temporary.stat().st_mode
        try:
            save_file(tensors, temporary, {METADATA: json.dumps(header)})
        except SafetensorError as error:
            raise _system_error(error, path) from None
        temporary.chmod(permissions)  # safetensors makes files that nobody else can read


def _system_error(error: SafetensorError, path: Path) -> OSError:
    """What the system said, which safetensors repeats in a sentence of its own."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    if found is None:
        return OSError(0, str(error), str(path))
    code = int(found[1])
    return OSError(code, os.strerror(code), str(path))


def load(path: Path, own: bool = True) -> tuple[dict[str, Tensor], dict]:
    """Tensors and facts, on the CPU; DamageError if they are not those that were saved.

    own: the file is one that `save` has written. Of others there is no checksum to compare.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, OverflowError, RuntimeError) as error:
        raise DamageError(f"{path} is not a safetensors file ({first_line(error)})") from None
    if not own and not {METADATA, "crc32"} & set(metadata):
        return tensors, {}
    try:
        header = json.loads(metadata[METADATA]) if METADATA in metadata else metadata
        text = header["facts"]
        checksum = _checksum(tensors, text, header.get("version", "1"))
        if int(header["crc32"]) == checksum:
            return tensors, json.loads(text)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise DamageError(f"{path} has changed since it was written")


def flatten(tree: dict) -> tuple[dict[str, Tensor], dict]:
    """Take the tensors out of nested dicts and lists: by path, and the rest, fit for JSON."""
    tensors: dict[str, Tensor] = {}

    def walk(node: Any, path: str) -> dict:
        if isinstance(node, Tensor):
            tensors[path] = node
            return {"tensor": path}
        if isinstance(node, dict):
            return {"dict": [[key, walk(child, f"{path}.{key}")] for key, child in node.items()]}
        if isinstance(node, list | tuple):
            return {"list": [walk(child, f"{path}.{i}") for i, child in enumerate(node)]}
        return {"value": node}

    return tensors, walk(tree, "")


def unflatten(rest: dict, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `flatten`; tuples come back as lists."""
    ((kind, content),) = rest.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: unflatten(child, tensors) for key, child in content}
    if kind == "list":
        return [unflatten(child, tensors) for child in content]
    return content


def _checksum(tensors: dict[str, Tensor], text: str, version: str) -> int:
    crc = zlib.crc32(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        layout = "" if version == "1" else f" {tensor.dtype} {tuple(tensor.shape)}"
        crc = zlib.crc32((name + layout).encode(), crc)
        crc = zlib.crc32(tensor.flatten().view(torch.uint8).numpy().data, crc)
    return crc
