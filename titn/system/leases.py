"""A lock made of files alone, for file systems that have none: a lease that its holder renews.

DIR/00000007   who holds it, or held it last, how often it was renewed; the highest number counts

Whatever must have one winner is the making of the next number (O_CREAT | O_EXCL): the lease is
taken when it was given back, and taken over when it has not changed for a while. So nothing is
decided by removing or renaming, and what a process does that was suspended in between comes to
nothing: it makes a number that counts no more, or writes into a file of its own.

A waiter measures by its own clock how long the content stays as it is; times of files are the
clock of another machine. Flock of NFS, and lease files of others, are compared in docs/clusters.md.
"""

import errno
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from titn.system.errors import CellError, ConfigError

SECS = "TITN_LEASE_SECS"
DEFAULT_SECS = 60.0
# So often in that time it is renewed.
RENEWALS = 12
# A content is padded to this, so that a shorter one leaves nothing of a longer one behind.
NUM_BYTES = 512
# What a server says of a file that another machine has removed.
GONE = (errno.ENOENT, errno.ESTALE)


class LockLostError(CellError):
    """Another process has the lock by now, and this one must write no more."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock. token: of this one holding. secs: unrenewed for so long it is over.

    renewed: how often. kernel: of a host since its last start. is_free: it was given back.
    """

    host: str
    pid: int
    token: str
    kernel: str = ""
    secs: float = DEFAULT_SECS
    renewed: int = 0
    is_free: bool = False

    @property
    def name(self) -> str:
        return f"process {self.pid} of host {self.host}"

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode().ljust(NUM_BYTES - 1) + b"\n"


def this_process(secs: float = DEFAULT_SECS) -> Holder:
    """This process as a holder, with a token that no other holding has."""
    host = socket.gethostname()[:128]
    return Holder(host, os.getpid(), secrets.token_hex(8), kernel_of_host(), secs)


def kernel_of_host() -> str:
    """What tells kernels apart, which know of each other's locks through a server at most."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()[:128]


def parse_holder(content: bytes) -> Holder | None:
    """None for a content that is not, or not yet, whole."""
    try:
        holder = Holder(**json.loads(content))
        whole = isinstance(holder.host, str) and isinstance(holder.pid, int)
        return holder if whole and 0 < float(holder.secs) < 1e6 else None
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def lease_secs() -> float:
    """$TITN_LEASE_SECS, or a minute; ConfigError if it is not a number of seconds."""
    text = os.environ.get(SECS, "")
    try:
        secs = float(text) if text else DEFAULT_SECS
    except ValueError:
        secs = 0.0
    if not 0.5 <= secs <= 86_400:
        raise ConfigError(
            f"{SECS}={text}: is not a number of seconds from 0.5 to 86400; {SECS}=60 is the default"
        )
    return secs


@dataclass(frozen=True)
class Found:
    """The number that counts, its content, and when its file was changed, by the disk's clock."""

    number: int
    content: bytes
    changed: float

    @property
    def holder(self) -> Holder | None:
        return parse_holder(self.content)

    @property
    def is_free(self) -> bool:
        return (holder := self.holder) is not None and holder.is_free

    @property
    def secs(self) -> float:
        """How long it may stay as it is: its holder says it; one who died too early has not."""
        return holder.secs if (holder := self.holder) is not None else lease_secs()

    @property
    def age(self) -> float:
        """Seconds since the last renewal if the clocks of disk and host agree; else anything."""
        return time.time() - self.changed


class Watch:
    """How long a lease has not changed, by the clock of the process that looks at it."""

    def __init__(self) -> None:
        self.seen: Found | None = None
        self.since = self.last = 0.0
        self.has_changed = False

    def unchanged_secs(self, found: Found) -> float:
        now = time.monotonic()
        self.has_changed |= self.seen not in (None, found)
        # Who was suspended in between, or had to wait for the disk, has not watched.
        if self.seen != found or now - self.last > found.secs / 3:
            self.seen, self.since = found, now
        self.last = now
        return self.secs

    @property
    def secs(self) -> float:
        """What `unchanged_secs` said last."""
        return self.last - self.since


