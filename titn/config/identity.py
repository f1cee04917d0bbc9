"""A run's identity: the hash of what decides its numbers."""

import hashlib
import json
from typing import Any

from titn.config.keys import GROUPS, SCALARS
from titn.config.schema import literal_defaults

# A key that a later version adds is left out of the hash while it has its default, so that
# records made before it keep their identity: "key" or "group.key": default.
ADDED_LATER: dict[str, Any] = {
    "accumulate": 1,
    "clip_grad": None,
    "dataset.channels": 3,
    "dataset.num_classes": None,
    "dataset.fraction": 1.0,
    "loss.label_smoothing": 0.0,
    "ema_decay": 0.0,
    "loss.scale": 1.0,
    "loss.standardize": False,
    "loss.token": "dist",
    "model.conv_mlp": False,
    "model.inner_depth": 1,
    "model.local_attention": False,
    "model.outer_embed": "learned",
    "model.patch_embed": "linear",
    "model.stem": "imagenet",
    "optimizer.bias_factor": 1.0,
    "patience": None,
    "repeats": 1,
    "weights": None,
}

# Keys of a data set that say where images are, and not which.
PLACES = ("root", "download", "storage")

# Switches that older runs do not have in their config.yaml, with the values of then.
SWITCHES_ADDED_LATER = {
    "compile": "none",
    "fold_teacher": False,
    "keep_labels": False,
    "deterministic": False,
    "devices": 1,
    "tracker": "none",
}


def config_hash(
    run: dict, *, precision: str, data: str, origin: str | None, teacher: str | None
) -> str:
    """SHA-256 of what decides a run's numbers.

    run: as `titn.config.resolve.resolve` returns it. precision: the resolved one. data, origin:
    digests of the images and of the first weights, which stand in for their paths: moving files
    changes nothing. teacher: its hash.
    """
    identity: dict[str, Any] = {group: dict(run[group]) for group in GROUPS}
    for place in PLACES:
        identity["dataset"].pop(place, None)
    identity |= {key: run[key] for key in SCALARS}
    identity |= {"precision": precision, "teacher": teacher}
    identity["dataset"]["digest"] = data
    for path, default in ADDED_LATER.items():
        group, _, key = path.rpartition(".")
        node = identity[group] if group else identity
        # What a constructor takes that is not given the key, and has a default of its own.
        own = literal_defaults(node["_target_"]).get(key, default) if group else default
        if node.setdefault(key, own) == default:
            node.pop(key)
    for key in ("checkpoint", "weights"):
        if identity.get(key) is not None:
            identity[key] = origin
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
