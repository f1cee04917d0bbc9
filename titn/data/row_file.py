"""Decoded images in a file on a disk, a row of bytes for each, that are read when they are needed.

A set has two files in the cache: NAME.rows, the pixels one image after the other, and
NAME.safetensors with the labels, the class names and a checksum of each row. The second is written
last, and is the only sign that the first is whole. While images are decoded the rows are in
NAME.rows.part and their checksums in NAME.sums.part: from there a killed process is continued.

Rows are read with the system's read and not mapped into memory: what the disk cannot read is then
an error that names the file, where a mapped page would end the process, and no limit of addresses
counts them. The system keeps what it has room for in its cache, and gives it back to whoever needs
memory.
"""

import hashlib
import os
import threading
import time
import zlib
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from titn.data.paths import is_file
from titn.data.stored import count_values
from titn.system import tensor_files
from titn.system.errors import ConfigError, first_line
from titn.system.files import sync_directory
from titn.system.progress import Counter, say

# How many rows ahead of the one that is read the system is asked for.
READ_AHEAD = 64
# The bytes of a row's checksum (CRC-32, little-endian).
SUM = np.dtype("<u4")
# Bytes that are collected before they are written.
WRITE_AT_ONCE = 1 << 20


class Facts(NamedTuple):
    """What is known of decoded images besides their pixels.

    train, test: labels (N,) int64. overlap: what `titn.data.overlap.overlap` found, if it is not
    asked whenever the images are read.
    """

    train: Tensor
    test: Tensor
    class_names: tuple[str, ...]
    digest: str
    overlap: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowPaths:
    """Where the files of a set are. name: what stands for the contents that it was made from."""

    directory: Path
    name: str

    @property
    def rows(self) -> Path:
        return self.directory / f"{self.name}.rows"

    @property
    def index(self) -> Path:
        return self.directory / f"{self.name}.safetensors"

    @property
    def part(self) -> Path:
        return self.directory / f"{self.name}.rows.part"

    @property
    def sums(self) -> Path:
        return self.directory / f"{self.name}.sums.part"

    @property
    def lock(self) -> Path:
        return self.directory / f"{self.name}.lock"


class RowFile:
    """The rows of a whole file. shape: of one image, (c, h, w).

    A row is compared with its checksum when it is first read.
    """

    def __init__(self, paths: RowPaths, shape: tuple[int, int, int], sums: NDArray[np.uint32]):
        self.paths = paths
        self.shape = shape
        self.row_bytes = int(np.prod(shape))
        self.sums = sums
        self.is_checked = np.zeros(len(sums), dtype=bool)
        self.file = open(paths.rows, "rb", buffering=0)  # noqa: SIM115  as long as this object
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.sums)

    def read(self, rows: Tensor) -> Tensor:
        """The images of these rows, (n, c, h, w) uint8 in memory.

        rows: (n,) int64. ConfigError if one is not what was written; OSError if it cannot be read.
        """
        images = torch.empty(len(rows), *self.shape, dtype=torch.uint8)
        targets = images.numpy().reshape(len(rows), self.row_bytes)  # (n, c h w)
        numbers = rows.tolist()
        self._ask_for(numbers[:READ_AHEAD])
        for place, row in enumerate(numbers):
            if place % READ_AHEAD == 0:
                self._ask_for(numbers[place + READ_AHEAD : place + 2 * READ_AHEAD])
            self._read_into(targets[place], row)
        return images

    def value_counts(self, rows: Tensor) -> Tensor:
        """How often each value is in each channel of these rows, (c, 256), counted once for all."""
        chosen = hashlib.sha256(rows.numpy().tobytes()).hexdigest()[:16]
        path = self.paths.directory / f"{self.paths.name}.{chosen}.counts.safetensors"
        with suppress(OSError, ValueError, KeyError):
            return tensor_files.load(path)[0]["counts"]
        counts = count_values(self, rows)
        with suppress(OSError):  # then they are counted again
            tensor_files.save(path, {"counts": counts}, {})
        return counts

    def _ask_for(self, numbers: Iterable[int]) -> None:
        """Let the system fetch rows while others are copied: a disk answers many at once faster."""
        if hasattr(os, "posix_fadvise"):
            for row in numbers:
                place = row * self.row_bytes
                os.posix_fadvise(self.file.fileno(), place, self.row_bytes, os.POSIX_FADV_WILLNEED)

    def _read_into(self, target: NDArray[np.uint8], row: int) -> None:
        count = _read_at(self.file, self.lock, target, row * self.row_bytes, self.paths.rows)
        is_whole = count == self.row_bytes
        if is_whole and (self.is_checked[row] or zlib.crc32(target.data) == self.sums[row]):
            self.is_checked[row] = True
            return
        with suppress(OSError):
            self.paths.index.unlink()  # so that the next start decodes them anew
        raise ConfigError(
            f"{self.paths.rows}: image {row} is not what was written; the same command decodes all "
            "of them anew"
        )


def _read_at(
    file: BinaryIO, lock: threading.Lock, target: NDArray[np.uint8], place: int, path: Path
) -> int:
    """Fill `target` from a place of a file; how many bytes there were."""
    done = 0
    try:
        while done < len(target):
            if hasattr(os, "preadv"):
                count = os.preadv(file.fileno(), [target[done:].data], place + done)
            else:  # Windows: the place is the file's, and one thread moves it at a time
                with lock:
                    file.seek(place + done)
                    count = file.readinto(target[done:])  # type: ignore[attr-defined]
            if not count:
                break
            done += count
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    return done


