"""Parts of one's own are imported, built and tried before anything is trained.

What titn's own files make is known to do as it should; of others only the constructor's arguments
are known. A slip would otherwise end a run after its teacher was trained, or change its numbers
in silence.
"""

import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from titn.config.keys import GROUPS, is_own
from titn.data.images import Dataset, Images
from titn.losses.terms import TokenWeights, maps_read
from titn.source.code import find_module
from titn.system.errors import CellError, ConfigError, first_line
from titn.system.text import printable
from titn.training import build as building
from titn.training.build import Parts
from titn.types import Batch, ImageSpec, Output

T = TypeVar("T")

# How many random images a view and a loss are tried on: so many that a random view changes one.
NUM_IMAGES = 16
IMAGES_ARE = "titn.data.images.Images(pixels, labels) has (N, 3, s, s) uint8 and (N,) int64 tensors"
VIEW_IS = "apply(images, rows) returns images of the same shape and type"
ROWS_ARE = "draw(num_samples, rng) returns a dict of tensors, (num_samples, ...) each"
LOSS_IS = "a loss returns {'loss': TENSOR, ...}, numbers averaged over the batch"


def build_checked(run: dict, build: Callable[[dict], Dataset]) -> Dataset:
    """A run's images; ConfigError if they are none that networks take.

    build: `titn.training.build.dataset`.
    """
    target = run["dataset"]["_target_"]
    if not is_own(target):
        return build(run)
    place = f"dataset._target_={target}"
    dataset = _tried(lambda: build(run), f"{place}: makes no data set", IMAGES_ARE)
    _check_images(dataset, run["dataset"], place)
    return dataset


def _check_images(dataset: Dataset, node: dict, place: str) -> None:
    """node: of the data set's configuration, by which its networks are built again."""
    if node.get("image_size") is None:
        raise ConfigError(
            f"{place}: has no image_size, to which titn.predict resizes images; give it the "
            "argument image_size: int = 32, and its file the line image_size: 32"
        )
    if len(dataset.class_names) < 2:
        raise ConfigError(f"{place}: has one class, {dataset.class_names}; two are the least")
    for name, images in (("train", dataset.train), ("evaluated", dataset.evaluated)):
        found = _fault(images, len(dataset.class_names), node)
        if found:
            raise ConfigError(f"{place}: {name} {found}; {IMAGES_ARE}")


def _fault(images: Images, num_classes: int, node: dict) -> str | None:
    """What is wrong with a part of a data set, if anything is."""
    image_size, channels = node["image_size"], node.get("channels", 3)
    pixels, labels = getattr(images, "pixels", None), getattr(images, "labels", None)
    if not isinstance(pixels, Tensor) or not isinstance(labels, Tensor):
        return f"is a {type(images).__name__} whose pixels and labels are no tensors"
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != channels:
        return f"has pixels {tuple(pixels.shape)} {pixels.dtype}"
    if pixels.shape[2:] != (image_size, image_size):
        return f"has images of {pixels.shape[2]}x{pixels.shape[3]}, and image_size={image_size}"
    if labels.dtype != torch.int64 or labels.shape != pixels.shape[:1]:
        return f"has labels {tuple(labels.shape)} {labels.dtype} for {len(pixels)} images"
    if not len(labels):
        return "has no images"
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        return f"has labels from {low} to {high}, and {num_classes} class_names"
    return None


def import_own(run: dict) -> None:
    """ConfigError, with the key, if a module of a user's cannot be imported."""
    for group in GROUPS:
        target = run[group]["_target_"]
        if not is_own(target):
            continue
        module, _, name = target.rpartition(".")
        try:
            getattr(import_module(module), name)
        except Exception as error:
            raise ConfigError(
                f"{group}._target_={target}: cannot be imported ({_raised(error, target)}); mend "
                f"it there, or choose another {group}"
            ) from error


@contextmanager
def own_errors_named(run: dict, prefix: str) -> Iterator[None]:
    """What a user's own constructor raises becomes a ConfigError that names its key.

    run: whose objects are built in here, but for its data set. prefix: what its keys begin with.
    """
    try:
        yield
    except CellError:
        raise
    except Exception as caught:
        group = _group_in_building(caught)
        if group is None or not is_own(target := run[group]["_target_"]):
            raise
        error = caught
        if isinstance(caught, ConfigError):
            # What the constructor refuses: with the key, as titn's own do, or without it.
            refusal = caught.__cause__
            if not isinstance(refusal, Exception) or _first_word(refusal) in run[group]:
                raise
            error = refusal
        keys = [f"{prefix}{group}.{key}" for key in run[group] if not key.startswith("_")]
        other = f"give another {' or '.join(keys[:3])}" if keys else f"choose another {group}"
        raise ConfigError(
            f"{group}._target_={target}: cannot be built ({_raised(error, target)}); mend it "
            f"there, or {other}"
        ) from error


