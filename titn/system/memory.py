"""How much memory this process can still take, and sizes as people read them."""

import sys
from contextlib import suppress
from pathlib import Path

import psutil

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")

# Where Linux has the limits of control groups, as containers and Slurm set them.
CGROUPS = Path("/sys/fs/cgroup")
LIMIT_AND_USAGE = (
    ("memory.max", "memory.current"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def available_memory() -> int:
    """Bytes of main memory that can still be taken without swapping.

    The least of what the machine has, what the control groups of this process leave (a container's,
    a Slurm job's), and what `ulimit -d` and `ulimit -v` leave.
    """
    least = psutil.virtual_memory().available
    if sys.platform == "linux":
        least = min([least, *_left_by_cgroups(), *_left_by_limits()])
    return max(least, 0)


def _left_by_cgroups() -> list[int]:
    left = []
    for group in _cgroups():
        for limit, usage in LIMIT_AND_USAGE:
            with suppress(OSError, ValueError):  # there is none, or it says "max"
                used = int((group / usage).read_text()) - _page_cache(group)
                left.append(int((group / limit).read_text()) - used)
    return left


def _cgroups() -> list[Path]:
    """The control groups of this process that may limit its memory, up to their root."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = CGROUPS / "memory" if controllers else CGROUPS
        group = root / place.lstrip("/")
        found += [one for one in (group, *group.parents) if one == root or root in one.parents]
    return found


def _page_cache(group: Path) -> int:
    """Bytes of files that a group's memory holds and gives back when it is asked for them."""
    names = ("inactive_file", "total_inactive_file")
    lines = (line.split() for line in (group / "memory.stat").read_text().splitlines())
    return max((int(value) for name, value in lines if name in names), default=0)


def _left_by_limits() -> list[int]:
    import resource  # not on Windows

    used = psutil.Process().memory_info()
    limits = ((resource.RLIMIT_DATA, used.data), (resource.RLIMIT_AS, used.vms))
    left = []
    for limit, taken in limits:
        soft, _ = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY:
            left.append(soft - taken)
    return left


def size_text(num_bytes: int) -> str:
    """A size with three digits, in powers of 1000 as disks are sold: 512 bytes, 1.5 GB, 200 GB."""
    size = float(num_bytes)
    for unit in UNITS:
        if size < 999.5 or unit == UNITS[-1]:
            break
        size /= 1000
    digits = 0 if unit == UNITS[0] or size >= 99.95 else 1
    return f"{size:.{digits}f} {unit}"
