"""A lock for one process at a time, on whatever disk: flock, or a lease where there is none.

flock     on FILE: the system frees it with its process, NFS from version 4 on also that of a host
lease     in FILE.lease/ (`leases`): a host that is gone is noticed because it no longer renews it

With TITN_LOCKS=lease both are taken: for disks on which flock works on each host alone. Nothing
tells such a disk from another, so whoever has the flock writes into FILE who it is: two who have it
at once are noticed before they write a second time.
"""

import errno
import os
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from titn.system import leases
from titn.system.errors import ConfigError, error_text
from titn.system.files import see_what_others_wrote
from titn.system.leases import Found, Holder, Lease, LockLostError, Watch
from titn.system.progress import say

KIND = "TITN_LOCKS"
# What file systems say that have none: Lustre without -o flock, NFS 3 without its daemons, FUSE.
WITHOUT_FLOCK = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
FIRST_POLL_SECS, POLL_SECS = 0.01, 0.5
# Longer than `is_held` has a lock that it looks at.
LOOK_SECS = 0.2
# A lease that stays as it is for so many renewals is one that nobody renews.
MISSED = 2.5
ALL_HOSTS = f"set {KIND}=lease on all hosts"


class HeldError(Exception):
    """Another process has the lock."""


class Lock:
    """The lock at a path, whose directory exists. Not twice at once, and of one thread."""

    def __init__(self, path: Path, timeout: float | None = None):
        """timeout: seconds that `with` waits; None: until it is free."""
        self.path, self.timeout = path, timeout
        self.native: FileLock | None = None
        self.lease: Lease | None = None
        self.me = leases.this_process()

    def acquire(self, timeout: float | None = None) -> None:
        """Take it; HeldError if another process has it for longer than `timeout` seconds.

        A lease that looks as if nobody renewed it is watched first, for as long as it lasts.
        ConfigError if a host with flock may have it, and this one knows of no flock.
        """
        is_forced = _is_forced()
        missing = self._take_flock(timeout)
        try:
            signed = _signature(self.path)
            if missing is not None and signed is not None:
                raise ConfigError(
                    f"{self.path}: {signed.name} took it with flock, which this host has not here "
                    f"({error_text(missing)}); {ALL_HOSTS}, and remove this file if it has ended"
                )
            if signed is not None and not is_local(signed):
                say(
                    f"{self.path}: {signed.name} never gave it back: it was killed, or flock works "
                    f"on each host alone here; if so, {ALL_HOSTS}"
                )
            if missing is not None or is_forced or _lease_place(self.path).is_dir():
                self._take_lease(timeout)
            else:
                self._sign()
            see_what_others_wrote(self.path.parent)
        except BaseException:
            self._free_flock()
            raise

    def _take_flock(self, timeout: float | None) -> OSError | None:
        """What the system said if it has none here."""
        native = FileLock(self.path, fallback_to_soft=False)
        try:
            native.acquire(timeout=-1 if timeout is None else timeout)
        except Timeout:
            raise HeldError(f"{self.path}: another process holds it") from None
        except OSError as error:
            if error.errno not in WITHOUT_FLOCK:
                raise
            return error
        self.native = native
        return None

    def _free_flock(self) -> None:
        if self.native is not None:
            self.native.release()
            self.native = None

    def _take_lease(self, timeout: float | None) -> None:
        lease, poll, is_said = Lease(_lease_place(self.path)), FIRST_POLL_SECS, False
        end = None if timeout is None else time.monotonic() + timeout
        while not lease.take():
            found = leases.find(lease.directory)
            is_silent = found is not None and _looks_silent(found) and not lease.watch.has_changed
            silent = found if is_silent else None
            if silent is not None and not is_said and _is_late(lease.watch.secs, silent):
                is_said = True
                name = silent.holder.name if silent.holder else "a process"
                say(
                    f"{self.path.parent}: {name} seems to be gone: its lease is taken over if it "
                    f"is not renewed for {silent.secs:.0f} s"
                )
            if silent is None and end is not None and time.monotonic() >= end:
                raise HeldError(f"{self.path}: another process holds it")
            time.sleep(poll)
            poll = min(1.5 * poll, POLL_SECS, leases.lease_secs() / 10)
        self.lease = lease

    def _sign(self) -> None:
        if os.name != "posix":
            return  # where others cannot write into a file that is locked
        with suppress(OSError), open(self.path, "r+b") as file:
            file.write(self.me.to_bytes())
            file.truncate()

    def check(self) -> None:
        """To be called before something is written: LockLostError if another has it, too.

        OSError if the disk does not tell.
        """
        if self.lease is not None:
            self.lease.check()
            return
        found = leases.find(_lease_place(self.path))
        if found is not None and not found.is_free:
            raise self._lost_to(found.holder, f"holds a lease on it; {KIND} has to be the same")
        signed = _signature(self.path)
        if signed is not None and signed.token != self.me.token:
            raise self._lost_to(signed, "has its lock too: flock works on each host alone here")

    def _lost_to(self, other: Holder | None, why: str) -> LockLostError:
        name = "another process" if other is None else other.name
        return LockLostError(
            f"{self.path.parent}: {name} {why}; {ALL_HOSTS}; this process writes nothing more there"
        )

    def raise_if_lost(self) -> None:
        """LockLostError if that is known already; it costs nothing."""
        if self.lease is not None:
            self.lease.raise_if_lost()

    def release(self, remove: bool = False) -> None:
        """remove: also its files, by whoever removes the place or needs it no longer."""
        if self.lease is not None:
            self.lease.give_back(remove)
            self.lease = None
        elif self.native is not None and os.name == "posix":
            with suppress(OSError):
                signed = _signature(self.path)
                if signed is not None and signed.token == self.me.token:
                    os.truncate(self.path, 0)
        if remove:
            with suppress(OSError):
                self.path.unlink()
        self._free_flock()

    def __enter__(self) -> "Lock":
        self.acquire(self.timeout)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def lock_files(path: Path) -> set[Path]:
    """The files of a lock."""
    place = _lease_place(path)
    return {path, *(place.iterdir() if place.is_dir() and not place.is_symlink() else ())}


