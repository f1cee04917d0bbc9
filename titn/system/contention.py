"""Notices when the cores are shared: how much a process gets of the time that it asks for.

Linux counts for each thread how long it ran, and how long it was ready and had to wait; elsewhere
nothing is noticed.
"""

import time
from collections.abc import Callable
from pathlib import Path

from titn.system.text import counted

# So long a share is measured, and from this share on it is not worth a word.
WINDOW_SECS = 15.0
ENOUGH = 0.7

# Thread -> seconds for which it ran, and for which it waited.
Times = dict[str, tuple[float, float]]


class Contention:
    """Looks again and again until it has something to say; that is said once."""

    def __init__(self, read: Callable[[], Times] | None = None):
        self.read = read or thread_times
        self.before, self.at, self.is_said = self.read(), time.monotonic(), False

    def look(self) -> str | None:
        """What to tell the user, if the last seconds were such."""
        now = time.monotonic()
        if self.is_said or now - self.at < WINDOW_SECS:
            return None
        before, self.before, self.at = self.before, self.read(), now
        share = share_of_time(before, self.before)
        num_threads, num_cores = threads_and_cores()
        if num_threads <= num_cores and share >= ENOUGH:
            return None
        self.is_said = True
        return describe(share, num_threads, num_cores)


def thread_times() -> Times:
    """Of all threads of this process; empty where the system does not count."""
    times: Times = {}
    for file in Path("/proc/self/task").glob("*/schedstat"):
        try:
            ran, waited, _ = file.read_text().split()
        except (OSError, ValueError):  # the thread has ended
            continue
        times[file.parent.name] = int(ran) / 1e9, int(waited) / 1e9
    return times


def share_of_time(before: Times, after: Times) -> float:
    """Of the time for which threads were ready between two moments, that for which they ran."""
    ran = waited = 0.0
    for thread, (run_secs, wait_secs) in after.items():
        run_before, wait_before = before.get(thread, (0.0, 0.0))
        ran += run_secs - run_before
        waited += wait_secs - wait_before
    return ran / (ran + waited) if ran > 0 else 1.0


def threads_and_cores() -> tuple[int, int]:
    """Threads among which a parallel loop is divided, and cores that the system allows.

    By affinity and by a container's quota.
    """
    import joblib
    from threadpoolctl import threadpool_info

    threads = max((pool["num_threads"] for pool in threadpool_info()), default=1)
    return threads, joblib.cpu_count()


def describe(share: float, num_threads: int, num_cores: int) -> str:
    """What is the matter, and what to set."""
    cores = counted(num_cores, "core")
    if num_threads > num_cores:
        return (
            f"{num_threads} threads share {cores}, which slows all of them down; "
            f"OMP_NUM_THREADS={num_cores} sets as many as there are cores"
        )
    said = f"other processes take the cores: this run gets {share:.0%} of the time that it asks for"
    if num_threads > 1:
        return f"{said}, on {cores}; OMP_NUM_THREADS=1 spares its threads waiting for each other"
    return f"{said}, on {cores}; it is faster with fewer of them at once"
