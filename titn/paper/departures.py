"""The paper's printed numbers, its protocol, and in what a run departs from it."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

PRINTED = Path(__file__).parent / "tables"

# Sections 3.5, 4.1 and 4.2, as keys of a run's configuration. What has no number in the paper
# (padding, magnitudes of MNIST's augmentation, heads, initialisation) is not here.
EVERYWHERE = {
    "batch_size": 1024,
    "optimizer._target_": "titn.optim.optimizers.sgd",
    "optimizer.lr": 0.1,
    "optimizer.momentum": 0.9,
    "optimizer.nesterov": False,
    "optimizer.weight_decay": 1e-4,
    "schedule._target_": "titn.optim.schedules.Cosine",
    "schedule.warmup_epochs": 0.0,
    "schedule.final": 0.0,
    "loss._target_": "titn.losses.distillation.HardDistillation",
    "loss.alpha": 0.5,
    "loss.scale": 1.0,
    "loss.token": "dist",
    "model.drop_path": 0.0,
    "model.inner_depth": 1,
    "teacher.model._target_": "titn.models.cnn.vgg16_bn",
    "teacher.model.stem": "imagenet",
}
CIFAR = EVERYWHERE | {
    "epochs": 600,
    "mix._target_": "titn.data.mixing.CutMix",
    "mix.alpha": 0.5,
    "mix.probability": 1.0,
    "augment._target_": "titn.data.views.CropFlip",
}
MNIST = EVERYWHERE | {
    "epochs": 350,
    "mix._target_": "titn.data.mixing.Unmixed",
    "augment._target_": "titn.data.views.AffineJitter",
}
PROTOCOL: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"cifar100": CIFAR, "cifar10": CIFAR, "mnist": MNIST}
)

# How the paper writes what configurations name.
NAMES = {
    "cifar100": "CIFAR-100",
    "cifar10": "CIFAR-10",
    "mnist": "MNIST",
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "Unmixed": "no mix",
    "HardDistillation": "hard labels",
    "SoftDistillation": "soft labels",
    "Supervised": "no distillation",
    "vgg16_bn": "VGG16-BN",
    "vgg16": "VGG-16",
    "vgg19": "VGG-19",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "wide_resnet50": "Wide ResNet-50",
    "wide_resnet28_10": "WRN-28-10",
    "densenet121": "DenseNet-121",
    "mobilenet_v3": "MobileNetV3",
    "squeezenet": "SqueezeNet",
}
# Without and with a distillation token.
STUDENTS = {"ViT": ("ViT", "DeiT"), "TITN": ("TNT", "TITN")}
CLASSES = {"cifar100": 100, "cifar10": 10, "mnist": 10, "digits": 10}
SHARES = {0.5: "half", 0.25: "a quarter", 0.2: "a fifth", 0.1: "a tenth", 0.01: "a hundredth"}

# key -> what is said of a value that is not the paper's; {} are ours and the paper's.
DIFFERS = {
    "epochs": "{} epochs instead of {}",
    "batch_size": "batches of {} instead of {}",
    "optimizer._target_": "{} instead of {}",
    "optimizer.lr": "learning rate {} instead of {}",
    "optimizer.momentum": "momentum {} instead of {}",
    "optimizer.nesterov": "Nesterov's momentum",
    "optimizer.weight_decay": "weight decay {} instead of {}",
    "schedule._target_": "{} instead of {} schedule",
    "schedule.warmup_epochs": "warm-up of {} epochs",
    "schedule.final": "a learning rate that ends at {} of itself instead of {}",
    "model.drop_path": "drop path {}",
    "model.inner_depth": "inner depth {} instead of {}",
}
MIX_DIFFERS = {
    "mix._target_": "{} instead of {}",
    "mix.alpha": "mix from Beta({0}, {0}) instead of Beta({1}, {1})",
    "mix.probability": "a mix with probability {} instead of {}",
}
LOSS_DIFFERS = {
    "loss._target_": "{} instead of {}",
    "loss.alpha": "alpha {} instead of {}",
    "loss.scale": "the loss times {}",
    "loss.token": "the class token follows the teacher",
}
TEACHER_DIFFERS = {
    "teacher.model._target_": "{} instead of {}",
    "teacher.model.stem": "the stem for 32x32 images",
}
SIZE_DIFFERS = {
    "model.patch_size": "patch size {} instead of {}",
    "model.pixel_size": "pixel size {} instead of {}",
    "model.patch_dim": "patch dimension {} instead of {}",
    "model.pixel_dim": "pixel dimension {} instead of {}",
    "model.depth": "depth {} instead of {}",
    "dataset.image_size": "images of {0}x{0} instead of {1}x{1}",
}

TEACHER = "teacher: "  # before each departure of a teacher

# augmentation -> its parts -> the keys of which one has to be above zero for the part to act.
PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "Plain": {},
    "CropFlip": {
        "random crop": ("padding",),
        "horizontal flip": ("flip",),
        "AutoAugment": ("autoaugment",),
    },
    "AffineJitter": {
        "random crop": ("padding",),
        "rotation": ("degrees",),
        "affine": ("translate", "scale", "shear"),
        "colour jitter": ("brightness", "contrast"),
    },
}


def printed(table: str) -> pd.DataFrame:
    """One of the paper's tables, a line for each row: "table1" to "table6", "figure5", "prose".

    row: our label of it. Accuracies are fractions of exactly the printed digits, under a record's
    names; gflops_batch1024 and the columns in millions (`_m`) are as printed. NaN: not printed.
    Table 6 quotes other data and other protocols: its rows are not comparable. That its last row
    is CIFAR-10 follows from table 4. "prose" has what the text says of a table's numbers: where it
    says so, and where in the table they stand.

    ValueError for a table that there is not.
    """
    return _read(table).copy()


def spoken(table: str) -> str:
    """What text calls a table: "table 3"."""
    return table.replace("table", "table ").replace("figure", "figure ")


@cache
def _read(table: str) -> pd.DataFrame:
    known = sorted(path.stem for path in PRINTED.glob("*.csv"))
    if table not in known:
        raise ValueError(f"printed={table}: the paper's tables are {', '.join(known)}")
    return pd.read_csv(PRINTED / f"{table}.csv")


def departures(config: Mapping[str, Any], dataset: str, varied: Collection[str] = ()) -> list[str]:
    """In what a run is less than the paper's protocol, or other; empty: it is the full protocol.

    config: a run's configuration, flat, with dotted keys; what is missing, None or NaN is not
    judged. dataset: what the paper's claim is about. varied: keys, or beginnings of keys, that
    the question itself varies: no departures. Of "teacher" that is whether there is one and which
    network, not how it was trained.
    """
    if dataset not in PROTOCOL:
        raise ValueError(f"dataset={dataset}: the paper has {', '.join(PROTOCOL)}")
    paper = PROTOCOL[dataset]
    chosen = ["teacher.model" if one == "teacher" else one for one in varied]
    run = {key: value for key, value in config.items() if _judged(key, value, chosen)}
    found = [
        *_data(run, dataset),
        *_different(run, _printed_sizes(run), SIZE_DIFFERS),
        *_training(run, paper),
    ]
    # Whether the teachers were trained with a mix is not said: theirs is not judged.
    if _last(config.get("model._target_")) in STUDENTS:
        found += _different(run, paper, MIX_DIFFERS)
    if _has_teacher(config):
        found += _different(run, paper, LOSS_DIFFERS)
        found += [f"{TEACHER}{departure}" for departure in _teacher(run, paper)]
    elif run.get("model.distillation_token") and not _among("teacher", varied):
        found.append("no teacher")
    return found


def in_one_line(found: Collection[str]) -> str:
    """Departures with the teacher's at the end, so that it is named once."""
    own = [said for said in found if not said.startswith(TEACHER)]
    teachers = [said.removeprefix(TEACHER) for said in found if said.startswith(TEACHER)]
    return "; ".join([*own, *([f"{TEACHER}{'; '.join(teachers)}"] if teachers else [])])


