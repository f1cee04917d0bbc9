"""A directory mounted again through FUSE, as a network's file system would show it.

python tests/services/fuse_disk.py DIR MOUNT ENOSYS 3600   # flock fails so; the clock is ahead
python tests/services/fuse_disk.py DIR MOUNT "" 0          # flock works, but in this mount alone

Two mounts of a directory are to flock what two hosts are on a disk that leaves it to each of them.
Needs root or fusermount3, /dev/fuse, libfuse 3 (apt-get install fuse3) and mfusepy.
"""

import ctypes.util
import errno
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALL = "apt-get install fuse3; pip install mfusepy"


def missing() -> str | None:
    """What this machine lacks."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse"
    if ctypes.util.find_library("fuse3") is None:
        return "libfuse 3"
    return None if importlib.util.find_spec("mfusepy") else "mfusepy"


@contextmanager
def mounted(directory: Path, mount: Path, flock: str = "", ahead_secs: float = 0) -> Iterator[Path]:
    """flock: the error that it fails with; without, it works in this mount alone.

    ahead_secs: how far the clock that files get their times from is ahead of this host's.
    """
    mount.mkdir()
    command = [sys.executable, __file__, str(directory), str(mount), flock, str(ahead_secs)]
    with subprocess.Popen(command) as server:
        try:
            end = time.monotonic() + 60
            while not os.path.ismount(mount):
                assert server.poll() is None, "the mount failed"
                assert time.monotonic() < end
                time.sleep(0.02)
            yield mount
        finally:
            subprocess.run(["fusermount3", "-u", "-z", str(mount)], check=False)
            server.terminate()


def main(directory: str, mount: str, flock: str, ahead_secs: str) -> None:
    import mfusepy

    ahead_ns = int(float(ahead_secs) * 1e9)

    class Disk(mfusepy.Operations):
        use_ns = True

        def getattr(self, path, fh=None):
            found = os.lstat(directory + path)
            names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino", "st_blocks")
            times = {f"st_{x}time": getattr(found, f"st_{x}time_ns") + ahead_ns for x in "amc"}
            return {name: getattr(found, name) for name in names} | times

        def access(self, path, mode):
            if not os.access(directory + path, mode):
                raise mfusepy.FuseOSError(errno.EACCES)
            return 0

        def readdir(self, path, fh):
            return [".", "..", *os.listdir(directory + path)]

        def open(self, path, flags):
            return os.open(directory + path, flags & ~os.O_APPEND)  # the kernel says where

        def create(self, path, mode, flags):
            return os.open(directory + path, flags & ~os.O_APPEND | os.O_CREAT, mode)

        def read(self, path, size, offset, fh):
            return os.pread(fh, size, offset)

        def write(self, path, data, offset, fh):
            return os.pwrite(fh, data, offset)

        def truncate(self, path, length, fh=None):
            os.truncate(directory + path if fh is None else fh, length)

        def fsync(self, path, datasync, fh):
            os.fsync(fh)

        def release(self, path, fh):
            os.close(fh)

        def rename(self, old, new, flags=0):
            os.rename(directory + old, directory + new)

        def utimens(self, path, times=None):
            os.utime(directory + path, ns=times and tuple(each - ahead_ns for each in times))

        def chmod(self, path, mode):
            os.chmod(directory + path, mode)

        def mkdir(self, path, mode):
            os.mkdir(directory + path, mode)

        def rmdir(self, path):
            os.rmdir(directory + path)

        def unlink(self, path):
            os.unlink(directory + path)

        def statfs(self, path):
            found = os.statvfs(directory + path)
            return {name: getattr(found, name) for name in dir(found) if name.startswith("f_")}

    if flock:

        def fails(self, path, fh, op):
            raise mfusepy.FuseOSError(getattr(errno, flock))

        Disk.flock = fails
    options = {"attr_timeout": 0, "entry_timeout": 0, "negative_timeout": 0}
    mfusepy.FUSE(Disk(), mount, foreground=True, nothreads=True, **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
