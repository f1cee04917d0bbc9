"""How fast networks answer: latency and throughput of inference.

    python -m titn.latency model=titn,deit,vgg16_bn

All networks and batch sizes take turns, round after round, so that what else the machine does
touches all alike; the numbers are medians over the rounds, after warming up. A network is timed as
a teacher runs: frozen, in evaluation mode, its normalisation included, from uint8 images that lie
on the device to logits.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from titn.console import answered, show, whole

COLUMNS = (
    "model", "parameters_m", "macs_m", "batch", "median_ms", "fastest_ms", "slowest_ms",
    "images_per_sec",
)  # fmt: skip


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    arguments = _parser().parse_args()
    sys.exit(answered(lambda: latency(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
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
    parser.add_argument("--classes", type=whole(2), default=100, help="default 100")
    parser.add_argument("--rounds", type=whole(1), default=11, help="default 11")
    parser.add_argument(
        "--secs", type=float, default=0.1, help="the least time of a round's part (default 0.1)"
    )
    return parser


def _batches(text: str) -> list[int]:
    return [whole(1)(part) for part in text.split(",")]


@dataclass
class Contestant:
    """A network at a batch size. answer: runs it once and waits for it. times: seconds a batch."""

    facts: tuple[str, str, str]
    batch: int
    answer: Callable[[], None]
    calls: int
    times: list[float]


def latency(arguments: argparse.Namespace) -> int:
    """Build, warm up, take turns, print."""
    from tqdm import tqdm

    from titn.progress import say

    contestants, how = _contestants(arguments)
    say(how)
    bar = tqdm(total=arguments.rounds * len(contestants), unit="part", disable=None, leave=False)
    with bar:
        for _ in range(arguments.rounds):
            for one in contestants:
                bar.set_description(f"{one.facts[0]} at {one.batch}", refresh=False)
                started = time.perf_counter()
                for _ in range(one.calls):
                    one.answer()
                one.times.append((time.perf_counter() - started) / one.calls)
                bar.update()
    show(COLUMNS, [row(one) for one in contestants])
    return 0


def row(one: Contestant) -> tuple[str, ...]:
    """A line of the table: times of a batch in milliseconds, images a second at the median."""
    median = statistics.median(one.times)
    times = (f"{1000 * secs:.3f}" for secs in (median, min(one.times), max(one.times)))
    return (*one.facts, str(one.batch), *times, f"{one.batch / median:.1f}")


def _contestants(arguments: argparse.Namespace) -> tuple[list[Contestant], str]:
    """Every network at every batch size, warm; and in words what they run on."""
    import torch

    from titn import build, hardware
    from titn.explain import composed
    from titn.metrics import macs, num_parameters
    from titn.outputs import ImageSpec
    from titn.teacher import Frozen

    names, overrides = _models(arguments.overrides)
    made: list[Contestant] = []
    how = ""
    for name in names:
        run = composed([f"model={name}", *overrides])
        device = hardware.device(run["device"])
        precision = hardware.precision(run["precision"], device)
        how = (
            f"{precision} on {device}, {torch.get_num_threads()} threads, torch {torch.__version__}"
        )
        spec = ImageSpec(num_classes=arguments.classes, size=run["dataset"]["image_size"])
        network = build.make(run, "model", images=spec)
        counted = (num_parameters(network), macs(network, spec)[1])
        facts = (name, f"{counted[0] / 1e6:.2f}", f"{counted[1] / 1e6:.2f}")
        frozen = hardware.fabric(device, precision).setup_module(
            Frozen(network, hardware.WEIGHT_DTYPES[precision])
        )
        for batch in arguments.batch:
            images = torch.randint(256, (batch, 3, spec.size, spec.size), dtype=torch.uint8)
            answer = _answer(frozen, images.to(device))
            made.append(Contestant(facts, batch, answer, _calls(answer, arguments.secs), []))
    return made, how


def _answer(network: Any, images: Any) -> Callable[[], None]:
    def answer() -> None:
        # On a GPU nothing has been computed until it has been waited for.
        network(images)[0, 0].item()

    return answer


def _calls(answer: Callable[[], None], secs: float) -> int:
    """Warm up; how many calls fill `secs`."""
    for _ in range(2):
        answer()
    started = time.perf_counter()
    answer()
    return max(round(secs / (time.perf_counter() - started)), 1)


def _models(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The networks that `model=` names, all if it does not, and the other overrides."""
    from titn.explain import choices_of

    named = [text.partition("=")[2] for text in arguments if text.startswith("model=")]
    others = [text for text in arguments if not text.startswith("model=")]
    return (",".join(named).split(",") if named else choices_of("model")), others


if __name__ == "__main__":
    main()
