"""A cache of a teacher's hard labels, for students that see the same mixed images.

A view is a function of (seed, epoch, sample) and a mix of (seed, epoch, step), so the students of a
sweep that share seed, data, views, mix and batch size show one teacher the same images in the same
order. Its labels for the first student are written, a file for each epoch, and read by the others.
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

# The size of the cache in a runs_dir; 50,000 images, 300 epochs and up to 256 classes take 15 MB.
MAX_BYTES = 2 * 2**30
# The share of a batch's labels that may differ when the teacher is asked again: logits round
# differently on another machine. More than this is another teacher, or other images.
MAX_DIFFERENT = 0.01


class LabelCache:
    """The labels of one teacher for one stream of mixed batches.

    place: the directory of all cached labels. key: everything that decides the labels, as JSON.
    steps: the number of steps in an epoch. max_bytes: of all cached labels together.

    Cached labels are used only while the teacher confirms them: it is asked for the first batch of
    every epoch, and for the first batch after an interruption. If more than a hundredth of them
    differ, the cache is not used any more in this run. If it cannot be written, a line says so and
    the teacher is asked for every batch.
    """

    def __init__(self, place: Path, key: dict, steps: int, max_bytes: int = MAX_BYTES):
        text = json.dumps(key, sort_keys=True)
        self.directory = place / hashlib.sha256(text.encode()).hexdigest()
        self.key = key
        self.steps = steps
        self.max_bytes = max_bytes
        self.trusted = True
        self.counts = [0, 0]  # batches whose labels were cached, and batches that the teacher saw
        self._epoch: int | None = None
        self._stored: Tensor | None = None
        self._collected: list[Tensor] = []

    def labels_for(self, batch: Batch, ask: Callable[[], Tensor]) -> Tensor:
        """The (b,) classes for a batch, from the cache or else from `ask`, the teacher itself."""
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
        """Read the labels of an epoch, and compare those of its first batch with the teacher's."""
        self._collected, self._stored = [], None
        epoch, step = batch.at
        labels = self._read(epoch, len(batch.images)) if self.trusted else None
        if labels is None:
            return
        labels = labels.to(batch.images.device)
        different = (labels[step] != ask()).float().mean().item()
        if different > MAX_DIFFERENT:
            self.trusted = False
            say(
                f"the teacher confirms only {1 - different:.1%} of its labels kept in "
                f"{self.directory}; it is asked itself from here on"
            )
            return
        self._stored = labels

    def _remember(self, epoch: int, step: int, labels: Tensor) -> None:
        """Collect a batch's labels, and write the epoch's when they are complete.

        After resuming within an epoch they are not, and nothing is written.
        """
        if step != len(self._collected):
            return
        self._collected.append(labels)
        if step == self.steps - 1 and self.trusted:
            self._write(epoch, torch.stack(self._collected).cpu())
            self._collected = []

    def _path(self, epoch: int) -> Path:
        return self.directory / f"epoch-{epoch:05}.safetensors"

    def _read(self, epoch: int, batch: int) -> Tensor | None:
        """The labels of an epoch, (steps, b) int64; None if there are none, or they are damaged."""
        try:
            tensors, _ = tensor_files.load(self._path(epoch))
        except (OSError, tensor_files.DamageError):
            return None
        labels = tensors.get("labels")
        if labels is None or labels.shape != (self.steps, batch):
            return None
        with suppress(OSError):
            os.utime(self.directory)  # `make_room` removes what was used least recently
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
        """The fraction of all batches whose labels came from the cache."""
        return self.counts[0] / max(sum(self.counts), 1)


def make_room(place: Path, max_bytes: int, spare: Path) -> None:
    """Remove the least recently used directories of `place` until the rest fits; never `spare`."""
    sizes = {directory: _size(directory) for directory in place.iterdir()}
    for directory in sorted(sizes, key=_last_used):
        if sum(sizes.values()) <= max_bytes:
            return
        if directory != spare:
            shutil.rmtree(directory, ignore_errors=True)
            del sizes[directory]


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
