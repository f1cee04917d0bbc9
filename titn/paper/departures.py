"""Where a run's configuration departs from the protocol that the paper describes."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pandas as pd

from titn.paper.printed import printed_table
from titn.paper.protocol import NUM_CLASSES, PROTOCOL, STUDENTS

# How the paper writes what configurations name.
NAMES = {
    "cifar100": "CIFAR-100",
    "cifar10": "CIFAR-10",
    "mnist": "MNIST",
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "muon": "Muon",
    "Cosine": "cosine",
    "OneCycle": "one-cycle",
    "Unmixed": "no mix",
    "CutMixMixUp": "CutMix or MixUp by batch",
    "HardDistillation": "hard labels",
    "SoftDistillation": "soft labels",
    "DecoupledDistillation": "decoupled soft labels",
    "CorrelationDistillation": "correlation with soft labels",
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
    "resnet9": "ResNet-9",
}
FRACTIONS = {0.5: "half", 0.25: "a quarter", 0.2: "a fifth", 0.1: "a tenth", 0.01: "a hundredth"}

# key -> the phrase for a value that is not the paper's; {} are our value and the paper's.
TRAINING_PHRASES = {
    "epochs": "{} epochs instead of {}",
    "batch_size": "batches of {} instead of {}",
    "repeats": "{} views of an image in a batch",
    "clip_grad": "gradients clipped at {}",
    "ema_decay": "an average of the weights (decay {})",
    "patience": "an early stop (patience {})",
    "optimizer._target_": "{} instead of {}",
    "optimizer.lr": "learning rate {} instead of {}",
    "optimizer.momentum": "momentum {} instead of {}",
    "optimizer.nesterov": "Nesterov's momentum",
    "optimizer.bias_factor": "biases at {} times the rate",
    "optimizer.weight_decay": "weight decay {} instead of {}",
    "schedule._target_": "{} instead of {} schedule",
    "schedule.warmup_epochs": "warm-up of {} epochs",
    "schedule.final": "a learning rate that ends at {} of itself instead of {}",
    "model.drop_path": "drop path {}",
    "loss.label_smoothing": "label smoothing {}",
    "model.inner_depth": "inner depth {} instead of {}",
    "model.patch_embed": "patches embedded by convolutions",
    "model.outer_embed": "outer tokens with embedded patches ({})",
    "model.conv_mlp": "MLPs with a depthwise convolution",
    "model.local_attention": "attention that looks away from itself",
}
MIX_PHRASES = {
    "mix._target_": "{} instead of {}",
    "mix.alpha": "mix from Beta({0}, {0}) instead of Beta({1}, {1})",
    "mix.probability": "a mix with probability {} instead of {}",
}
LOSS_PHRASES = {
    "loss._target_": "{} instead of {}",
    "loss.alpha": "alpha {} instead of {}",
    "loss.scale": "the loss times {}",
    "loss.token": "the class token follows the teacher",
    "loss.standardize": "standardised logits",
}
TEACHER_PHRASES = {
    "teacher.model._target_": "{} instead of {}",
    "teacher.model.stem": "the stem for 32x32 images",
}
SIZE_PHRASES = {
    "model.patch_size": "patch size {} instead of {}",
    "model.pixel_size": "pixel size {} instead of {}",
    "model.patch_dim": "patch dimension {} instead of {}",
    "model.pixel_dim": "pixel dimension {} instead of {}",
    "model.depth": "depth {} instead of {}",
    "dataset.image_size": "images of {0}x{0} instead of {1}x{1}",
}

# Networks that see each image by itself, but for a stem of convolutions: micro-batches change
# nothing. Others have batch normalisation, or may have it.
IMAGE_BY_IMAGE = ("ViT", "TITN", "vgg16", "vgg19", "squeezenet")
# As titn.training.accumulation.COMPARE_IMAGES, whose import takes torch.
COMPARE_IMAGES = ("CorrelationDistillation", "RelationalDistillation")

# What each departure of a teacher begins with.
TEACHER_PREFIX = "teacher: "

# augmentation -> its parts -> their keys: a part is on if one of its keys is above zero.
AUGMENTATION_PARTS: dict[str, dict[str, tuple[str, ...]]] = {
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


def departures(config: Mapping[str, Any], dataset: str, varied: Collection[str] = ()) -> list[str]:
    """Phrases for all that a run does differently from the paper's protocol, or leaves out of it.

    config: a run's configuration, flat, with dotted keys; a key that is missing, None or NaN is
    not compared. dataset: the one that the paper's claim is about. varied: keys, or beginnings of
    keys, that the question itself varies, so that they are no departures; "teacher" there excuses
    another teacher's network or none, but not how it was trained.

    Empty: the run follows the full protocol. ValueError for a data set that the paper has not.
    """
    if dataset not in PROTOCOL:
        raise ValueError(f"dataset={dataset}: the paper has {', '.join(PROTOCOL)}")
    paper = PROTOCOL[dataset]
    excused = ["teacher.model" if key == "teacher" else key for key in varied]
    run = {key: value for key, value in config.items() if _is_compared(key, value, excused)}
    found = [
        *_data(run, dataset),
        *_phrases(run, _printed_sizes(run), SIZE_PHRASES),
        *_training(run, paper, config),
    ]
    # The paper does not say whether its teachers were trained with a mix: only students' mixes
    # are compared.
    if _class_name(config.get("model._target_")) in STUDENTS:
        found += _phrases(run, paper, MIX_PHRASES)
    if _has_teacher(config):
        found += _phrases(run, paper, LOSS_PHRASES)
        found += [f"{TEACHER_PREFIX}{phrase}" for phrase in _teacher(run, paper, config)]
    elif run.get("model.distillation_token") and not _is_covered("teacher", varied):
        found.append("no teacher")
    return found


def in_one_line(phrases: Collection[str]) -> str:
    """All departures, the teacher's last and after a single "teacher: "."""
    own = [phrase for phrase in phrases if not phrase.startswith(TEACHER_PREFIX)]
    teachers = [
        phrase.removeprefix(TEACHER_PREFIX)
        for phrase in phrases
        if phrase.startswith(TEACHER_PREFIX)
    ]
    return "; ".join([*own, *([f"{TEACHER_PREFIX}{'; '.join(teachers)}"] if teachers else [])])


