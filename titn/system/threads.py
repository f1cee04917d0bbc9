"""How idle threads wait for the next piece of work of a parallel loop."""

import os
from collections.abc import MutableMapping

# Turns of the loop in which a thread of GNU's OpenMP waits before it sleeps, about 50 microseconds;
# by default 300,000, some ten milliseconds. Measured: benchmarks/README.md, "Beside other work".
SPINS = "1000"
# Whoever sets one of these has decided.
DECIDED = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def limit_spinning(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let threads wait for a moment in a loop, then sleep; before torch is imported.

    A training step has some hundred parallel loops, at the end of which threads wait for each
    other. By default they do so in a loop of their own for so long that, where another process
    takes the processor from one of them, the others use up the time in which it would have run.
    Sleeping at once costs an idle machine the time to wake up. A short loop is between the two:
    alone it costs 6 to 17% of the default's speed, beside another process it has twice as much.

    OpenMP reads the environment when it is loaded, which it is with torch, and so do the processes
    of a sweep. It does nothing where torch has another OpenMP.
    """
    if not any(name in environment for name in DECIDED):
        environment["GOMP_SPINCOUNT"] = SPINS
