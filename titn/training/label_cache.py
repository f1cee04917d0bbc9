"""A teacher's hard labels, kept for students that see the very same mixed images.

A view is a function of (seed, epoch, sample) and a mix of (seed, epoch, step), so the students of a
sweep that share seed, data, views, mix and batch size show one teacher the same images in the same
order. What it answered the first of them is kept, a file for each epoch, and read by the others.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from titn.system import tensor_files
from titn.system.progress import say
from titn.types import Batch

# Of a runs_dir; 50,000 images, 300 epochs and up to 256 classes take 15 MB.
MAX_BYTES = 2 * 2**30
# Of a batch that is asked again: more than this is no rounding.
MAX_DIFFERENT = 0.01


class LabelCache:
    """The labels of one teacher for one stream of mixed batches.

    place: the directory of all kept labels. key: everything that decides the labels, fit for JSON.
    steps: of an epoch. Labels are only used while the teacher confirms them: it is asked itself for
    the first batch of every epoch, and of what is left of one after an interruption; if more than a
    hundredth differs nothing kept is used any more in this run. What cannot be written is done
    without.
    """

    def __init__(self, place: Path, key: dict, steps: int, max_bytes: int = MAX_BYTES):
        text = json.dumps(key, sort_keys=True)
        self.directory = place / hashlib.sha256(text.encode()).hexdigest()
        self.key = key
        self.steps = steps
        self.max_bytes = max_bytes
        self.trusted = True
        self.counts = [0, 0]  # of batches: whose labels were kept, whose were asked for
        self._epoch: int | None = None
        self._stored: Tensor | None = None
        self._collected: list[Tensor] = []

    def labels_for(self, batch: Batch, ask: Callable[[], Tensor]) -> Tensor:
        """The (b,) classes for a batch, kept or from `ask`."""
        epoch, step = batch.at
        if epoch != self._epoch or step == 0:
            self._epoch = epoch
            self._start_epoch(batch, ask)
        if self._stored is not None:
            self.counts[0] += 1
            return self._stored[step]
        labels = ask()
        self.counts[1] += 1
        self._remember(epoch, step, labels)
        return labels

    def _start_epoch(self, batch: Batch, ask: Callable[[], Tensor]) -> None:
        self._collected, self._stored = [], None
        epoch, step = batch.at
        found = self._read(epoch, len(batch.images)) if self.trusted else None
        if found is None:
            return
        found = found.to(batch.images.device)
        different = (found[step] != ask()).float().mean().item()
        if different > MAX_DIFFERENT:
            self.trusted = False
            say(
                f"the teacher confirms only {1 - different:.1%} of its labels kept in "
                f"{self.directory}; it is asked itself from here on"
            )
            return
        self._stored = found

    def _remember(self, epoch: int, step: int, labels: Tensor) -> None:
        """Remember; write when the epoch is whole, which it is not after a resume in it."""
        if step != len(self._collected):
            return
        self._collected.append(labels)
        if step == self.steps - 1 and self.trusted:
            self._write(epoch, torch.stack(self._collected).cpu())
            self._collected = []

    def _path(self, epoch: int) -> Path:
        return self.directory / f"epoch-{epoch:05}.safetensors"

    def _read(self, epoch: int, batch: int) -> Tensor | None:
        """(steps, b) int64; None if they are not there, or not what was written."""
        try:
            tensors, _ = tensor_files.load(self._path(epoch))
        except (OSError, tensor_files.DamageError):
            return None
        labels = tensors.get("labels")
        if labels is None or labels.shape != (self.steps, batch):
            return None
        with suppress(OSError):
            os.utime(self.directory)  # the time of its last use
        return labels.long()

    def _write(self, epoch: int, labels: Tensor) -> None:
        small = labels.to(torch.uint8 if labels.max() < 256 else torch.int16)
        path = self._path(epoch)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            tensor_files.save(path, {"labels": small}, self.key)
            make_room(self.directory.parent, self.max_bytes, spare=self.directory)
        except OSError as error:
            self.trusted = False
            say(f"labels are not kept in {self.directory} ({error.strerror or error})")

    @property
    def hit_rate(self) -> float:
        """Of all batches, those whose labels were not asked for."""
        return self.counts[0] / max(sum(self.counts), 1)


def make_room(place: Path, max_bytes: int, spare: Path) -> None:
    """Remove directories of `place`, the longest unused first, until the rest fits; not `spare`."""
    sizes = {one: _size(one) for one in place.iterdir()}
    for one in sorted(sizes, key=_last_used):
        if sum(sizes.values()) <= max_bytes:
            return
        if one != spare:
            shutil.rmtree(one, ignore_errors=True)
            del sizes[one]


def _size(directory: Path) -> int:
    size = 0
    with suppress(OSError):  # another process may be making room too
        size = sum(file.stat().st_size for file in directory.iterdir())
    return size


def _last_used(directory: Path) -> float:
    try:
        return directory.stat().st_mtime
    except OSError:
        return 0.0
