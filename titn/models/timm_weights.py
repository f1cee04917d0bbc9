"""Weights of timm's networks: fetched, and adapted to other classes, channels and sizes."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import EntryNotFoundError
from timm.models import PretrainedCfg, _builder
from torch import Tensor, nn

# Of a server that does not answer. The hub's client would try five times, for half a minute.
TIMEOUT_SECS = 10
# What the file in a repository of timm's is called; the first that is there.
FILES = ("model.safetensors", "pytorch_model.bin")


def address(published: PretrainedCfg) -> str:
    """Where the weights of a name and tag are, for people who fetch them."""
    return hf_hub_url(published.hf_hub_id, FILES[0]) if published.hf_hub_id else str(published.url)


def fetch(published: PretrainedCfg) -> Path:
    """The file with the weights of a name and tag: the one in the cache of timm, or fetched now.

    Raises what the clients raise: OSError, RuntimeError or ValueError of any kind.
    """
    if published.hf_hub_id:
        return _fetch_from_hub(published.hf_hub_id)
    url = str(published.url)
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with _connection_timeout():
            torch.hub.download_url_to_file(url, str(path), progress=False)
    return path


def _fetch_from_hub(repository: str) -> Path:
    for name in FILES:
        cached = try_to_load_from_cache(repository, name)
        if isinstance(cached, str):
            return Path(cached)
    for name in FILES[:-1]:
        try:
            # Asks once: whether the hub can be reached, and whether it has the file.
            get_hf_file_metadata(hf_hub_url(repository, name), timeout=TIMEOUT_SECS)
        except EntryNotFoundError:
            continue
        return Path(hf_hub_download(repository, name))
    return Path(hf_hub_download(repository, FILES[-1]))


@contextmanager
def _connection_timeout() -> Iterator[None]:
    """Connections that are opened in here do not wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


class Adapted(NamedTuple):
    """What timm makes of weights. unknown: those that the network has no place for."""

    state: dict[str, Tensor]
    unknown: dict[str, Tensor]


def adapt(
    state: dict[str, Tensor], published: PretrainedCfg, create: Callable[..., nn.Module]
) -> Adapted:
    """Weights of a network for other classes, channels or image sizes, as timm itself loads them.

    Position embeddings are resampled, a first convolution is summed or repeated over channels, a
    classifier of other classes is left out.

    create: makes the network anew, with further arguments of `timm.create_model`. Raises what timm
    raises of weights that are another network's.
    """
    classifiers = classifier_names(published)
    num_classes = next(
        (len(state[f"{name}.weight"]) for name in classifiers if f"{name}.weight" in state), 0
    )
    if num_classes == published.num_classes + (published.label_offset or 0):
        num_classes = published.num_classes  # the first is "background", which timm leaves out
    overlay = {"state_dict": dict(state), "num_classes": num_classes}
    with torch.random.fork_rng(devices=[]), _loading_report() as found:
        network = create(pretrained=True, pretrained_cfg_overlay=overlay)
    loaded = network.state_dict()
    return Adapted(
        {name: value for name, value in loaded.items() if name not in found.missing},
        {name: state.get(name, torch.empty(0)) for name in found.unexpected},
    )


def classifier_names(published: PretrainedCfg) -> tuple[str, ...]:
    """The layers whose weights have an axis of classes."""
    names = published.classifier or ()
    return (names,) if isinstance(names, str) else tuple(names)


class LoadingReport(NamedTuple):
    """The names that a network has and a file has not, and the other way round."""

    missing: list[str]
    unexpected: list[str]


@contextmanager
def _loading_report() -> Iterator[LoadingReport]:
    """What timm finds when it loads a state dict, which it only logs.

    All of a file that fits is loaded here; whether the rest matters is for others to say.
    """
    found = LoadingReport([], [])
    load = _builder.load_pretrained
    logger = logging.getLogger(_builder.__name__)
    level = logger.level
    logger.setLevel(logging.ERROR)  # those who call say it in their own words

    def watched(network: nn.Module, *arguments: Any, **keywords: Any) -> None:
        def note(_: nn.Module, keys: Any) -> None:
            found.missing.extend(keys.missing_keys)
            found.unexpected.extend(keys.unexpected_keys)

        hook = network.register_load_state_dict_post_hook(note)
        load(network, *arguments, **{**keywords, "strict": False})
        hook.remove()

    _builder.load_pretrained = watched  # type: ignore[assignment]
    try:
        yield found
    finally:
        _builder.load_pretrained = load
        logger.setLevel(level)