def _first_word(error: Exception) -> str:
    found = re.match(r"\w+", str(error))
    return found[0] if found else ""


def _group_in_building(error: Exception) -> str | None:
    """The group whose constructor raised an error; None if none did."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    instantiate = building.instantiate.__code__
    return next((one.f_locals["group"] for one in frames if one.f_code is instantiate), None)


def _raised(error: Exception, target: str) -> str:
    """What an error says, and in which line of the files beside a target's, if in any."""
    said = f"{type(error).__name__}: {first_line(error)[:150]}" if str(error) else repr(error)
    found = find_module(target.rpartition(".")[0])
    lines = [
        f", in line {line.lineno} of {line.filename}"
        for line in traceback.extract_tb(error.__traceback__)
        if found and found[0] and Path(line.filename).parent == found[0].parent
    ]
    return printable("".join((said, *lines[-1:])))


def check_parts(parts: Parts, run: dict, spec: ImageSpec) -> None:
    """ConfigError if the view or the loss of a run is a user's, and not one that can be used."""
    with torch.random.fork_rng([]):
        if is_own(target := run["augment"]["_target_"]):
            _check_view(parts.view, spec, f"augment._target_={target}")
        if is_own(target := run["loss"]["_target_"]):
            _check_loss(parts.loss, spec, f"loss._target_={target}")


def _check_view(view: Any, spec: ImageSpec, place: str) -> None:
    images = torch.randint(256, (NUM_IMAGES, spec.channels, spec.size, spec.size)).to(torch.uint8)

    def draw() -> Any:
        return _tried(
            lambda: view.draw(NUM_IMAGES, np.random.default_rng(0)),
            f"{place}: draw fails",
            ROWS_ARE,
        )

    def apply(rows: Any) -> Any:
        return _tried(lambda: view.apply(images.clone(), rows), f"{place}: apply fails", VIEW_IS)

    rows = draw()
    columns = list(rows.values()) if isinstance(rows, dict) else [rows]
    if not all(isinstance(one, Tensor) and one.shape[:1] == (NUM_IMAGES,) for one in columns):
        raise ConfigError(f"{place}: draw returns {_described(columns)}; {ROWS_ARE}")
    seen = apply(rows)
    if not isinstance(seen, Tensor) or (seen.shape, seen.dtype) != (images.shape, images.dtype):
        raise ConfigError(f"{place}: apply returns {_described([seen])}; {VIEW_IS}")
    # Eight times: what flips a coin for a whole batch is found in all but 1 of 256 cases.
    if not all(torch.equal(seen, apply(draw())) for _ in range(8)):
        raise ConfigError(
            f"{place}: the same numbers give another image each time, so that no run could be "
            "repeated or resumed; draw(num_samples, rng) draws all of them, from rng"
        )


def _check_loss(loss: Any, spec: ImageSpec, place: str) -> None:
    if not isinstance(loss.token_weights, TokenWeights):
        raise ConfigError(
            f"{place}: its token_weights are a {type(loss.token_weights).__name__}; give "
            "titn.losses.terms.TokenWeights(cls=0.5, dist=0.5): how much it trains each token"
        )
    if maps_read(loss) is not None:
        return  # it is connected to the features of a teacher, which may have to be trained first
    shape = (NUM_IMAGES, spec.num_classes)
    logits = torch.randn(shape, requires_grad=True)
    labels = torch.arange(NUM_IMAGES) % spec.num_classes
    images = torch.zeros(NUM_IMAGES, spec.channels, spec.size, spec.size, dtype=torch.uint8)
    batch = Batch(images, labels, labels.flip(0), 0.75)
    answer = (labels if loss.hard_labels else torch.randn(shape)) if loss.needs_teacher else None
    terms = _tried(lambda: loss(Output(logits, logits), batch, answer), f"{place}: fails", LOSS_IS)
    is_named = isinstance(terms, dict) and "loss" in terms
    values = list(terms.values()) if is_named else [terms]
    if not is_named or not all(isinstance(one, Tensor) and one.ndim == 0 for one in values):
        raise ConfigError(f"{place}: returns {_described(values)}; {LOSS_IS}")
    if not terms["loss"].requires_grad:
        raise ConfigError(
            f"{place}: its 'loss' has no gradient, so that nothing would be learned; do not detach "
            "it, and compute it of output.cls or output.dist"
        )


def _tried(attempt: Callable[[], T], said: str, remedy: str) -> T:
    """What code of a user's returns; what it raises becomes a ConfigError."""
    try:
        return attempt()
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {first_line(error)[:150]}"
        raise ConfigError(printable(f"{said} ({reason}); {remedy}")) from error


def _described(values: list[Any]) -> str:
    """What tensors are, for a message; what else there is by its type."""
    return ", ".join(
        f"{tuple(one.shape)} {one.dtype}" if isinstance(one, Tensor) else f"a {type(one).__name__}"
        for one in values[:3]
    )