class Lease:
    """The lease of a directory, as one process takes it, renews it and gives it back."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.me = this_process(lease_secs())
        self.watch = Watch()
        self.number = 0
        self.file: int | None = None
        self.lost: LockLostError | None = None
        self.writing = threading.Lock()
        self.over = threading.Event()

    def take(self) -> bool:
        """Whether it could be taken, or taken over, just now; to be called again and again."""
        self.directory.mkdir(exist_ok=True)
        with _opened(self.directory) as place:
            if place is None:
                return False  # somebody has just removed it
            found = _find(place)
            if found is not None and not self._may_follow(found):
                return False
            if not self._make(place, found.number + 1 if found else 1):
                return False
        threading.Thread(target=self._renew_until_over, daemon=True).start()
        return True

    def _may_follow(self, found: Found) -> bool:
        return found.is_free or self.watch.unchanged_secs(found) >= found.secs

    def _make(self, place: int, number: int) -> bool:
        """Make a number that nobody has made, and see that it is the one that counts."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            file = os.open(_name(number), flags, 0o666, dir_fd=place)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno in GONE:
                return False
            raise
        try:
            _write(file, self.me)
            numbers = _numbers(place)
        except OSError:
            os.close(file)
            raise
        if numbers[-1:] != [number]:
            # This process slept while others took it, gave it back and removed the number.
            os.close(file)
            _remove(place, [number])
            return False
        _remove(place, numbers[:-1])
        self.number, self.file = number, file
        return True

    def _renew_until_over(self) -> None:
        while not self.over.wait(self.me.secs / RENEWALS):
            try:
                self._renew()
                self.check()
            except LockLostError:
                return
            except OSError:
                continue  # the disk does not answer: the others see as little of it

    def _renew(self) -> None:
        with self.writing:
            if self.file is not None:
                self.me = replace(self.me, renewed=self.me.renewed + 1)
                _write(self.file, self.me)

    def check(self) -> None:
        """LockLostError if it was taken over; OSError if the disk does not tell."""
        self.raise_if_lost()
        found = find(self.directory)
        holder = None if found is None else found.holder
        if holder is None or holder.token != self.me.token:
            other = "another process" if holder is None else holder.name
            self.lost = LockLostError(
                f"{self.directory.parent}: {other} has taken over, because this process did not "
                f"renew its lease for {self.me.secs:.0f} s (it was suspended, or its disk was "
                "away); it writes nothing more there, and the same command goes on"
            )
        self.raise_if_lost()

    def raise_if_lost(self) -> None:
        """LockLostError if it is known to be: the disk is not asked."""
        if self.lost is not None:
            raise LockLostError(str(self.lost))

    def give_back(self, remove: bool = False) -> None:
        """remove: also what is left of it; the caller is sure that nobody needs the place."""
        self.over.set()
        with self.writing:
            file, self.file = self.file, None
            if file is None:
                return
            with suppress(OSError):
                _write(file, replace(self.me, is_free=True))
            with suppress(OSError):  # of a file that another machine has removed
                os.close(file)
        if remove:
            remove_files(self.directory)


def find(directory: Path) -> Found | None:
    """The number that counts; None without any. OSError if the disk does not tell."""
    with _opened(directory) as place:
        return None if place is None else _find(place)


def remove_files(directory: Path) -> None:
    """The directory of a lease, if nothing but its numbers lies there."""
    with suppress(OSError):
        with _opened(directory) as place:
            if place is not None:
                _remove(place, _numbers(place))
        directory.rmdir()


@contextmanager
def _opened(directory: Path) -> Iterator[int | None]:
    """A descriptor: what is done through it is done in this directory, and in none of its name.

    None if there is no such directory, as on systems that have no such descriptors.
    """
    if os.open not in os.supports_dir_fd:
        yield None
        return
    try:
        place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield place
    finally:
        os.close(place)


def _find(place: int) -> Found | None:
    """Read the highest number, and again if it is replaced meanwhile."""
    for _ in range(100):
        numbers = _numbers(place)
        if not numbers:
            return None
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(_name(numbers[-1]), flags, dir_fd=place)
        except OSError as error:
            if error.errno in GONE:
                continue
            raise
        try:
            content = os.pread(file, NUM_BYTES, 0)
            return Found(numbers[-1], content, os.fstat(file).st_mtime)
        except OSError as error:
            if error.errno not in GONE:
                raise
        finally:
            os.close(file)
    raise OSError(errno.ESTALE, "its list of files is older than the files")


def _numbers(place: int) -> list[int]:
    return sorted(int(name) for name in os.listdir(place) if name.isdecimal() and name.isascii())


def _name(number: int) -> str:
    return f"{number:08}"


def _remove(place: int, numbers: list[int]) -> None:
    for number in numbers:
        with suppress(OSError):
            os.unlink(_name(number), dir_fd=place)


def _write(file: int, holder: Holder) -> None:
    os.pwrite(file, holder.to_bytes(), 0)
    os.fsync(file)
