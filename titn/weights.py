"""Weights from files: a run's own, a stranger's, torchvision's. Nothing here is unpickled blindly.

`load` fills a model exactly; `start_from` takes what another task's weights have in common with
it, for fine-tuning.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights

from titn import tensor_files
from titn.errors import ConfigError, first_line
from titn.fits import IMAGENET, check_imagenet, weights_file
from titn.progress import say

# Names of the buffers with the mean and deviation of the data set.
NORMALISATION = "normalise."


def digest(path: Path) -> str:
    """SHA-256 of the file that `load` reads."""
    with open(weights_file(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(model: nn.Module, path: Path, key: str = "checkpoint") -> None:
    """Fill a model with a run directory's, a safetensors or a PyTorch file's weights.

    key: what the user calls the path. Raises ConfigError if it is not there, is not one of these,
    or does not fit the model.
    """
    state = _own_names(_read(path, key), model)
    wanted = model.state_dict()
    # Weights from elsewhere bring no normalisation; the model keeps that of its data set.
    state = {n: value for n, value in wanted.items() if n.startswith(NORMALISATION)} | state
    if misfit := _misfit(state, wanted, _own_layers(model)):
        raise ConfigError(f"{key}={path}: does not fit the model: {misfit}")
    model.load_state_dict(state)


class Start(NamedTuple):
    """Where a fine-tuned model starts: the file's SHA-256, and the layers that it did not have."""

    digest: str
    new_layers: tuple[str, ...]


def start_from(model: nn.Module, weights: str) -> Start:
    """Fill a model with weights of another task, but for its own layers.

    weights: "imagenet", torchvision's for this network, downloaded once into torch's cache; or a
    file or run directory with weights of the same network for any number of classes. The layers
    that depend on the classes, and a stem that another has not, stay as they were initialised, and
    so does the normalisation, which is that of the data set.

    Raises ConfigError if there are none, they cannot be fetched, or another network's.
    """
    path = _imagenet_file(model) if weights == IMAGENET else Path(weights).expanduser()
    state = _own_names(_read(path, "weights"), model)
    wanted = model.state_dict()
    own = (*_own_layers(model), NORMALISATION)
    kept = {name: value for name, value in wanted.items() if name.startswith(own)}
    state = {name: value for name, value in state.items() if not name.startswith(own)} | kept
    if misfit := _misfit(state, wanted):
        raise ConfigError(f"weights={weights}: are of another network: {misfit}")
    model.load_state_dict(state)
    new = sorted({name.rpartition(".")[0] for name in kept} - {NORMALISATION[:-1]})
    return Start(digest(path), tuple(new))


def _imagenet_file(model: nn.Module) -> Path:
    name = getattr(model, "imagenet", None)
    check_imagenet(type(model).__name__, name is not None)
    url = get_model_weights(name)["IMAGENET1K_V1"].url
    file_name = url.rpartition("/")[2]
    path = Path(torch.hub.get_dir()) / "checkpoints" / file_name
    if path.exists():
        return path
    # The name carries the first eight digits of the file's SHA-256.
    hash_prefix = file_name.rpartition("-")[2].partition(".")[0]
    say(f"fetching {url}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix)
    except Exception as error:
        raise ConfigError(
            f"weights=imagenet: {url} could not be fetched ({first_line(error)}); "
            "fetch it elsewhere and give the file instead of imagenet"
        ) from None
    return path


def _read(path: Path, key: str) -> dict[str, Tensor]:
    file = weights_file(path, key)
    try:
        if file.suffix == ".safetensors":
            return tensor_files.load(file, own=path.is_dir())[0]
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ConfigError(
            f"{key}={file}: cannot be read as weights ({first_line(error)[:120]}); "
            "give a .safetensors file or a state dict saved by torch.save"
        ) from None
    content = content.get("state_dict", content) if isinstance(content, dict) else {}
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _own_names(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """torchvision's names of a CNN's weights, as found in files from elsewhere, are our `net`'s."""
    if not hasattr(model, "net"):
        return state
    ours = ("net.", NORMALISATION)
    return {
        name if name.startswith(ours) else f"net.{name}": value for name, value in state.items()
    }


def _own_layers(model: nn.Module) -> tuple[str, ...]:
    """Prefixes of the parameters that depend on the number of classes, or are no other's."""
    return getattr(model, "own_layers", ("heads.",))


def _misfit(
    state: dict[str, Tensor], wanted: dict[str, Tensor], heads: tuple[str, ...] = ()
) -> str | None:
    """What keeps `state` from being `wanted`, in words; None if nothing does."""
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