def lock_names(name: str) -> tuple[str, str]:
    """What lies in the directory of a lock of this name."""
    return name, _lease_place(Path(name)).name


def is_held(path: Path) -> bool:
    """Whether a process holds a lock; nothing is written, and it is taken for less than LOOK_SECS.

    By the clock of the disk, where that agrees with this host's; else a lease is watched for some
    seconds.
    """
    place = _lease_place(path)
    with suppress(OSError):  # unknown, as below
        found = leases.find(place)
        if found is not None and not found.is_free and not _is_over(place, found):
            return True
    # To try a lock opens its file, and a link could lead to anyone's file.
    if not path.is_file() or path.is_symlink():
        return False
    probe = FileLock(path, fallback_to_soft=False)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False  # no flock here; or unknown: another user's lock, or a read-only disk
    probe.release()
    return False


def holder_text(path: Path, is_running: bool) -> str:
    """On which host a run is, or was when its process died; empty where nothing tells.

    Nothing tells of flock on this host. Of a lease also for how long it was not renewed, if that is
    long: by the disk's clock, unless that is plainly another than this host's.
    """
    try:
        found = leases.find(_lease_place(path))
    except OSError:
        return ""
    holder = _signature(path) if found is None else found.holder
    if holder is None or holder.is_free or (found is None and is_local(holder)):
        return ""
    if not is_running:
        return f"last on host {holder.host}"
    if found is not None and _is_late(found.age, found) and not _looks_silent(found):
        return f"on host {holder.host}, not renewed for {found.age:.0f} s"
    return f"on host {holder.host}"


def _is_over(place: Path, found: Found) -> bool:
    """Whether nobody renews a lease any more; it is watched where clocks differ or it is late."""
    return _looks_silent(found) and _stays(place, found.content, found.secs)


def is_local(holder: Holder) -> bool:
    """Whether its kernel is this process's, too."""
    return holder.kernel == leases.kernel_of_host()


@lru_cache(maxsize=4096)
def _stays(place: Path, content: bytes, secs: float) -> bool:
    """Whether a lease is not renewed. Known once and for all: a renewal is another content."""
    watch = Watch()
    while True:
        found = leases.find(place)
        if found is None or found.content != content:
            return False
        if _is_late(watch.unchanged_secs(found), found):
            return True
        time.sleep(min(secs / 50, POLL_SECS))


def _is_late(secs: float, found: Found) -> bool:
    """Whether a lease that was not renewed for so long should have been."""
    return secs > MISSED * found.secs / leases.RENEWALS


def _looks_silent(found: Found) -> bool:
    """By the disk's clock, which may be another than this host's: not to be relied on."""
    return abs(found.age) > found.secs


def _lease_place(path: Path) -> Path:
    return path.with_name(f"{path.name}.lease")


def _signature(path: Path) -> Holder | None:
    """What the process that has the flock has written; None if it has given it back."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with open(path, "rb") as file:
            return leases.parse_holder(file.read(leases.NUM_BYTES))
    except OSError:
        return None


def _is_forced() -> bool:
    kind = os.environ.get(KIND, "")
    if kind not in ("", "auto", "lease"):
        raise ConfigError(f"{KIND}={kind}: is neither auto, the default, nor lease")
    if kind == "lease" and os.open not in os.supports_dir_fd:
        raise ConfigError(f"{KIND}=lease: this system has no leases; leave it out")
    return kind == "lease"
