"""The runs' predicted classes, so that two runs can be compared image by image."""

import math
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_CLASSES = 1000  # with more, a run's counts alone would be larger than its predictions
MAX_BYTES = 1_800_000  # of all predictions, compressed
# More than this many predictions are thinned before they are compressed for the first time.
MAX_RAW = 40_000_000

Classes = NDArray[np.int64]
Samples = Mapping[str, NDArray[Any]]
# What runs have in common that are compared image by image: labels, names of classes, and images.
Evaluated = tuple[bytes, tuple[str, ...], Any]


def predictions(
    samples: Sequence[Samples | None], class_names: Sequence[Any], images: Sequence[Any]
) -> tuple[list[dict[str, Any]], bytes]:
    """Sets of runs that were evaluated on the same images; and the bytes of what they predicted.

    samples: for each run the columns `label` and `fused`, (m,) each, or None. images: for each run
    what tells its evaluated images from others, which may have the same labels.

    Of a set: `classes`, their names; `support` (k,), the images of each class; `runs`, their
    indices; `hits` (runs, k), the images of each class that a run got right; `images`, m; `labels`
    of the m' images that were kept, every so many of each class where all would be too many. Its
    bytes, beginning at `offset`, are (runs, m') of `width` bytes each, little-endian: predicted
    less true class, modulo k, so that what is right is zero.
    """
    sets: dict[Evaluated, list[int]] = defaultdict(list)
    told = zip(samples, class_names, images, strict=True)
    for index, (columns, names, which) in enumerate(told):
        if columns is not None and names and len(names) <= MAX_CLASSES:
            labels = np.ascontiguousarray(columns["label"], dtype="<u2")
            sets[labels.tobytes(), tuple(map(str, names)), which].append(index)
    total = sum(len(labels) // 2 * len(runs) for (labels, *_), runs in sets.items())
    step = math.ceil(total / MAX_RAW) or 1
    while True:
        found, content = _packed(samples, sets, step)
        size = len(zlib.compress(content, 6))
        if size <= MAX_BYTES or step >= max(one["images"] for one in found):
            return found, content
        step = max(step + 1, math.ceil(step * size / MAX_BYTES))


def _packed(
    samples: Sequence[Samples | None], sets: Mapping[Evaluated, list[int]], step: int
) -> tuple[list[dict[str, Any]], bytes]:
    found, parts, offset = [], [], 0
    for (buffer, names, _), runs in sets.items():
        labels, k = np.frombuffer(buffer, dtype="<u2").astype(np.int64), len(names)
        evaluated = [columns for columns in (samples[run] for run in runs) if columns is not None]
        fused = np.stack([np.asarray(columns["fused"], np.int64) for columns in evaluated])
        kept = every_so_many(labels, step)
        shifted = (fused[:, kept] - labels[kept]) % k  # (runs, m) -> (runs, m')
        width = 1 if k <= 256 else 2
        part = shifted.astype("u1" if width == 1 else "<u2").tobytes()
        hits = [np.bincount(labels[labels == one], minlength=k).tolist() for one in fused]
        found.append(
            {"classes": list(names), "support": np.bincount(labels, minlength=k).tolist(),
             "runs": runs, "hits": hits, "images": len(labels), "labels": labels[kept].tolist(),
             "offset": offset, "width": width}
        )  # fmt: skip
        parts.append(part)
        offset += len(part)
    return found, b"".join(parts)


def every_so_many(labels: Classes, step: int) -> Classes:
    """The indices, ascending, of the first of each `step` images of each class."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])  # where the class of each image begins
    return np.sort(order[(np.arange(len(labels)) - starts) % step == 0])