def open_rows(paths: RowPaths, shape: tuple[int, int, int]) -> tuple[RowFile, Facts] | None:
    """The rows that were decoded before; None if there are none, or not as they were written."""
    try:
        if not is_file(paths.index):
            return None
        tensors, facts = tensor_files.load(paths.index)
        sums = tensors["sums"].to(torch.int64).numpy().astype(SUM)
        size = paths.rows.stat().st_size
        if facts["name"] != paths.name or size != len(sums) * int(np.prod(shape)):
            raise ValueError(f"{paths.rows} has {size} bytes")
        known = Facts(
            tensors["train"], tensors["test"], tuple(facts["names"]), facts["digest"],
            tuple(facts["overlap"]),
        )  # fmt: skip
        return RowFile(paths, shape, sums), known
    except (OSError, ValueError, KeyError, TypeError) as error:
        say(f"{paths.index} cannot be used ({first_line(error)}); the images are decoded again")
        return None


class RowWriter:
    """Writes the rows of a set in their order; `finish` makes a file of them that is believed.

    num_kept: how many rows an earlier process has left, whose checksums are right.
    """

    def __init__(self, paths: RowPaths, shape: tuple[int, int, int], num_rows: int, go_on: bool):
        self.paths = paths
        self.row_bytes = int(np.prod(shape))
        self.num_rows = num_rows
        self.flush_every = max(WRITE_AT_ONCE // self.row_bytes, 1)
        with suppress(OSError):
            paths.index.unlink()
        # Of a process that was killed between its last two steps, or whose index is damaged.
        if go_on and is_file(paths.rows) and is_file(paths.sums) and not is_file(paths.part):
            os.replace(paths.rows, paths.part)
        with suppress(OSError):
            paths.rows.unlink()  # not to be believed, and the disk may have no room for both
        kept = self._kept() if go_on else np.empty(0, SUM)
        self.sums = array("I", kept.tolist())
        self.num_kept = len(kept)
        self.files = [
            self._opened(paths.part, self.row_bytes),
            self._opened(paths.sums, SUM.itemsize),
        ]

    def _opened(self, path: Path, row_bytes: int) -> BinaryIO:
        """A file with the rows that are kept, to write behind them."""
        file = open(path, "ab", buffering=WRITE_AT_ONCE)  # noqa: SIM115  closed by `close`
        file.truncate(self.num_kept * row_bytes)
        return file

    def _kept(self) -> NDArray[np.uint32]:
        """The checksums of the rows from the first on that are as they were written."""
        try:
            sums = np.fromfile(self.paths.sums, SUM)[: self.num_rows]
            with open(self.paths.part, "rb") as part:
                for row, expected in enumerate(sums):
                    content = part.read(self.row_bytes)
                    if len(content) < self.row_bytes or zlib.crc32(content) != expected:
                        return sums[:row]
        except OSError:
            return np.empty(0, SUM)
        return sums

    def write(self, rows: Iterator[Tensor | None]) -> None:
        """rows: of all images (c, h, w) uint8 in their order, None for those that are kept.

        What raises leaves the rows until then. None for another is an image that cannot be decoded;
        after one nothing is written any more, and `rows` raises at its end.
        """
        with Counter("decoding", total=self.num_rows, done=self.num_kept) as counter:
            is_whole = True
            for number, row in enumerate(rows):
                if number < self.num_kept:
                    continue
                counter.add(1)
                is_whole = is_whole and row is not None
                if row is not None and is_whole:
                    self._add(row.contiguous().numpy())

    def _add(self, row: NDArray[np.uint8]) -> None:
        content = row.reshape(-1)
        if len(content) != self.row_bytes:
            raise AssertionError(f"a row of {len(content)} bytes among those of {self.row_bytes}")
        crc = zlib.crc32(content.data)
        self.files[0].write(content.data)
        self.files[1].write(np.array([crc], SUM).tobytes())
        self.sums.append(crc)
        if len(self.sums) % self.flush_every == 0:
            for file in self.files:
                file.flush()

    def finish(self, facts: Facts) -> None:
        """The rows are whole, and these their facts."""
        if len(self.sums) != self.num_rows:
            raise AssertionError(f"{len(self.sums)} rows of {self.num_rows}")
        for file in self.files:
            file.flush()
            os.fsync(file.fileno())
        self.close()
        os.replace(self.paths.part, self.paths.rows)
        sync_directory(self.paths.directory)
        tensors = {
            "sums": torch.from_numpy(np.array(self.sums, dtype=np.int64)),
            "train": facts.train,
            "test": facts.test,
        }
        said = {
            "name": self.paths.name, "names": facts.class_names, "digest": facts.digest,
            "overlap": facts.overlap,
        }  # fmt: skip
        tensor_files.save(self.paths.index, tensors, said)
        with suppress(OSError):
            self.paths.sums.unlink()

    def discard(self) -> None:
        """Leave nothing: the rows are those of other images."""
        self.close()
        for path in (self.paths.part, self.paths.sums):
            with suppress(OSError):
                path.unlink()

    def close(self) -> None:
        """Leave what could be written, for whoever goes on."""
        for file in self.files:
            with suppress(OSError):
                file.close()


def remove_old_parts(directory: Path, older_than_secs: float) -> None:
    """What decoding left that was interrupted so long ago that nobody is going to continue it."""
    before = time.time() - older_than_secs
    for file in directory.glob("*.part"):
        with suppress(OSError):
            if file.stat().st_mtime <= before:
                file.unlink()