def _is_compared(key: str, value: Any, excused: Collection[str]) -> bool:
    return _is_given(value) and not _is_covered(key.removeprefix("choices."), excused)


def _is_given(value: Any) -> bool:
    return not (pd.api.types.is_scalar(value) and pd.isna(value))


def _is_covered(key: str, prefixes: Collection[str]) -> bool:
    """Whether a key is one of these, or below one of them."""
    return any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes)


def _has_teacher(config: Mapping[str, Any]) -> bool:
    return any(key.startswith("teacher.") and _is_given(config[key]) for key in config)


def other_task(run: Mapping[str, Any], dataset: str) -> list[str]:
    """Why a run's accuracy is not comparable with one on a data set: other data, other classes.

    A data set that the paper does not have is known by its name alone.
    """
    name = _dataset_name(run) or dataset
    found = (
        [f"{NAMES.get(name, name)}, not {NAMES.get(dataset, dataset)}"] if name != dataset else []
    )
    return [*found, *_classes(run, name), *_split(run)]


def _data(run: Mapping[str, Any], dataset: str) -> Iterator[str]:
    name = _dataset_name(run) or dataset
    if name != dataset:
        yield f"{NAMES.get(name, name)} instead of {NAMES[dataset]}"
    yield from _classes(run, name)
    fraction = run.get("dataset.fraction", 1.0)
    if fraction < 1:
        yield f"{FRACTIONS.get(fraction, f'{100 * fraction:g}%')} of the training data"
    yield from _split(run)


def _classes(run: Mapping[str, Any], name: str) -> Iterator[str]:
    """Whether a run has some of the classes of the data set of this name."""
    classes = run.get("dataset.num_classes")
    if classes is not None and name not in NUM_CLASSES:
        yield f"the first {classes:g} classes"
    elif classes is not None and classes < NUM_CLASSES[name]:
        yield f"{classes:g} of {NUM_CLASSES[name]} classes"


def _split(run: Mapping[str, Any]) -> Iterator[str]:
    if run.get("dataset.split") == "validation":
        yield "evaluated on a validation split"


def _dataset_name(run: Mapping[str, Any]) -> str | None:
    """The name that the data set has, else that of the class that makes it, else of its file."""
    if "dataset.name" in run:
        return run["dataset.name"]
    target = _class_name(run.get("dataset._target_"))
    if target is None:
        return run.get("choices.dataset")
    return None if target == "published" else target


