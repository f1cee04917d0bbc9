"""Weights that libraries publish, fetched once into their caches: torchvision's and timm's."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import get_model_weights

from titn.config.constraints import IMAGENET, PRETRAINED, check_imagenet
from titn.system.errors import ConfigError, first_line
from titn.system.progress import say
from titn.system.text import printable


def fetch(model: nn.Module, weights: str) -> Path | None:
    """The file with a model's published weights; None if `weights` is the name of a file.

    weights: "imagenet" for torchvision's, "pretrained" for those that the model itself can fetch.
    Raises ConfigError if there are none, or they cannot be fetched.
    """
    if weights == IMAGENET:
        return _imagenet_file(model)
    return _pretrained_file(model) if weights == PRETRAINED else None


def check_digest(path: Path, digest: str) -> None:
    """ConfigError if a file of torchvision's is not what torchvision publishes."""
    if not digest.startswith(_published_digest(path)):
        raise ConfigError(
            f"weights=imagenet: {path} is not what torchvision publishes (its SHA-256 differs); "
            "remove it, and it is fetched again"
        )


def _imagenet_file(model: nn.Module) -> Path:
    name = getattr(model, "imagenet", None)
    check_imagenet(type(model).__name__, name is not None)
    url = get_model_weights(name)["IMAGENET1K_V1"].url
    file_name = url.rpartition("/")[2]
    path = Path(torch.hub.get_dir()) / "checkpoints" / file_name
    if path.exists():
        return path
    say(f"fetching {url}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), _published_digest(path))
    except Exception as error:
        raise ConfigError(
            f"weights=imagenet: {url} could not be fetched ({first_line(error)}); "
            "fetch it elsewhere and give the file instead of imagenet"
        ) from None
    return path


def _published_digest(path: Path) -> str:
    """The first eight digits of a torchvision file's SHA-256, which its name ends in."""
    return path.stem.rpartition("-")[2]


def _pretrained_file(model: Any) -> Path:
    address = model.pretrained_address
    try:
        path = model.fetch_pretrained()
    except Exception as error:  # the clients of hubs raise anything
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        raise ConfigError(
            printable(
                f"model.pretrained=true: {address} could not be fetched "
                f"({first_line(cause)[:120]}); fetch it elsewhere and add weights=FILE, or set "
                "model.pretrained=false (teacher.weights, teacher.model.pretrained of a teacher)"
            )
        ) from None
    say(f"pretrained weights: {address}")
    return path
