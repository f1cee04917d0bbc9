"""How the paper trains and on what, as keys of a run's configuration."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# Sections 3.5, 4.1 and 4.2, as keys of a run's configuration. What has no number in the paper
# (padding, magnitudes of MNIST's augmentation, heads, initialisation) is not here.
EVERYWHERE = {
    "batch_size": 1024,
    "repeats": 1,
    "clip_grad": "none",
    "ema_decay": 0.0,
    "patience": "none",
    "optimizer._target_": "titn.optim.optimizers.sgd",
    "optimizer.lr": 0.1,
    "optimizer.momentum": 0.9,
    "optimizer.nesterov": False,
    "optimizer.bias_factor": 1.0,
    "optimizer.weight_decay": 1e-4,
    "schedule._target_": "titn.optim.schedules.Cosine",
    "schedule.warmup_epochs": 0.0,
    "schedule.final": 0.0,
    "loss._target_": "titn.losses.distillation.HardDistillation",
    "loss.alpha": 0.5,
    "loss.scale": 1.0,
    "loss.token": "dist",
    "loss.label_smoothing": 0.0,
    "loss.standardize": False,
    "model.drop_path": 0.0,
    "model.inner_depth": 1,
    "model.patch_embed": "linear",
    "model.outer_embed": "learned",
    "model.conv_mlp": False,
    "model.local_attention": False,
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

# Class of a network -> the paper's names of it, without and with a distillation token.
STUDENTS = {"ViT": ("ViT", "DeiT"), "TITN": ("TNT", "TITN")}
NUM_CLASSES = {"cifar100": 100, "cifar10": 10, "mnist": 10, "digits": 10}