def _printed_sizes(run: Mapping[str, Any]) -> dict[str, Any]:
    """Table 1's column for a run's network, as keys; for other networks only the image size."""
    table = printed_table("table1").set_index("row")
    size = {"dataset.image_size": table["image_size"].iloc[0]}
    label = _student_name(run)
    if label is None:
        return size
    large_patch = table.loc["TITN (large patch)"]
    if label == "TITN" and _equal(run.get("model.patch_size"), large_patch["patch_size"]):
        label = "TITN (large patch)"
    return size | {f"model.{key}": value for key, value in table.loc[label].items()}


def _student_name(run: Mapping[str, Any]) -> str | None:
    """What the paper calls a run's network if it is one of its students."""
    network = _class_name(run.get("model._target_"))
    if network not in STUDENTS:
        return None
    return STUDENTS[network][bool(run.get("model.distillation_token"))]


def _training(
    run: Mapping[str, Any], paper: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[str]:
    """Initial weights, recipe and augmentation; of a student or of a teacher.

    config: the run's, with what is not compared.
    """
    if "checkpoint" in run:
        yield "weights from a checkpoint"
    if "weights" in run:
        yield "fine-tuned from other weights"
    if run.get("epochs") == 0:
        if "checkpoint" not in run:
            yield "not trained"
        return
    yield from _phrases(run, paper, TRAINING_PHRASES)
    num_parts = run.get("accumulate", 1)
    if num_parts > 1 and _sees_batch(config):
        yield f"batches in {num_parts:g} micro-batches"
    yield from _augmentation(run, paper)


def _sees_batch(config: Mapping[str, Any]) -> bool:
    """Whether a network or its loss looks, or may look, at several images of a batch at once."""
    network = _class_name(config.get("model._target_"))
    is_seen = network is not None and network not in IMAGE_BY_IMAGE
    is_seen |= "conv" in (config.get("model.patch_embed"), config.get("model.outer_embed"))
    return is_seen or _class_name(config.get("loss._target_")) in COMPARE_IMAGES


def _augmentation(run: Mapping[str, Any], paper: Mapping[str, Any]) -> Iterator[str]:
    target = _class_name(run.get("augment._target_"))
    if target is None:
        return
    if target not in AUGMENTATION_PARTS:
        yield f"{target} as augmentation"
        return
    theirs = list(AUGMENTATION_PARTS[_class_name(paper["augment._target_"]) or ""])
    ours = [
        part for part in AUGMENTATION_PARTS[target] if _is_on(run, target, part, part in theirs)
    ]
    if ours != theirs:
        yield f"augmentation: {', '.join(ours) or 'none'} instead of {', '.join(theirs)}"


def _is_on(run: Mapping[str, Any], target: str, part: str, unknown: bool) -> bool:
    """Whether a part of an augmentation does anything; `unknown` if none of its keys is given."""
    keys = [f"augment.{key}" for key in AUGMENTATION_PARTS[target][part]]
    values = [run[key] for key in keys if key in run]
    return any(values) if values else unknown


def _teacher(
    run: Mapping[str, Any], paper: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[str]:
    """A teacher's departures, compared as its student's are, except for the mix."""
    teacher = _of_teacher(run)
    network = _student_name(teacher)
    named = {**run, "teacher.model._target_": network} if network else run
    yield from _phrases(named, paper, TEACHER_PHRASES)
    dataset = _dataset_name(run)
    if dataset is not None:
        # A smaller data set, which both have, is named once.
        student = set(_data(run, dataset))
        yield from (phrase for phrase in _data(teacher, dataset) if phrase not in student)
    yield from _training(teacher, paper, _of_teacher(config))


def _of_teacher(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key.removeprefix("teacher."): value
        for key, value in run.items()
        if key.startswith("teacher.")
    }


def _phrases(
    run: Mapping[str, Any], paper: Mapping[str, Any], phrases: Mapping[str, str]
) -> Iterator[str]:
    """The phrase of each key whose value is known on both sides and not the same."""
    for key, pattern in phrases.items():
        if key not in run or not _is_given(paper.get(key)) or _equal(run[key], paper[key]):
            continue
        phrase = pattern.format(_as_text(run[key]), _as_text(paper[key]))
        yield "warm-up of 1 epoch" if phrase == "warm-up of 1 epochs" else phrase


def _equal(ours: Any, theirs: Any) -> bool:
    """A list equals none of the paper's numbers; numpy would compare each of its members."""
    return pd.api.types.is_scalar(ours) and bool(ours == theirs)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        name = _class_name(value) or value
        return NAMES.get(name, name)
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _class_name(target: Any) -> str | None:
    """The last name of a dotted path; None if it is no text."""
    return target.rpartition(".")[2] if isinstance(target, str) else None
