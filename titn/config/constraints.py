"""What has to fit what, in sentences: a patch the image, heads their width, a loss a teacher.

No torch here: constructors call these functions, and so does `titn.config.checks`, before torch is
loaded. ValueErrors begin with the keyword and its value, ConfigErrors with the whole key; both end
with the remedy.
"""

import importlib.util
import re
from math import isqrt
from pathlib import Path

import psutil

from titn.config.annotations import MOST_BLOCKS
from titn.system.errors import ConfigError
from titn.system.text import printable

IMAGENET = "imagenet"
# The weights of a network with model.pretrained=true, unless a file is given.
PRETRAINED = "pretrained"

# Augmentations that take one channel or three.
OF_COLOURS = (
    "titn.data.views.AffineJitter",
    "titn.data.policies.RandAugment",
    "titn.data.policies.TrivialAugment",
)

# Policies have an operation that looks at the 3x3 around a pixel.
POLICIES = ("titn.data.policies.RandAugment", "titn.data.policies.TrivialAugment")
LEAST_SIDE_OF_POLICIES = 3

# Mixes of each image with another one of its batch.
MIXES = ("titn.data.mixing.CutMix", "titn.data.mixing.MixUp", "titn.data.mixing.CutMixMixUp")

# More heads are not suggested, though a wider network could have them.
MOST_HEADS = 32
DEVICE_NAME = re.compile(r"auto|(cpu|cuda|mps)(:(0|[1-9][0-9]{0,2}))?")


def grid_side(whole: int, part: int, whole_name: str, part_name: str) -> int:
    """How many parts of a side fit along a whole; ValueError unless they tile it exactly."""
    _check_divides(whole, part, whole_name, part_name, most=whole)
    return whole // part


def check_heads(width: int, num_heads: int, width_name: str, heads_name: str) -> None:
    """ValueError unless the heads share the width evenly."""
    _check_divides(width, num_heads, width_name, heads_name, most=MOST_HEADS)


