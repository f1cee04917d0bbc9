"""Tensors on disk: atomic when written, verified when read. Nothing here is ever unpickled."""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


class CheckpointError(ValueError):
    """The file is not what was written."""


def save(path: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write named tensors and JSON facts, with a checksum of both, in one atomic step."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(facts)
    header = {"facts": text, "crc32": str(_checksum(tensors, text))}
    temporary = path.with_name(path.name + ".tmp")
    temporary.touch()
    permissions = temporary.stat().st_mode
    save_file(tensors, temporary, header)
    temporary.chmod(permissions)  # safetensors makes files that nobody else can read
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load(path: Path, device: torch.device | str = "cpu") -> tuple[dict[str, Tensor], dict]:
    """Tensors and facts; CheckpointError if they are not those that were saved."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a safetensors file ({error})") from None
    text = header.get("facts", "{}")
    if "crc32" in header and int(header["crc32"]) != _checksum(tensors, text):
        raise CheckpointError(f"{path} has changed since it was written")
    return {name: tensor.to(device) for name, tensor in tensors.items()}, json.loads(text)


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


def _checksum(tensors: dict[str, Tensor], text: str) -> int:
    crc = zlib.crc32(text.encode())
    for name in sorted(tensors):
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32(tensors[name].flatten().view(torch.uint8).numpy().data, crc)
    return crc
