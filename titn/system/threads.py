"""How idle threads wait for the next piece of work of a parallel loop."""

import os
import time
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

# Turns of the loop in which a thread of GNU's OpenMP waits before it sleeps: half a millisecond,
# or 50 microseconds; by its default 300,000, some ten milliseconds.
# Measured: benchmarks/README.md, "Beside other work".
SPINS_ALONE, SPINS_BESIDE_OTHERS = "10000", "1000"
# Whoever sets one of these has decided.
DECIDED = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
THREADS = "OMP_NUM_THREADS"

# Linux's averages of load; the fourth field is "threads that run or want to/all threads".
LOADS = "loadavg"
PROC = Path("/proc")
KERNEL_THREAD = 0x00200000  # PF_KTHREAD of the flags in /proc/PID/stat
# With more, as on a node of a cluster, to read what each of them does would take too long.
MOST_THREADS = 1000
LOOKS, BETWEEN_LOOKS_SECS = 9, 0.001


def limit_spinning(environment: MutableMapping[str, str] = os.environ, proc: Path = PROC) -> None:
    """Let threads wait for a while in a loop, then sleep; before torch is imported.

    A training step has some hundred parallel loops, at the end of which threads wait for each
    other. By default they do so in a loop of their own for so long that, where another process
    takes the processor from one of them, the others use up the time in which it would have run:
    beside other work a short loop makes training several times as fast. Alone, what counts is the
    time to wake up a sleeping thread, which on some virtual machines takes a third of the speed;
    a loop of half a millisecond outlasts nearly every wait. So it depends on whether anything else
    runs on the machine as the command begins.

    OpenMP reads the environment when it is loaded, which it is with torch, and so do the processes
    of a sweep. It does nothing where torch has another OpenMP.
    """
    one_thread = environment.get(THREADS) == "1"  # which waits for no other
    if not one_thread and not any(name in environment for name in DECIDED):
        busy = others_run(proc)
        environment["GOMP_SPINCOUNT"] = SPINS_BESIDE_OTHERS if busy else SPINS_ALONE


def others_run(proc: Path = PROC) -> bool:
    """Whether other processes want a processor, in most of some looks within 10 milliseconds.

    Threads of the kernel do not count where there are few: one that writes out what was installed
    a moment ago will soon have done.
    """
    counts = []
    for _ in range(LOOKS):
        try:
            running, threads = map(int, (proc / LOADS).read_text().split()[3].split("/"))
        except (OSError, ValueError, IndexError):  # not Linux, or hidden: as if alone
            return False
        # The thread that looks is one of them.
        is_looked_at = running > 1 and threads <= MOST_THREADS
        counts.append(running - _running_in_kernel(proc) if is_looked_at else running)
        time.sleep(BETWEEN_LOOKS_SECS)
    return sorted(counts)[LOOKS // 2] > 1  # their median


def _running_in_kernel(proc: Path) -> int:
    """How many threads of the kernel run or want to."""
    number = 0
    for file in proc.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):  # it has ended
            # After the name in brackets: state, parent, group, session, terminal, its group, flags.
            state, _, _, _, _, _, flags, *_ = file.read_text().rpartition(")")[2].split()
            number += state == "R" and bool(int(flags) & KERNEL_THREAD)
    return number
