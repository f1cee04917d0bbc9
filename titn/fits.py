"""What has to fit what, in sentences: a patch the image, heads their width, a loss a teacher.

No torch here: constructors call these functions, and so does `titn.checks`, before torch is
loaded. ValueErrors begin with the keyword and its value, ConfigErrors with the whole key; both end
with the remedy.
"""

import re
from pathlib import Path

from titn.errors import ConfigError

IMAGENET = "imagenet"

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
        fits = [size for size in range(1, min(whole, most) + 1) if whole % size == 0]
        raise ValueError(
            f"{part_name}={part}: does not divide {whole_name} {whole}; choose one of {fits}"
        )


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


def check_num_classes(num_classes: int | None, there: int, dataset: str) -> None:
    """ValueError if more classes are to be kept than there are."""
    if num_classes is not None and num_classes > there:
        raise ValueError(f"num_classes={num_classes}: {dataset} has {there}; choose fewer")


def check_taught(needs_teacher: bool, has_teacher: bool, loss: str) -> None:
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


def weights_file(path: Path, key: str = "checkpoint") -> Path:
    """The file that holds the weights: a run directory's, or `path`; ConfigError without one.

    key: what the user calls the path.
    """
    file = path / "weights.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"{key}={path}: there is no such file; give a run directory or file")
    return file
