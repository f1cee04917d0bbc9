"""The keys of a run's configuration, and what each takes."""

from typing import Any

from titn.config import annotations

GROUPS = ("model", "dataset", "augment", "mix", "loss", "optimizer", "schedule")

# Scalars of a run that decide numbers, and so its identity.
SCALARS: dict[str, Any] = {
    "seed": annotations.Seed,
    "epochs": annotations.Whole,
    "batch_size": annotations.Count,
    "accumulate": annotations.Count,
    "repeats": annotations.Count,
    "clip_grad": annotations.Positive | None,
    "ema_decay": annotations.ProperFraction,
    "patience": annotations.Count | None,
    "precision": annotations.Precision,
    "checkpoint": annotations.LocalPath | None,
    "weights": annotations.LocalPath | None,
}

# Where a run lives, how often it is saved, how fast it is, and what to do about what is already
# there: no part of its identity.
SWITCHES: dict[str, Any] = {
    "device": annotations.Text,
    "devices": annotations.Count,
    "run_dir": annotations.LocalPath | None,
    "runs_dir": annotations.LocalPath,
    "eval_every": annotations.Count,
    "checkpoint_secs": annotations.NonNegative,
    "tensorboard": bool,
    "tracker": annotations.TrackerName,
    "deterministic": bool,
    "compile": annotations.Compile,
    "fold_teacher": bool,
    "keep_labels": bool,
    "force": bool,
    "retry": annotations.Retry | None,
}

# For the command, not for a run: see titn.train and titn.sweeps.
COMMAND_KEYS = (
    "recipe", "question", "search", "rows", "dry_run", "postpone", "cell", "round", "busy",
    "fail_fast", "stop_file", "sweep", "trial", "planned",
)  # fmt: skip

# Keys of a choice's file that are read by others, and not by the choice's constructor.
NOTES = ("_recipe_", "_lr_")

# What the build hands to the constructors of a group, besides its keys.
SUPPLIED = {"model": "images", "optimizer": "model"}

# Nodes of a teacher that are another node's: the key to set in their place.
FOLLOWED = {"teacher.dataset": "dataset", "teacher.augment": "recipe.augment"}
# The same, for a teacher with the recipe of fast convolutional networks.
FOLLOWED_BY_FAST_CNNS = {"teacher.augment": "recipe.fast_cnn.augment"}


def is_own(target: str) -> bool:
    """Whether a `_target_` is a user's, and not titn's."""
    return not target.startswith("titn.")
