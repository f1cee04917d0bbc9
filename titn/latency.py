"""How fast networks answer: latency and throughput of inference.

    python -m titn.latency model=titn,deit,vgg16_bn

All networks and batch sizes take turns (titn.profiling.latencies); the numbers are medians over
the rounds, after warming up.
"""

import argparse
import statistics
import sys
from typing import TYPE_CHECKING

from titn.system.console import (
    Arguments,
    non_negative_number,
    print_table,
    run_command,
    whole_number,
)

if TYPE_CHECKING:
    from titn.profiling.latencies import TimedNetwork

COLUMNS = (
    "model", "parameters_m", "macs_m", "batch", "median_ms", "fastest_ms", "slowest_ms",
    "images_per_sec",
)  # fmt: skip


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    sys.exit(run_command(lambda: latency(_parser().parse_intermixed_args())))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        "titn.latency", description="Latency and throughput of inference, medians, warm."
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="KEY=VALUE",
        help="as for titn.train; model=A,B names several (default: all), precision= and device= "
        "say how",
    )
    parser.add_argument("--batch", type=_batches, default=[1, 128], help="default 1,128")
    parser.add_argument("--classes", type=whole_number(2, 2**15), default=100, help="default 100")
    parser.add_argument("--rounds", type=whole_number(1), default=11, help="default 11")
    parser.add_argument(
        "--secs",
        type=non_negative_number,
        default=0.1,
        help="the least time of a round's part (default 0.1)",
    )
    return parser


def _batches(text: str) -> list[int]:
    return [whole_number(1)(part) for part in text.split(",")]


def latency(arguments: argparse.Namespace) -> int:
    """Build, warm up, take turns, print."""
    from titn.config.compose_run import compose_run
    from titn.config.constraints import check_memory
    from titn.profiling import latencies
    from titn.records.provenance import cpu_name
    from titn.system.progress import say
    from titn.types import image_spec

    names, overrides = _models(arguments.overrides)
    runs = {name: compose_run([f"model={name}", *overrides]) for name in names}
    specs = {name: image_spec(run["dataset"], arguments.classes) for name, run in runs.items()}
    for spec in specs.values():
        batch = max(arguments.batch)
        # As bytes, and as the floating point that a network makes of them.
        needed = (1 + 4) * batch * spec.channels * spec.size**2
        check_memory(needed, f"--batch {batch}", "the images of a batch take", "it")
    timed = []
    for name, run in runs.items():
        timed += latencies.timed_networks(name, run, specs[name], arguments.batch, arguments.secs)
    say(latencies.describe_setup(next(iter(runs.values())), cpu_name()))
    latencies.take_turns(timed, arguments.rounds)
    print_table(COLUMNS, [row(one) for one in timed])
    return 0


def row(one: "TimedNetwork") -> tuple[str, ...]:
    """A line of the table: times of a batch in milliseconds, images a second at the median."""
    median = statistics.median(one.times)
    times = (f"{1000 * secs:.3f}" for secs in (median, min(one.times), max(one.times)))
    facts = (one.name, f"{one.parameters / 1e6:.2f}", f"{one.macs / 1e6:.2f}", str(one.batch))
    return (*facts, *times, f"{one.batch / median:.1f}")


def _models(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The networks that `model=` names, all if it does not, and the other overrides."""
    from titn.config.compose import choices_of

    named = [text.partition("=")[2] for text in arguments if text.startswith("model=")]
    others = [text for text in arguments if not text.startswith("model=")]
    return (",".join(named).split(",") if named else choices_of("model")), others


if __name__ == "__main__":
    main()
