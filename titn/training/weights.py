"""Weights from files: a run's, a user's, torchvision's, timm's. Only tensors are unpickled.

`load` fills a model exactly; `load_pretrained` takes what weights of another task have in common
with it, for fine-tuning.
"""

import hashlib
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from titn.config.constraints import weights_file
from titn.system import tensor_files
from titn.system.errors import ConfigError, error_text, first_line
from titn.system.tensor_files import DamageError
from titn.system.text import printable
from titn.training import published

# The prefix of the buffers with mean and standard deviation of the data set.
NORMALISATION = "normalise."


def file_digest(path: Path, key: str = "checkpoint") -> str:
    """SHA-256 of the file that `load` reads; ConfigError if it cannot be read."""
    place = weights_file(path, key)
    try:
        with open(place, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(place, key, error_text(error)) from None


def load(model: nn.Module, path: Path, key: str = "checkpoint") -> None:
    """Load all weights of a model from a run directory, a safetensors or a PyTorch file.

    key: the configuration key of the path, for messages. Raises ConfigError if there is no such
    file, or it holds no weights, or they do not fit the model.
    """
    state = _with_net_prefix(_read(path, key), model)
    wanted = model.state_dict()
    # Weights from elsewhere have no normalisation; the model then keeps that of its data set.
    state = {n: value for n, value in wanted.items() if n.startswith(NORMALISATION)} | state
    if mismatch := _mismatch(state, wanted, _new_layers(model)) or _unusable(state, wanted):
        raise ConfigError(printable(f"{key}={path}: does not fit the model: {mismatch}"))
    model.load_state_dict(state)


class Pretrained(NamedTuple):
    """The SHA-256 of a file of pretrained weights, and the layers that it did not have."""

    digest: str
    new_layers: tuple[str, ...]


def load_pretrained(model: nn.Module, weights: str) -> Pretrained:
    """Load the weights of the same network for another task, for fine-tuning.

    weights: "imagenet" for torchvision's, downloaded once into torch's cache; "pretrained" for
    those that the model fetches itself (timm's); or a file or run directory with weights of the
    same network for any number of classes. The model's `new_layers` (the head, and a stem that
    torchvision's network does not have) stay as they were initialised, and so does the
    normalisation, which is that of the data set, or that which the model brings for such weights.
    A model with a method `adapt` also takes weights for other sizes of image.

    Raises ConfigError if there are no such weights, they cannot be downloaded, or they are those of
    another network.
    """
    path = published.fetch(model, weights) or Path(weights).expanduser()
    origin = file_digest(path, "weights")
    published.check_digest(weights, path, origin)
    state = _with_net_prefix(_read(path, "weights"), model)
    wanted = model.state_dict()
    new_layers = _new_layers(model)
    if hasattr(model, "adapt"):
        state, new_layers = _adapt(model, state, weights)
    kept_prefixes = (*new_layers, NORMALISATION)
    kept = {name: value for name, value in wanted.items() if name.startswith(kept_prefixes)}
    # Of the file everything else, of the model what it keeps: `_mismatch` then compares all names.
    loaded = {name: value for name, value in state.items() if not name.startswith(kept_prefixes)}
    state = loaded | kept
    if mismatch := _mismatch(state, wanted):
        raise ConfigError(printable(f"weights={weights}: are of another network: {mismatch}"))
    if mismatch := _unusable(state, wanted):
        raise ConfigError(printable(f"weights={weights}: do not fit the model: {mismatch}"))
    model.load_state_dict(state)
    new = sorted({name.rpartition(".")[0] for name in kept} - {NORMALISATION[:-1]})
    return Pretrained(origin, tuple(new))


def _adapt(
    model: Any, state: dict[str, Tensor], weights: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The weights as `model` needs them, and its new layers, as the model sees it."""
    state = {name: v for name, v in state.items() if not name.startswith(NORMALISATION)}
    try:
        return model.adapt(state)
    except Exception as error:  # whatever a library makes of weights that are not its own
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ConfigError(
            printable(f"weights={weights}: are of another network: {said[-1].strip()[:150]}")
        ) from None


def _read(path: Path, key: str) -> dict[str, Tensor]:
    """The tensors of a file by name, on the CPU."""
    file = weights_file(path, key)
    try:
        if file.suffix == ".safetensors":
            content = tensor_files.load(file, own=path.is_dir())[0]
        else:
            content = _load_state_dict(file)
    except (OSError, DamageError) as error:
        raise _unreadable(file, key, error_text(error)) from None
    for name, value in content.items():
        if not _is_plain(value):
            raise _unreadable(file, key, f"{name} is not a dense tensor on the CPU")
    return content


def _unreadable(file: Path, key: str, reason: str) -> ConfigError:
    return ConfigError(
        printable(
            f"{key}={file}: cannot be read as weights ({reason}); "
            "give a .safetensors file or a state dict saved by torch.save"
        )
    )


def _load_state_dict(file: Path) -> dict[str, Tensor]:
    """The state dict in a file of `torch.save`; DamageError with the reason if there is none.

    Only tensors and plain containers are unpickled; a file with anything else is refused.
    """
    _check_archive(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to the caller of torch.load
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except pickle.UnpicklingError:
        raise DamageError("it holds, or is, more than tensors") from None
    except Exception as error:
        # The unpickler raises anything on a damaged file; torch's own messages are passed on.
        if not isinstance(error, RuntimeError):
            raise DamageError("it was not written by torch.save") from None
        raise DamageError(first_line(error).partition(". ")[0][:120]) from None
    content = content.get("state_dict", content) if isinstance(content, dict) else {}
    named = content.items() if isinstance(content, dict) else ()
    return {name: v for name, v in named if isinstance(name, str) and isinstance(v, Tensor)}


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


def _with_net_prefix(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Put "net." before the names of a CNN's weights in files that have torchvision's names."""
    if not hasattr(model, "net"):
        return state
    ours = ("net.", NORMALISATION)
    return {
        name if name.startswith(ours) else f"net.{name}": value for name, value in state.items()
    }


def _new_layers(model: nn.Module) -> tuple[str, ...]:
    """Prefixes of the parameters that weights for another task do not have, or have for others."""
    return getattr(model, "new_layers", ("heads.",))


def _mismatch(
    state: dict[str, Tensor], wanted: dict[str, Tensor], heads: tuple[str, ...] = ()
) -> str | None:
    """How names or shapes of `state` differ from `wanted`; None if they do not.

    heads: prefixes of layers whose first axis is the number of classes, for a better message.
    """
    if missing := sorted(set(wanted) - set(state)):
        return f"it has no {missing[0]}"
    if extra := sorted(set(state) - set(wanted)):
        return f"it has {extra[0]}, the model has not"
    differing = [name for name, value in wanted.items() if state[name].shape != value.shape]
    if not differing:
        return None
    theirs, ours = (of[differing[0]].shape for of in (state, wanted))
    if all(name.startswith(heads) for name in differing) and theirs[1:] == ours[1:]:
        return f"it knows {theirs[0]} classes, the data set has {ours[0]}"
    return f"{differing[0]} is {tuple(theirs)}, the model's {tuple(ours)}"


def _unusable(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> str | None:
    """The reason why values whose names and shapes fit cannot be used; None if they can."""
    for name, ours in wanted.items():
        theirs = state[name]
        if theirs.is_complex() or theirs.is_floating_point() != ours.is_floating_point():
            return f"{name} is {theirs.dtype}, the model's {ours.dtype}"
        try:
            # In the model's type, because a finite float64 may be infinite there.
            values = theirs.to(ours.dtype)
        except RuntimeError:
            return f"{name} is {theirs.dtype}, which is not to be made {ours.dtype}"
        if not values.isfinite().all():
            return f"{name} has values that are not finite"
    return None
