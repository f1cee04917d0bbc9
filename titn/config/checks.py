"""A run checked as a whole: whether its parts fit each other, and what they read is there.

No torch here, so that a bad command line is answered at once. Those who build ask the same
questions again: `titn.config.constraints` has the sentences.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from titn.config import constraints
from titn.config.annotations import CheckedBy, Divides, Needs, Shares
from titn.config.schema import (
    built_class,
    class_attribute,
    configurable_keywords,
    may_have_attribute,
)
from titn.system.errors import ConfigError

# What sentences call that which the build supplies.
NAMES_OF_SUPPLIED = {"images.size": "the image's size"}


def check_fits(run: dict, prefix: str) -> None:
    """ConfigError if the parts of a run do not fit each other, on whichever machine.

    run: its values are checked. prefix: what its keys begin with on the command line.
    """
    size = run["dataset"].get("image_size")
    for path, node in _nodes(run, prefix):
        known = node | {"images.size": size}
        for key, word in _words(path, node):
            with _named(f"{path}."):
                _check_word(word, key, known)
    model, augment = _numbers(run["model"]), _numbers(run["augment"])
    with _named(f"{prefix}model."):
        constraints.check_blocks(model.get("depth", 1), model.get("inner_depth", 1))
        constraints.check_conv_mlp(run["model"].get("conv_mlp", False), model.get("depth", 2))
    if size is not None and "padding" in augment:
        with _named(f"{prefix}augment."):
            constraints.check_padding(augment["padding"], size)
    channels = run["dataset"].get("channels", 3)
    with _named(f"{prefix}augment."):
        constraints.check_augment_channels(channels, run["augment"])
    with _named(prefix):
        constraints.check_accumulate(run["accumulate"], run["batch_size"])
        constraints.check_patience(
            run["patience"], run["dataset"].get("split"), run["eval_every"], prefix
        )
        constraints.check_device_name(run["device"])
        needs_teacher = bool(class_attribute(run["loss"]["_target_"], "needs_teacher"))
        constraints.check_has_teacher(
            needs_teacher, run["teacher"] is not None, run["choices"]["loss"]
        )
    network = run["model"]["_target_"]
    smallest = class_attribute(network, "smallest_image")
    if size is not None and smallest is not None:
        with _named(f"{prefix}model."):
            constraints.check_image_size(size, smallest, network.rpartition(".")[2])


def check_effects(run: dict, prefix: str = "") -> None:
    """ConfigError for what can be built and would change nothing, or fail in the first step.

    Of runs that are going to be made: a record may be older than a check. With their teachers.
    """
    size = run["dataset"].get("image_size")
    if size is not None:
        with _named(f"{prefix}model."):
            constraints.check_several_patches(run["model"], size)
        with _named(f"{prefix}augment."):
            constraints.check_policy_size(run["augment"], size)
    with _named(f"{prefix}model."):
        constraints.check_drop_path(run["model"])
        constraints.check_residual(run["model"])
    with _named(prefix):
        constraints.check_partners(run["mix"], run["batch_size"])
    if run["teacher"] is not None:
        check_effects(run["teacher"], f"{prefix}teacher.")


def _check_word(word: object, key: str, known: dict[str, Any]) -> None:
    """ValueError if the value of a keyword is not what a word of its annotation says."""
    match word:
        case Divides(whole) if known.get(whole) is not None:
            constraints.grid_side(
                known[whole], known[key], NAMES_OF_SUPPLIED.get(whole, whole), key
            )
        case Shares(width) if width in known:
            constraints.check_heads(known[width], known[key], width, key)
        case Needs(other) if other in known:
            constraints.check_needs(known[key], known[other], key, other)


def check_places(run: dict, prefix: str = "") -> None:
    """ConfigError if this machine has not what a run or its teacher needs: files, and memory."""
    for path, node in _nodes(run, prefix):
        for key, word in _words(path, node):
            if isinstance(word, CheckedBy):
                with _named(f"{path}."), _readable(f"{path}.{key}", node[key]):
                    _ask(word, node)
    with _named(prefix):
        _check_weights(run, prefix)
    for key in ("run_dir", "runs_dir"):
        with _readable(f"{prefix}{key}", run[key]):
            Path(run[key] or ".").exists()
        with _named(prefix):
            constraints.check_local(run[key] or "", key)
    check_memory(run, prefix)
    with _named(prefix):
        constraints.check_tracker(run["tracker"])
    if run["teacher"] is not None:
        check_places(run["teacher"], f"{prefix}teacher.")


def check_memory(run: dict, prefix: str = "") -> None:
    """ConfigError if not even one image, or the weights of a transformer, would fit into it.

    A lower bound, of float32: what else a run takes is found out by whoever builds it.
    """
    size, model = _numbers(run["dataset"]).get("image_size", 1), _numbers(run["model"])
    image = f"{prefix}dataset.image_size"
    constraints.check_memory(4 * 3 * size**2, f"{image}={size}", "an image takes", image)
    if "depth" not in model or "patch_dim" not in model:
        return
    sizes = ("depth", "patch_dim", "pixel_dim", "mlp_ratio", "patch_size")
    named = ", ".join(f"{prefix}model.{key}={model[key]}" for key in sizes if key in model)
    needed = 4 * _num_weights(model, size)
    constraints.check_memory(
        needed, f"{prefix}model", "its weights take", f"{named} or {image}={size}"
    )


def _num_weights(model: dict[str, Any], size: int) -> float:
    """The most of what a transformer learns: matrices of its blocks, positions, patch residuals."""
    depth, width, inner = model["depth"], model["patch_dim"], model.get("pixel_dim", 0)
    patch, pixel = model.get("patch_size", size), model.get("pixel_size", 0)
    # Of each block: q, k and v, their projection, and the two layers of the MLP.
    of_a_block = (4 + 2 * model.get("mlp_ratio", 0)) * (width**2 + inner**2)
    residual = (patch // pixel) ** 2 * inner * width if pixel else 0
    return depth * (of_a_block + residual) + (size // patch) ** 2 * width


def _numbers(node: dict) -> dict[str, Any]:
    return {key: value for key, value in node.items() if isinstance(value, int | float)}


def _ask(word: CheckedBy, node: dict) -> None:
    module, _, function = word.function.rpartition(".")
    keywords = {key: value for key, value in node.items() if key != "_target_"}
    getattr(import_module(module), function)(**keywords)


def _check_weights(run: dict, prefix: str) -> None:
    for key in ("checkpoint", "weights"):
        named = key == "weights" and run[key] in (constraints.IMAGENET, constraints.PRETRAINED)
        if run[key] and not named:
            constraints.weights_file(Path(run[key]), key)
    if run["weights"]:
        constraints.check_weights_of(run["weights"], run["model"], prefix)
    network = built_class(run["model"]["_target_"])
    if run["weights"] == constraints.IMAGENET and network is not None:
        constraints.check_imagenet(network.name, may_have_attribute(network, "imagenet"))


def _nodes(run: dict, prefix: str) -> Iterator[tuple[str, dict]]:
    """The groups of a run, without its teacher's, and their paths."""
    for group, node in run.items():
        if isinstance(node, dict) and "_target_" in node:
            yield prefix + group, node


def _words(path: str, node: dict) -> Iterator[tuple[str, object]]:
    """The keywords of a node, each with every word that its annotation adds to its type."""
    for key, annotation in configurable_keywords(node["_target_"], path).items():
        if key in node:
            for word in getattr(annotation, "__metadata__", ()):
                yield key, word


@contextmanager
def _readable(key: str, value: str) -> Iterator[None]:
    """What the system says of a path that a user names: too long, no permission."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{key}={value}: cannot be read ({error.strerror}); give another path"
        ) from None


@contextmanager
def _named(prefix: str) -> Iterator[None]:
    """What is raised in here names its key in full."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{prefix}{error}") from None