def _judged(key: str, value: Any, varied: Collection[str]) -> bool:
    return _is_given(value) and not _among(key.removeprefix("choices."), varied)


def _is_given(value: Any) -> bool:
    return not (pd.api.types.is_scalar(value) and pd.isna(value))


def _among(key: str, varied: Collection[str]) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in varied)


def _has_teacher(config: Mapping[str, Any]) -> bool:
    return any(key.startswith("teacher.") and _is_given(config[key]) for key in config)


def _data(run: Mapping[str, Any], dataset: str) -> Iterator[str]:
    name = _dataset_name(run) or dataset
    if name != dataset:
        yield f"{NAMES.get(name, name)} instead of {NAMES[dataset]}"
    classes = run.get("dataset.num_classes")
    if classes is not None and name not in CLASSES:
        yield f"the first {classes:g} classes"
    elif classes is not None and classes < CLASSES[name]:
        yield f"{classes:g} of {CLASSES[name]} classes"
    fraction = run.get("dataset.fraction", 1.0)
    if fraction < 1:
        yield f"{SHARES.get(fraction, f'{100 * fraction:g}%')} of the training data"
    if run.get("dataset.split") == "validation":
        yield "evaluated on a validation split"


def _dataset_name(run: Mapping[str, Any]) -> str | None:
    """Its own name, or what makes it; where neither is known, what its file is called."""
    if "dataset.name" in run:
        return run["dataset.name"]
    target = _last(run.get("dataset._target_"))
    if target is None:
        return run.get("choices.dataset")
    return None if target == "published" else target


