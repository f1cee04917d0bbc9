"""What to set so that a network fits weights that do not fit it: it is tried, and so it works."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import isqrt
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import torch
import yaml
from torch import Tensor

from titn.config.schema import configurable_keywords
from titn.config.spelling import as_typed
from titn.records.run_dir import run_of_weights
from titn.system.errors import ConfigError
from titn.training import build, weights
from titn.types import ImageSpec

SIZES = (8, 16, 28, 32, 48, 64, 96, 112, 128, 160, 192, 224, 256, 384)
FACTORS = (1.0, 2.0, 3.0, 4.0)
# After so many seconds of trying the user looks for it better.
MAX_SECS = 8.0


def remedy(run: dict, spec: ImageSpec, prefix: str) -> str:
    """What to set instead: what the weights' own run had, or else the one key that helps.

    run: whose first weights do not fit its network. prefix: what its keys begin with.
    """
    key = "checkpoint" if run["checkpoint"] else "weights"
    path = Path(run[key])
    theirs = _differences(run, path, prefix)
    if theirs:
        return f"it was trained with {' '.join(theirs)}"
    with suppress(ConfigError):  # of what is no file, as weights=imagenet
        state = weights.read(path, key)
        started = time.monotonic()
        for override, changed, images in _changes(run, spec, prefix, _numbers(state)):
            if _fits(changed, images, state, key):
                return f"it fits with {override}"
            if time.monotonic() > started + MAX_SECS:
                break
        if key == "checkpoint" and _fits(run, spec, state, "weights"):
            return f"titn train {prefix}weights={path} takes all but the last layer, and trains on"
    return f"choose the {prefix}model that it is of, or other {key}"


def _differences(run: dict, path: Path, prefix: str) -> list[str]:
    """The overrides by which a run that wrote weights had another network than `run`."""
    directory = run_of_weights(path)
    if directory is None:
        return []
    try:
        config = directory.config()
        model, data = config["model"], config["dataset"]
        theirs = {"dataset.image_size": data["image_size"]}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return []
    if model["_target_"] != run["model"]["_target_"]:
        return [f"{prefix}model._target_={model['_target_']}"]
    if data.get("channels", 3) != run["dataset"].get("channels", 3):
        theirs["dataset.channels"] = data.get("channels", 3)
    theirs |= {f"{prefix}model.{key}": value for key, value in model.items()}
    ours = {f"{prefix}model.{key}": value for key, value in run["model"].items()}
    ours["dataset.image_size"] = run["dataset"]["image_size"]
    return [f"{key}={as_typed(value)}" for key, value in theirs.items() if ours.get(key) != value]


def _changes(
    run: dict, spec: ImageSpec, prefix: str, numbers: Sequence[int]
) -> Iterator[tuple[str, dict, ImageSpec]]:
    """One change each: its override, the run and the images with it. Small networks come first."""
    node = run["model"]
    keywords = configurable_keywords(node["_target_"], f"{prefix}model")
    for size in SIZES if "image_size" in run["dataset"] else ():
        yield f"dataset.image_size={size}", run, replace(spec, size=size)
    changes = [
        (key, value)
        for key, word in keywords.items()
        for value in _values(word, node.get(key), numbers)
        if value != node.get(key)
    ]
    for key, value in sorted(changes, key=lambda change: _size(change[1])):
        changed = run | {"model": node | {key: value}}
        yield f"{prefix}model.{key}={as_typed(value)}", changed, spec


def _values(annotation: Any, now: Any, numbers: Sequence[int]) -> Sequence[Any]:
    """Values of a keyword that may decide names or shapes."""
    words = [annotation, *get_args(annotation)]
    choices = [get_args(word) for word in words if get_origin(word) is Literal]
    if choices:
        return choices[0]
    if isinstance(now, bool):
        return (False, True)
    if isinstance(now, int):
        return numbers
    return FACTORS if now in FACTORS else ()


def _size(value: Any) -> float:
    return value if isinstance(value, int | float) else 0


def _numbers(state: dict[str, Tensor]) -> list[int]:
    """Counts that a network may have been built with: of layers, channels, pixels of a patch."""
    numbered: dict[str, set[str]] = {}
    for name in state:
        parts = name.split(".")
        for i, part in enumerate(parts):
            if part.isdecimal():
                numbered.setdefault(".".join(parts[:i]), set()).add(part)
    widths = {width for value in state.values() for width in value.shape}
    sides = {isqrt(width // channels) for width in widths for channels in (1, 3, 4)}
    found = {len(layers) for layers in numbered.values()} | widths | sides
    return sorted(number for number in found if number > 0)


def _fits(run: dict, spec: ImageSpec, state: dict[str, Tensor], key: str) -> bool:
    with suppress(Exception, SystemExit):  # whatever a constructor raises, a user's own too
        with torch.device("meta"):
            model = build.instantiate(run, "model", images=spec)
        return weights.fits(model, state, key)
    return False