def _check_divides(whole: int, part: int, whole_name: str, part_name: str, most: int) -> None:
    if whole % part:
        small = [size for size in range(1, isqrt(whole) + 1) if whole % size == 0]
        fits = sorted(size for size in {*small, *(whole // size for size in small)} if size <= most)
        raise ValueError(
            f"{part_name}={part}: does not divide {whole_name} {whole}; choose one of {fits}"
        )


def check_local(path: str, name: str) -> None:
    """ValueError for a path that would become a directory which nobody means."""
    if path.startswith("$"):
        raise ValueError(
            f"{name}={path}: the shell has not filled in the variable; leave out the single "
            "quotes, or write ./$NAME for a directory of that name"
        )
    if "://" in path:
        raise ValueError(f"{name}={path}: is no path of this machine; give one")


def check_needs(wanted: bool, needed: float, wanted_name: str, needed_name: str) -> None:
    """ValueError if something is switched on while what it works on is 0."""
    if wanted and not needed:
        raise ValueError(f"{wanted_name}=true: needs {needed_name} above 0")


def check_image_size(size: int, smallest: int, network: str) -> None:
    """ValueError if images are too small for a network's poolings."""
    if size < smallest:
        raise ValueError(
            f"_target_={network}: needs images of {smallest}x{smallest} or more, these are "
            f"{size}x{size}; set dataset.image_size={smallest}"
        )


def check_blocks(depth: int, inner_depth: int) -> None:
    """ValueError for a network of more blocks than anyone has trained."""
    if depth * inner_depth > MOST_BLOCKS:
        key = "depth" if depth >= inner_depth else "inner_depth"
        raise ValueError(
            f"{key}={max(depth, inner_depth)}: makes {depth * inner_depth} blocks; "
            f"{MOST_BLOCKS} are the most"
        )


def check_conv_mlp(conv_mlp: bool, depth: int) -> None:
    """ValueError if `conv_mlp` changes nothing.

    The last layer, whose patches nobody reads, has none.
    """
    if conv_mlp and depth == 1:
        raise ValueError(
            "conv_mlp=true: all layers but the last have it, so that of one layer none has; give "
            "depth=2 or more"
        )


def check_several_patches(model: dict, size: int) -> None:
    """ValueError if parts of a transformer look at other patches, and there is one.

    model: the node. size: of the images. Two tokens that do not attend to themselves have one other
    each, whatever they learn.
    """
    if model.get("patch_size") != size:
        return
    remedy = f"take a patch_size below the image's size {size}, or set it to false"
    if model.get("conv_mlp"):
        raise ValueError(f"conv_mlp=true: looks at other patches, and there is one; {remedy}")
    if model.get("local_attention") and not model.get("distillation_token"):
        raise ValueError(
            "local_attention=true: a token looks at all others, and with one patch there is one "
            f"other; {remedy}"
        )


def check_drop_path(model: dict) -> None:
    """ValueError for stochastic depth in a network of one layer. model: the node."""
    if model.get("drop_path") and model.get("depth") == 1:
        raise ValueError(
            f"drop_path={model['drop_path']}: is the rate of the last layer, grows to it from 0 at "
            "the first, and there is one layer; give depth 2 or more, or set drop_path=0"
        )


def check_residual(model: dict) -> None:
    """ValueError for residuals in groups of one convolution. model: the node."""
    if model.get("residual") and model.get("depth") == 1:
        raise ValueError(
            "residual=true: goes around the last convolution of a group but its first, and there "
            "is one; give depth 2 or more, or set residual=false"
        )


def check_padding(padding: int, size: int) -> None:
    """ValueError if crops of a padded image could miss it."""
    if padding > size:
        raise ValueError(
            f"padding={padding}: is more than the image's size {size}; choose no more than that"
        )


def check_accumulate(num_parts: int, batch_size: int) -> None:
    """ValueError for more micro-batches than a batch has images."""
    if num_parts > batch_size:
        raise ValueError(
            f"accumulate={num_parts}: a batch of {batch_size} images cannot be cut into so many; "
            f"give {batch_size} or less, or a larger batch_size"
        )


def check_patience(patience: int | None, split: str | None, eval_every: int, prefix: str) -> None:
    """ValueError for a run that would be ended by its test images, or by epochs it does not see.

    split: which images are evaluated. prefix: of the run's keys on the command line.
    """
    if patience is None:
        return
    if split is None:
        raise ValueError(
            f"patience={patience}: is about the loss on a validation split, and this data set has "
            f"none; leave {prefix}patience out"
        )
    if split != "validation":
        raise ValueError(
            f"patience={patience}: is about the loss on a validation split, and to stop by test "
            f"images is to choose on them; add dataset.split=validation, or leave {prefix}patience "
            "out"
        )
    if eval_every != 1:
        raise ValueError(
            f"patience={patience}: counts epochs, and eval_every={eval_every} evaluates some of "
            f"them; set {prefix}eval_every=1"
        )


def check_augment_channels(channels: int, augment: dict) -> None:
    """ValueError for an augmentation of colours, which knows nothing of transparency."""
    view = augment["_target_"]
    if channels == 4 and (view in OF_COLOURS or augment.get("autoaugment")):
        key = "autoaugment=true" if augment.get("autoaugment") else f"_target_={view}"
        raise ValueError(
            f"{key}: changes colours and knows no transparency, and dataset.channels=4; take "
            "augment=crop_flip, or dataset.channels=3"
        )


def check_policy_size(augment: dict, size: int) -> None:
    """ValueError for a policy of augmentations and images that are too small for its sharpness.

    augment: the node.
    """
    view = augment["_target_"]
    if size < LEAST_SIDE_OF_POLICIES and (view in POLICIES or augment.get("autoaugment")):
        key = "autoaugment=true" if augment.get("autoaugment") else f"_target_={view}"
        raise ValueError(
            f"{key}: looks at the 3x3 around each pixel, and images are {size}x{size}; take "
            "augment=crop_flip, or dataset.image_size=3 or more"
        )


def check_partners(mix: dict, batch_size: int) -> None:
    """ValueError for a mix of images with others of a batch that has one. mix: the node."""
    if batch_size == 1 and mix["_target_"] in MIXES:
        raise ValueError(
            "batch_size=1: has no other image to mix with; give 2 or more, or set mix=none"
        )


def check_memory(needed: float, key: str, of: str, lower: str) -> None:
    """ConfigError if something takes more memory than this machine has, before it is killed for it.

    needed: bytes, the least that it takes. of: what takes it. lower: the keys that make it smaller.
    """
    there = psutil.virtual_memory().total + psutil.swap_memory().total
    if needed > there:
        raise ConfigError(
            f"{key}: {of} {_gibibytes(needed)} GiB, and this machine has {_gibibytes(there)}; "
            f"lower {lower}"
        )


def _gibibytes(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:.3g}"


def check_num_classes(num_classes: int | None, there: int, dataset: str) -> None:
    """ValueError if more classes are to be kept than there are."""
    if num_classes is not None and num_classes > there:
        raise ValueError(f"num_classes={num_classes}: {dataset} has {there}; choose fewer")


def check_tracker(tracker: str) -> None:
    """ValueError if a tracker's package is not installed; it is imported when the run begins."""
    if tracker == "none":
        return
    spec = importlib.util.find_spec(tracker)
    # A directory of that name, as wandb leaves where it was at work, is no package.
    if spec is None or spec.origin is None:
        raise ValueError(f"tracker={tracker}: not installed; pip install {tracker}")


def check_has_teacher(needs_teacher: bool, has_teacher: bool, loss: str) -> None:
    """ConfigError if a loss that learns from a teacher has none."""
    if needs_teacher and not has_teacher:
        raise ConfigError(
            f"loss={loss}: needs a teacher; choose one, as teacher=vgg16_bn, or loss=supervised"
        )


def check_device_name(name: str) -> None:
    """ConfigError if no machine has a device of this name; whether this one has is torch's word."""
    if not DEVICE_NAME.fullmatch(name):
        raise ConfigError(f"device={name}: choose auto, cpu, cuda, cuda:INDEX or mps")


def check_imagenet(network: str, known: bool) -> None:
    """ConfigError for a network of which torchvision has no ImageNet weights."""
    if not known:
        raise ConfigError(
            f"weights=imagenet: torchvision has none for {network}; "
            "choose one of its networks, or give a file"
        )


def check_weights_of(weights: str, model: dict, prefix: str) -> None:
    """ConfigError if weights are asked for by the name of another library's.

    model: the node; a network of timm has the key `pretrained`.
    """
    if weights == IMAGENET and "pretrained" in model:
        raise ConfigError(
            f"weights=imagenet: are torchvision's; set {prefix}model.pretrained=true for timm's"
        )
    if weights == PRETRAINED and not model.get("pretrained"):
        remedy = f"set {prefix}model.pretrained=true" if "pretrained" in model else "give a file"
        raise ConfigError(f"weights=pretrained: is no file; {remedy}")


def weights_file(path: Path, key: str = "checkpoint") -> Path:
    """The file that holds the weights: a run directory's, or `path`; ConfigError without one.

    key: what the user calls the path. What is no file, as a pipe, is never opened.
    """
    remedy = "give a run directory or file"
    try:
        in_run = path.is_dir()
        file = path / "weights.safetensors" if in_run else path
        if file.is_file():
            return file
        there = file.exists()
    except OSError as error:
        raise ConfigError(
            printable(f"{key}={path}: cannot be read ({error.strerror}); give another path")
        ) from None
    if there:
        raise ConfigError(printable(f"{key}={file}: is not a file; {remedy}"))
    missing = f"there is no such file as {file.name} in it" if in_run else "there is no such file"
    raise ConfigError(printable(f"{key}={path}: {missing}; {remedy}"))