def _printed_sizes(run: Mapping[str, Any]) -> dict[str, Any]:
    """Table 1's column for a run's network, as keys; of other networks only the image size."""
    table = printed("table1").set_index("row")
    size = {"dataset.image_size": table["image_size"].iloc[0]}
    target = _last(run.get("model._target_"))
    if target not in STUDENTS:
        return size
    label = STUDENTS[target][bool(run.get("model.distillation_token"))]
    large_patch = table.loc["TITN (large patch)"]
    if label == "TITN" and _equal(run.get("model.patch_size"), large_patch["patch_size"]):
        label = "TITN (large patch)"
    return size | {f"model.{key}": value for key, value in table.loc[label].items()}


def _training(run: Mapping[str, Any], paper: Mapping[str, Any]) -> Iterator[str]:
    """Where the weights begin, how they are trained and what on; of a student or a teacher."""
    if "checkpoint" in run:
        yield "weights from a checkpoint"
    if "weights" in run:
        yield "fine-tuned from other weights"
    if run.get("epochs") == 0:
        if "checkpoint" not in run:
            yield "not trained"
        return
    yield from _different(run, paper, DIFFERS)
    yield from _augmentation(run, paper)


def _augmentation(run: Mapping[str, Any], paper: Mapping[str, Any]) -> Iterator[str]:
    target = _last(run.get("augment._target_"))
    if target is None:
        return
    if target not in PARTS:
        yield f"{target} as augmentation"
        return
    theirs = list(PARTS[_last(paper["augment._target_"]) or ""])
    ours = [part for part in PARTS[target] if _acts(run, target, part, part in theirs)]
    if ours != theirs:
        yield f"augmentation: {', '.join(ours) or 'none'} instead of {', '.join(theirs)}"


def _acts(run: Mapping[str, Any], target: str, part: str, unknown: bool) -> bool:
    """Whether a part of an augmentation does anything; `unknown` where its keys are not judged."""
    values = [run[f"augment.{key}"] for key in PARTS[target][part] if f"augment.{key}" in run]
    return any(values) if values else unknown


def _teacher(run: Mapping[str, Any], paper: Mapping[str, Any]) -> Iterator[str]:
    """A teacher's departures, as its student's but for the mix."""
    teacher = {
        key.removeprefix("teacher."): value
        for key, value in run.items()
        if key.startswith("teacher.")
    }
    yield from _different(run, paper, TEACHER_DIFFERS)
    own = _dataset_name(run)
    if own is not None:
        student = set(_data(run, own))
        yield from (said for said in _data(teacher, own) if said not in student)
    yield from _training(teacher, paper)


def _different(
    run: Mapping[str, Any], paper: Mapping[str, Any], words: Mapping[str, str]
) -> Iterator[str]:
    """What is said of each key whose value is known on both sides and not the same."""
    for key, sentence in words.items():
        if key not in run or not _is_given(paper.get(key)) or _equal(run[key], paper[key]):
            continue
        said = sentence.format(_plain(run[key]), _plain(paper[key]))
        yield "warm-up of 1 epoch" if said == "warm-up of 1 epochs" else said


def _equal(ours: Any, theirs: Any) -> bool:
    """A list is no number of the paper's, and numpy would compare each of its members."""
    return pd.api.types.is_scalar(ours) and bool(ours == theirs)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        last = _last(value) or value
        return NAMES.get(last, last)
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _last(target: Any) -> str | None:
    return target.rpartition(".")[2] if isinstance(target, str) else None
