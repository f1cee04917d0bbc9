"""The only place that turns configuration into objects.

Everything below takes keywords and tensors and has never heard of Hydra. What only a built object
can know (a patch that does not tile the image, weights that do not fit) is a ValueError there and
becomes a ConfigError with the whole key here.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.utils import get_object
from torch import Tensor, nn

from titn.data.images import Dataset
from titn.data.mixing import Mix
from titn.data.streams import draw_seed
from titn.data.views import View
from titn.errors import ConfigError
from titn.losses.terms import Loss
from titn.optim.schedules import Schedule
from titn.outputs import ImageSpec
from titn.records import checkpoints


@dataclass(frozen=True)
class Parts:
    """The objects of a run that its configuration describes, on the CPU.

    checkpoint: SHA-256 of the file that the weights came from, if any.
    """

    model: nn.Module
    view: View
    mix: Mix
    loss: Loss
    schedule: Schedule
    optimizer: torch.optim.Optimizer
    checkpoint: str | None


def dataset(run: dict) -> Dataset:
    """A run's images; ConfigError if they are not where they were said to be."""
    return make(run, "dataset")


def parts(run: dict, spec: ImageSpec) -> Parts:
    """Build a run's objects; ConfigError for what they do not accept.

    The model is initialised from the run's seed alone, whatever was built before it.
    """
    if run["tensorboard"] and importlib.util.find_spec("tensorboard") is None:
        raise ConfigError("tensorboard=true: not installed; pip install tensorboard")
    loss = make(run, "loss")
    if loss.needs_teacher and run["teacher"] is None:
        raise ConfigError(
            f"loss={run['choices']['loss']}: needs a teacher; "
            "choose one, as teacher=vgg16_bn, or loss=supervised"
        )
    torch.manual_seed(draw_seed("initialisation", run["seed"]))
    model = make(run, "model", images=spec)
    checkpoint = None
    if run["checkpoint"]:
        path = Path(run["checkpoint"]).expanduser()
        load_weights(model, path)
        checkpoint = weights_digest(path)
    optimizer = make(run, "optimizer", model=model)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return Parts(
        model=model,
        view=make(run, "augment"),
        mix=make(run, "mix"),
        loss=loss,
        schedule=make(run, "schedule"),
        optimizer=optimizer,
        checkpoint=checkpoint,
    )


def make(run: dict, group: str, **supplied: Any) -> Any:
    """The object that a group's node describes; `supplied` is what only the build has."""
    keywords = {key: value for key, value in run[group].items() if key != "_target_"}
    try:
        return get_object(run[group]["_target_"])(**keywords, **supplied)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{group}.{error}") from error


# --- weights --------------------------------------------------------------------------------


def weights_digest(path: Path) -> str:
    """SHA-256 of the file that `load_weights` reads."""
    with open(_weights_file(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _weights_file(path: Path) -> Path:
    return path / "weights.safetensors" if path.is_dir() else path


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a run directory's, a safetensors or a PyTorch file's weights.

    Raises ConfigError if it is not there, is not one of these, or does not fit the model.
    """
    path = _weights_file(path)
    if not path.is_file():
        raise ConfigError(f"checkpoint={path}: there is no such file; give a run directory or file")
    state = _own_names(_read_weights(path), model)
    wanted = model.state_dict()
    # Weights from elsewhere bring no normalisation; the model keeps that of its data set.
    state = {name: value for name, value in wanted.items() if name[:10] == "normalise."} | state
    if misfit := _misfit(state, wanted):
        raise ConfigError(f"checkpoint={path}: does not fit the model: {misfit}")
    model.load_state_dict(state)


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return checkpoints.load(path)[0]
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"checkpoint={path}: cannot be read as weights ({reason[:120]}); "
            "give a .safetensors file or a state dict saved by torch.save"
        ) from None
    content = content.get("state_dict", content) if isinstance(content, dict) else {}
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _own_names(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """torchvision's names of a CNN's weights, as found in files from elsewhere, are our `net`'s."""
    ours = model.state_dict().keys()
    return {f"net.{name}" if f"net.{name}" in ours else name: state[name] for name in state}


def _misfit(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> str | None:
    for name, value in wanted.items():
        if name not in state:
            return f"it has no {name}"
        if state[name].shape != value.shape:
            return f"{name} is {tuple(state[name].shape)}, the model's {tuple(value.shape)}"
    extra = sorted(set(state) - set(wanted))
    return f"it has {extra[0]}, the model has not" if extra else None
