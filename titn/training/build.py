"""The only place that turns configuration into objects.

Everything below takes keywords and tensors and does not know Hydra. What only a constructor can
check (a patch that does not tile the image, weights that do not fit) is a ValueError there, and
becomes a ConfigError with the whole key here.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.utils import get_object
from torch import nn

from titn.config.constraints import check_has_teacher
from titn.data.images import Dataset
from titn.data.mixing import Mix
from titn.data.streams import draw_seed
from titn.data.views import View
from titn.losses.terms import Loss, maps_read
from titn.optim.schedules import Schedule
from titn.system.errors import ConfigError, first_line
from titn.training import weights
from titn.training.hardware import is_out_of_memory
from titn.types import Features, ImageSpec

# The attributes that the rest of titn uses of an object of each group.
REQUIRED_ATTRIBUTES = {
    "model": ("has_distillation_token", "parameters"),
    "dataset": ("train", "evaluated", "spec", "digest"),
    "augment": ("draw", "apply"),
    "mix": ("mix",),
    "loss": ("needs_teacher", "hard_labels", "token_weights", "__call__"),
    "optimizer": ("param_groups", "step"),
    "schedule": ("factor",),
}


@dataclass(frozen=True)
class Parts:
    """The objects of a run that its configuration describes, on the CPU.

    new_layers: the layers that a file of first weights did not have and that were initialised.
    """

    model: nn.Module
    view: View
    mix: Mix
    loss: Loss
    schedule: Schedule
    optimizer: torch.optim.Optimizer
    new_layers: tuple[str, ...]


def dataset(run: dict) -> Dataset:
    """A run's images; ConfigError if its keys lead to none."""
    return instantiate(run, "dataset")


def parts(run: dict, spec: ImageSpec, teacher: nn.Module | None = None) -> Parts:
    """Build the objects of a run; ConfigError, with the key, for values that they do not accept.

    teacher: its network, for a loss that compares features with it; without one such a loss is not
    ready to be used.
    """
    if run["tensorboard"] and importlib.util.find_spec("tensorboard") is None:
        raise ConfigError("tensorboard=true: not installed; pip install tensorboard")
    loss = instantiate(run, "loss")
    check_has_teacher(loss.needs_teacher, run["teacher"] is not None, run["choices"]["loss"])
    model = initialise_model(run, spec)
    new_layers: tuple[str, ...] = ()
    if run["checkpoint"]:
        weights.load(model, Path(run["checkpoint"]).expanduser())
    if run["weights"]:
        new_layers = weights.load_pretrained(model, run["weights"])
    trained = model
    if teacher is not None and maps_read(loss) is not None:
        _connect(run, loss, model, teacher, spec)
        if isinstance(loss, nn.Module) and next(loss.parameters(), None) is not None:
            # In this order the last layer is the model's, which optimizers may treat apart.
            trained = nn.ModuleList([loss, model])
    optimizer = instantiate(run, "optimizer", model=trained)
    # The schedule's factor is applied to this, the name that torch's own schedulers use.
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return Parts(
        model=model,
        view=instantiate(run, "augment"),
        mix=instantiate(run, "mix"),
        loss=loss,
        schedule=instantiate(run, "schedule"),
        optimizer=optimizer,
        new_layers=new_layers,
    )


def _connect(run: dict, loss: Any, model: nn.Module, teacher: nn.Module, spec: ImageSpec) -> None:
    """Tell a loss the features that it is going to compare; what it learns begins by the seed."""
    features = []
    for owner, network in (("model", model), ("teacher", teacher)):
        whose = f"loss={run['choices']['loss']}: the {owner}, a {type(network).__name__},"
        if not getattr(network, "gives_features", False):
            raise ConfigError(f"{whose} gives no features; choose another {owner}, or loss=hard")
        try:
            features.append(features_of(network, spec, loss.num_maps))
        except ValueError as error:
            raise ConfigError(f"loss.{error}") from error
        except (ConfigError, MemoryError):
            raise
        except Exception as error:  # of a user's own network, or of one of timm's
            if is_out_of_memory(error):
                raise
            raise ConfigError(
                f"{whose} fails where it is asked for features ({type(error).__name__}: "
                f"{first_line(error)}); mend it, choose another {owner}, or loss=hard"
            ) from error
    torch.manual_seed(draw_seed("loss", run["seed"]))
    loss.connect(*features)


@torch.no_grad()
def features_of(network: nn.Module, spec: ImageSpec, num_maps: int) -> Features:
    """The features of a black image, on the CPU; the network stays in the mode that it was in."""
    was_training = network.training
    network.eval()
    image = torch.zeros(1, spec.channels, spec.size, spec.size)
    features: Features = network(image, num_maps).features
    network.train(was_training)
    return features


def initialise_model(run: dict, spec: ImageSpec) -> nn.Module:
    """A run's network before training, on the CPU.

    Its initial weights follow from the run's seed alone, whatever was built before.
    """
    torch.manual_seed(draw_seed("initialisation", run["seed"]))
    return instantiate(run, "model", images=spec)


def instantiate(run: dict, group: str, **supplied: Any) -> Any:
    """The object that a group's node describes.

    supplied: keywords that are not configuration (`images`, `model`). ConfigError, with the key, if
    the constructor refuses a value or makes something that is no object of the group.
    """
    target = run[group]["_target_"]
    keywords = {key: value for key, value in run[group].items() if key != "_target_"}
    try:
        built = get_object(target)(**keywords, **supplied)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{group}.{error}") from error
    if missing := [name for name in REQUIRED_ATTRIBUTES[group] if not hasattr(built, name)]:
        raise ConfigError(
            f"{group}._target_={target}: makes no {group}: a {type(built).__name__} has no "
            f"{missing[0]}; give it one, or name what makes a {group}"
        )
    return built
