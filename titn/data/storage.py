"""Whether decoded images are held in memory or on a disk, and the making of the file there."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from torch import Tensor

from titn.config.annotations import Storage
from titn.data.images import Dataset
from titn.data.overlap import say_overlap
from titn.data.prepare import Selection
from titn.data.row_file import Facts, RowFile, RowPaths, RowWriter, open_rows, remove_old_parts
from titn.data.stored import prepare_stored
from titn.system.errors import error_text, is_full
from titn.system.files import cache_dir
from titn.system.locks import HeldError, Lock
from titn.system.memory import available_memory, size_text
from titn.system.progress import say
from titn.system.text import printable

# Images are in memory twice while they are read: as they are written to the cache or taken from it,
# and as they are chosen for a run.
IN_MEMORY_TIMES = 2
# Of an evaluation: less than this is never in memory.
BATCH = 256
SMALLER = "dataset.image_size=N makes them smaller"
# Rows whose decoding was interrupted wait so long for being continued.
PART_SECS = 7 * 86_400.0


class RowSource(Protocol):
    """Images that can be decoded one after the other, those of train and then those of test.

    root: what the user calls them. goes_on: whether those of an interrupted process need not be
    decoded again. memory: the bytes that they take in memory, at a size and with channels.
    """

    goes_on: ClassVar[bool]

    @property
    def root(self) -> Path: ...
    @property
    def num_images(self) -> int: ...
    def memory(self, size: int, channels: int) -> int: ...

    def stamp(self) -> str:
        """A text that stands for the contents of the files, wherever they are."""

    def rows(self, size: int, channels: int, first: int) -> Iterator[Tensor | None]:
        """Each image (channels, size, size) uint8; None for those before `first`.

        None, too, for one that cannot be decoded: then it raises at its end, naming all of them.
        """

    def facts(self) -> Facts:
        """What is known when all rows have been taken; ValueError if the files have changed."""


class OnDisk(NamedTuple):
    """Images whose rows lie in a file."""

    rows: RowFile
    facts: Facts

    def prepared(self, name: str, selection: Selection) -> Dataset:
        """The images that a run uses."""
        train, test, class_names, digest, _ = self.facts
        return prepare_stored(name, self.rows, (train, test), class_names, digest, selection)


def stored(source: RowSource, storage: Storage, size: int, channels: int) -> OnDisk | None:
    """The images in a file on the disk, if that is where they are to be; None: in memory.

    With `auto` they are if they do not fit, and a line says so. ValueError if they fit nowhere.
    """
    if storage == "ram":
        return None
    available = available_memory()
    if BATCH * channels * size * size > available:
        raise ValueError(f"image_size={size}: not even a batch fits into the memory; {SMALLER}")
    why = ""
    if storage == "auto":
        needed = IN_MEMORY_TIMES * source.memory(size, channels)
        if needed <= available:
            return None
        why = f" need {size_text(needed)} of memory, and {size_text(available)} are available: they"
    shape = (channels, size, size)
    name = hashlib.sha256(repr(("rows", 2, shape, source.stamp())).encode()).hexdigest()[:32]
    paths = RowPaths(_directory(), name)
    size_on_disk = size_text(source.num_images * channels * size * size)
    line = (
        f"{source.root}: {source.num_images} images of {channels}x{size}x{size}{why} are read as "
        f"they are needed from a file of {size_on_disk} in {paths.directory}"
    )
    if why:
        line += "; dataset.storage=ram holds them in memory all the same"
    if found := open_rows(paths, shape):
        say(line)
    else:
        found = _made(source, storage, paths, shape, line)
    say_overlap(source.root, found[1].overlap)
    return OnDisk(*found)


def _directory() -> Path:
    return cache_dir() / "decoded"


def _made(
    source: RowSource, storage: Storage, paths: RowPaths, shape: tuple[int, int, int], line: str
) -> tuple[RowFile, Facts]:
    """The rows that are decoded now, by one process at a time. line: says what is done."""
    with _disk_errors_named(source, storage):
        paths.directory.mkdir(parents=True, exist_ok=True)
        lock = Lock(paths.lock)
        _acquire(lock, source)
    try:
        # Another process may have made them while this one waited.
        found = open_rows(paths, shape)
        if found is None:
            _check_room(source, storage, paths, shape)
        say(line)
        if found is None:
            _decode(source, storage, paths, shape, lock)
            found = open_rows(paths, shape)
    finally:
        lock.release()
    if found is None:
        raise ValueError(f"storage={storage}: {paths.rows} was changed by another; start again")
    return found


def _acquire(lock: Lock, source: RowSource) -> None:
    try:
        lock.acquire(timeout=0)
    except HeldError:
        say(f"{source.root}: another process decodes these images; waiting for it")
        lock.acquire()


def _check_room(
    source: RowSource, storage: Storage, paths: RowPaths, shape: tuple[int, int, int]
) -> None:
    """ValueError if the disk has no room for the rows that are not there yet."""
    remove_old_parts(paths.directory, PART_SECS)
    channels, size, _ = shape
    there = sum(file.stat().st_size for file in (paths.part, paths.rows) if file.exists())
    missing = source.num_images * channels * size * size - there
    free = shutil.disk_usage(paths.directory).free
    if missing > free:
        memory = "do not fit into memory, and " if storage == "auto" else ""
        raise ValueError(
            f"storage={storage}: the decoded images {memory}need {size_text(missing)} in "
            f"{paths.directory}, where {size_text(free)} are free; TITN_CACHE=DIR in the "
            f"environment names another disk; {SMALLER}"
        )


def _decode(
    source: RowSource, storage: Storage, paths: RowPaths, shape: tuple[int, int, int], lock: Lock
) -> None:
    channels, size, _ = shape
    with _disk_errors_named(source, storage):
        writer = RowWriter(paths, shape, source.num_images, source.goes_on)
    if writer.num_kept:
        say(f"{source.root}: {writer.num_kept} of {source.num_images} images are decoded already")
    try:
        with _disk_errors_named(source, storage):
            writer.write(_while_held(lock, source.rows(size, channels, writer.num_kept)))
            lock.check()
            writer.finish(source.facts())
    except _UnwritableError:
        raise
    except ValueError:
        writer.discard()  # of images that have to be others
        raise
    finally:
        writer.close()


def _while_held(lock: Lock, rows: Iterator[Tensor | None]) -> Iterator[Tensor | None]:
    """The rows, until it is known that another process has taken the lock over."""
    for row in rows:
        lock.raise_if_lost()
        yield row


class _UnwritableError(ValueError):
    """The place of the file is at fault, and not the images."""


@contextmanager
def _disk_errors_named(source: RowSource, storage: Storage) -> Iterator[None]:
    """What the system says of the cache becomes a line with a remedy."""
    try:
        yield
    except OSError as error:
        another = "TITN_CACHE=DIR in the environment names another disk"
        if is_full(error):
            then = "goes on from what is decoded" if source.goes_on else "begins anew"
            line = f"the disk of {_directory()} is full; make room, and the same command {then}"
        else:
            line = f"{_directory()} cannot be written ({error_text(error)}); {another}"
        raise _UnwritableError(printable(f"storage={storage}: {line}")) from None
