"""Weights from files: a run's, a user's, torchvision's, timm's. Only tensors are unpickled.

`load` fills a model exactly; `load_pretrained` takes what weights of another task have in common
with it, for fine-tuning.
"""

import hashlib
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from titn.config.constraints import IMAGENET, weights_file
from titn.system import state_dicts
from titn.system.errors import ConfigError, error_text
from titn.system.progress import say
from titn.system.state_dicts import AmbiguityError
from titn.system.tensor_files import DamageError
from titn.system.text import counted, printable
from titn.training import published

# The prefix of the buffers with mean and standard deviation of the data set.
NORMALISATION = "normalise."


class MisfitError(ConfigError):
    """Weights are there, and are those of a network of other names or shapes."""


def first_weights_digest(model: nn.Module, new_layers: Iterable[str] = ()) -> str:
    """SHA-256 of the tensors that `load` or `load_pretrained` has filled a model with.

    In whatever files they lay, equal tensors are equal weights. new_layers: those that were not
    filled, as `load_pretrained` returns them; the normalisation is then the data set's too.
    """
    state, own = model.state_dict(), tuple(f"{layer}." for layer in new_layers)
    own += (NORMALISATION,) if own else ()
    return state_dicts.digest({name: v for name, v in state.items() if not name.startswith(own)})


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
    wanted = model.state_dict()
    state = _own_names(read(path, key), model, f"{key}={path}", said=True)
    # Weights from elsewhere have no normalisation; the model then keeps that of its data set.
    state = {n: value for n, value in wanted.items() if n.startswith(NORMALISATION)} | state
    if mismatch := _mismatch(state, wanted, _new_layers(model)):
        raise MisfitError(printable(f"{key}={path}: does not fit the model: {mismatch}"))
    if mismatch := _unusable(state, wanted):
        raise ConfigError(printable(f"{key}={path}: does not fit the model: {mismatch}"))
    model.load_state_dict(state)


def load_pretrained(model: nn.Module, weights: str) -> tuple[str, ...]:
    """Load the weights of the same network for another task; the layers that they did not have.

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
    if weights == IMAGENET:
        published.check_digest(path, file_digest(path, "weights"))
    state = _own_names(read(path, "weights"), model, f"weights={weights}", said=True)
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
        raise MisfitError(printable(f"weights={weights}: are of another network: {mismatch}"))
    if mismatch := _unusable(state, wanted):
        raise ConfigError(printable(f"weights={weights}: do not fit the model: {mismatch}"))
    model.load_state_dict(state)
    new = sorted({name.rpartition(".")[0] for name in kept} - {NORMALISATION[:-1]})
    return tuple(new)


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


def fits(model: nn.Module, state: dict[str, Tensor], key: str) -> bool:
    """Whether weights have the names and shapes of a model, which may be on the meta device.

    key: "checkpoint", for all weights, or "weights", for those that another task has in common.
    """
    wanted = model.state_dict()
    state = _own_names(state, model, key)
    kept = (*(_new_layers(model) if key == "weights" else ()), NORMALISATION)
    state, wanted = (
        {name: value for name, value in of.items() if not name.startswith(kept)}
        for of in (state, wanted)
    )
    return _mismatch(state, wanted) is None


def read(path: Path, key: str) -> dict[str, Tensor]:
    """The tensors of a file or a run's directory by name, on the CPU; ConfigError without any."""
    file = weights_file(path, key)
    try:
        return state_dicts.read(file, own=path.is_dir())
    except (OSError, DamageError) as error:
        raise _unreadable(file, key, error_text(error)) from None


def _unreadable(file: Path, key: str, reason: str) -> ConfigError:
    return ConfigError(
        printable(
            f"{key}={file}: cannot be read as weights ({reason}); "
            "give a .safetensors file or a state dict saved by torch.save"
        )
    )


def _own_names(
    state: dict[str, Tensor], model: nn.Module, place: str, said: bool = False
) -> dict[str, Tensor]:
    """The tensors by the model's own names: out of a wrapper, and a CNN's behind "net.".

    place: what messages call the file. said: whether a line says what they were wrapped in.
    """
    wanted = model.state_dict()
    names: list[Collection[str]] = [wanted.keys()]
    if hasattr(model, "net"):  # as torchvision names them
        names.append({name.removeprefix("net.") for name in wanted})
    try:
        found = state_dicts.unwrap(state, *names)
    except AmbiguityError as error:
        raise ConfigError(
            printable(f"{place}: {error}; save one of them in a file of its own")
        ) from None
    if said and found.prefix:
        others = f", {counted(found.others, 'other tensor')} left out" if found.others else ""
        _say_once(printable(f"{place}: the weights are those under {found.prefix[:-1]}{others}"))
    if not hasattr(model, "net"):
        return found.tensors
    ours = ("net.", NORMALISATION)
    return {
        name if name.startswith(ours) else f"net.{name}": value
        for name, value in found.tensors.items()
    }


@cache
def _say_once(line: str) -> None:
    """A cell's weights are loaded to check it, and again to train it."""
    say(line)


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
        return f"it has no {missing[0]}, but {_some(state)}"
    if extra := sorted(set(state) - set(wanted)):
        return f"it has {extra[0]}, the model has not"
    differing = [name for name, value in wanted.items() if state[name].shape != value.shape]
    if not differing:
        return None
    theirs, ours = (of[differing[0]].shape for of in (state, wanted))
    if all(name.startswith(heads) for name in differing) and theirs[1:] == ours[1:]:
        return f"it knows {theirs[0]} classes, the data set has {ours[0]}"
    return f"{differing[0]} is {tuple(theirs)}, the model's {tuple(ours)}"


def _some(names: Collection[str]) -> str:
    """The first of a file's names, in the file's order."""
    theirs = [name for name in names if not name.startswith(NORMALISATION)]
    return ", ".join([*theirs[:3], *(["..."] if len(theirs) > 3 else [])]) or "no other"


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
