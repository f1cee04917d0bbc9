"""A cache of a teacher's answers, for students that see the same mixed images.

A view is a function of (seed, epoch, sample) and a mix of (seed, epoch, step), so the students of a
sweep that share seed, data, views, mix and batch size show one teacher the same images in the same
order. Its answers to the first student are written, a file for each epoch, and read by the others:
its classes for losses with hard labels, its logits for the others.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from titn.losses.terms import Loss
from titn.system import tensor_files
from titn.system.progress import say
from titn.types import Batch

# The share of a batch's images that may have another answer when the teacher is asked again: it
# rounds differently on another machine. More than this is another teacher, or other images.
MAX_DIFFERENT = 0.01


class AnswerKind(Protocol):
    """What is kept of a teacher's answers.

    name: in messages, and of the directory and the tensor. max_bytes: of all that is cached in a
    runs_dir. min_free: bytes that have to be left free on the disk.
    """

    name: str
    max_bytes: int
    min_free: int

    def packed(self, answer: Tensor) -> Tensor:
        """An answer in two bytes for each number, without waiting for the device."""

    def storable(self, packed: Tensor) -> Tensor | None:
        """The packed answers of an epoch as they are stored; None if packing has changed them."""

    def different(self, kept: Tensor, asked: Tensor) -> float:
        """The share of images for which two answers are not the same."""


class Labels:
    """The teacher's classes, (b,) int64; stored in one byte each, in two from 257 classes on.

    50,000 images, 300 epochs and up to 256 classes take 15 MB.
    """

    name = "labels"
    max_bytes = 2 * 2**30
    min_free = 0

    def packed(self, answer: Tensor) -> Tensor:
        return answer.to(torch.int16)

    def storable(self, packed: Tensor) -> Tensor | None:
        return packed.to(torch.uint8) if packed.max() < 256 else packed

    def different(self, kept: Tensor, asked: Tensor) -> float:
        return (kept.long() != asked).float().mean().item()


class Logits:
    """The teacher's logits, (b, k) float32 that are rounded to float16, in which they are stored.

    50,000 images and 100 classes take 10 MB an epoch: eight gibibytes are 850 epochs, the 600 of
    the paper's protocol for one seed or the quick recipe's 100 for eight. A gibibyte of the disk
    stays free for what a run cannot do without.

    Of eleven binary digits, float16 rounds a logit below 32 by less than 0.008, so that the
    probabilities change by less than one percent. A logit beyond its 65,504 reaches the student as
    it is, and its epoch is not kept.
    """

    name = "logits"
    max_bytes = 8 * 2**30
    min_free = 2**30
    # Two answers are the same if no logit differs by more than this share of the image's largest:
    # 16 to 32 units of float16's last digit, two to four of bf16's, in which the teacher may run.
    tolerance = 2**-6

    def packed(self, answer: Tensor) -> Tensor:
        return answer.half()

    def storable(self, packed: Tensor) -> Tensor | None:
        return packed if packed.isfinite().all() else None

    def different(self, kept: Tensor, asked: Tensor) -> float:
        apart = (kept.float() - asked).abs().amax(-1)  # (b, k) -> (b,)
        # What is no number is not the same, either.
        same = apart <= self.tolerance * asked.abs().amax(-1)
        return (~same).float().mean().item()


def kind_of(loss: Loss) -> AnswerKind:
    """What a loss asks of its teacher."""
    return Labels() if loss.hard_labels else Logits()


class AnswerCache:
    """The answers of one teacher to one stream of mixed batches.

    runs_dir: answers lie in a directory of it that has the name of their kind. key: everything that
    decides the answers, as JSON; not the loss, so that students with any temperature share logits.
    steps: the number of steps in an epoch. max_bytes: of all cached answers of the kind.

    Cached answers are used only while the teacher confirms them: it is asked for the first batch of
    every epoch, and for the first batch after an interruption. If more than a hundredth of them
    differ, the cache is not used any more in this run. If it cannot be written, a line says so and
    the teacher is asked for every batch. So it is in the epochs for which there is no room: that
    would take the answers to this stream beyond max_bytes, so that its first epochs are the ones
    that are kept; that take more than an eighth of it each, since an epoch's answers lie in the
    device's memory together; or that would leave too little of the disk.

    What a student hears depends on nothing of this: `titn.training.objective.rounded` has rounded
    logits as they are stored before they come here.
    """

    def __init__(
        self,
        runs_dir: Path,
        kind: AnswerKind,
        key: dict,
        steps: int,
        max_bytes: int | None = None,
    ):
        text = json.dumps(key, sort_keys=True)
        self.directory = runs_dir / kind.name / hashlib.sha256(text.encode()).hexdigest()
        self.kind = kind
        self.key = key
        self.steps = steps
        self.max_bytes = kind.max_bytes if max_bytes is None else max_bytes
        self.trusted = True
        self.counts = [0, 0]  # batches whose answers were cached, and batches that the teacher saw
        self._epoch: int | None = None
        self._stored: Tensor | None = None
        self._collected: list[Tensor] = []
        self._said: set[str] = set()

    def answer_to(self, batch: Batch, ask: Callable[[], Tensor]) -> Tensor:
        """The (b,) classes or (b, k) logits for a batch, cached or by `ask`, the teacher itself."""
        epoch, step = batch.at
        if epoch != self._epoch or step == 0:
            self._epoch = epoch
            if (asked := self._start_epoch(batch, ask)) is not None:
                self.counts[1] += 1
                self._remember(epoch, step, asked)
                return asked
        if self._stored is not None:
            self.counts[0] += 1
            stored = self._stored[step]
            return stored.float() if stored.is_floating_point() else stored.long()
        answer = ask()
        self.counts[1] += 1
        self._remember(epoch, step, answer)
        return answer

    def _start_epoch(self, batch: Batch, ask: Callable[[], Tensor]) -> Tensor | None:
        """Read the answers of an epoch, and compare those to its first batch with the teacher's.

        Returns the teacher's, if it was asked and the epoch's are not used.
        """
        self._collected, self._stored = [], None
        epoch, step = batch.at
        stored = self._read(epoch) if self.trusted else None
        if stored is None:
            return None
        stored, asked = stored.to(batch.images.device), ask()
        if stored.shape != (self.steps, *asked.shape):
            return asked
        different = self.kind.different(stored[step], asked)
        if different > MAX_DIFFERENT:
            self.trusted = False
            say(
                f"the teacher confirms only {1 - different:.1%} of its {self.kind.name} kept in "
                f"{self.directory}; it is asked itself from here on"
            )
            return asked
        self._stored = stored
        return None

    def _remember(self, epoch: int, step: int, answer: Tensor) -> None:
        """Collect a batch's answers, and write the epoch's when they are complete.

        After resuming within an epoch they are not, and nothing is written.
        """
        if not self.trusted or step != len(self._collected):
            return
        packed = self.kind.packed(answer)
        if step == 0 and not self._has_room(self.steps * packed.nbytes):
            self._say_once("there is no room for more of them")
            return
        self._collected.append(packed)
        if step == self.steps - 1:
            stored = self.kind.storable(torch.stack(self._collected))
            self._collected = []
            if stored is None:
                self._say_once("float16 does not reach so far")
            else:
                self._write(epoch, stored.cpu())

    def _has_room(self, needed: int) -> bool:
        """Whether an epoch's answers may be kept, of so many bytes; see the class."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.directory).free - needed
        except OSError:
            return True  # writing will say what is wrong
        fits = _size(self.directory) + needed <= self.max_bytes and 8 * needed <= self.max_bytes
        return fits and free >= self.kind.min_free

    def _path(self, epoch: int) -> Path:
        return self.directory / f"epoch-{epoch:05}.safetensors"

    def _read(self, epoch: int) -> Tensor | None:
        """An epoch's answers as they are stored; None if there are none, or they are damaged."""
        try:
            tensors, _ = tensor_files.load(self._path(epoch))
        except (OSError, tensor_files.DamageError):
            return None
        with suppress(OSError):
            os.utime(self.directory)  # `make_room` removes what was used least recently
        return tensors.get(self.kind.name)

    def _write(self, epoch: int, stored: Tensor) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            tensor_files.save(self._path(epoch), {self.kind.name: stored}, self.key)
            make_room(self.directory.parent, self.max_bytes, spare=self.directory)
        except OSError as error:
            self.trusted = False
            self._say_once(str(error.strerror or error))

    def _say_once(self, why: str) -> None:
        if why not in self._said:
            self._said.add(why)
            say(f"{self.kind.name} are not kept in {self.directory} ({why})")

    @property
    def hit_rate(self) -> float:
        """The fraction of all batches whose answers came from the cache."""
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
