"""Times of inference: networks take turns, round after round.

So that what else the machine does touches all alike. A network is timed as a teacher runs: frozen,
in evaluation mode, its normalisation included, from uint8 images that lie on the device to logits.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from tqdm import tqdm

from titn.system.text import counted
from titn.training import build, hardware
from titn.training.assembly import in_inference_form
from titn.training.metrics import macs, num_parameters
from titn.types import ImageSpec


@dataclass
class TimedNetwork:
    """A network at a batch size. answer: runs it once and waits for it. times: seconds a batch."""

    name: str
    parameters: int
    macs: int
    batch: int
    answer: Callable[[], None]
    calls: int
    times: list[float] = field(default_factory=list)


def timed_networks(
    name: str, run: dict, spec: ImageSpec, batches: Sequence[int], secs: float
) -> list[TimedNetwork]:
    """A run's network at every batch size, warm. secs: the least time of a round's part."""
    device = hardware.device(run["device"])
    precision = hardware.precision(run["precision"], device)
    network = build.instantiate(run, "model", images=spec)
    counted = num_parameters(network), macs(network, spec)[1]
    fabric = hardware.fabric(device, precision)
    tokens = build.instantiate(run, "loss").token_weights
    frozen = in_inference_form(network, fabric, precision, False, tokens)
    made = []
    for batch in batches:
        shape = (batch, spec.channels, spec.size, spec.size)
        answer = _answer(frozen, torch.randint(256, shape, dtype=torch.uint8).to(device))
        made.append(TimedNetwork(name, *counted, batch, answer, calls_filling(secs, answer)))
    return made


def describe_setup(run: dict, cpu: str) -> str:
    """In words, what a run's network is timed on. cpu: as the system calls it."""
    device = hardware.device(run["device"])
    precision = hardware.precision(run["precision"], device)
    threads = torch.get_num_threads()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu
    return (
        f"{precision} on {device}, {name}, {counted(threads, 'thread')}, torch {torch.__version__}"
    )


def take_turns(timed: Sequence[TimedNetwork], rounds: int) -> None:
    """Fill in the times: one for each round."""
    bar = tqdm(total=rounds * len(timed), unit="part", disable=None, leave=False)
    with bar:
        for _ in range(rounds):
            for one in timed:
                bar.set_description(f"{one.name} at {one.batch}", refresh=False)
                started = time.perf_counter()
                for _ in range(one.calls):
                    one.answer()
                one.times.append((time.perf_counter() - started) / one.calls)
                bar.update()


def _answer(network: Any, images: Any) -> Callable[[], None]:
    def answer() -> None:
        # On a GPU nothing has been computed until it has been waited for.
        network(images)[0, 0].item()

    return answer


def calls_filling(secs: float, answer: Callable[[], None]) -> int:
    """Warm up; how many calls take `secs`, at least one."""
    for _ in range(2):
        answer()
    started = time.perf_counter()
    answer()
    return max(round(secs / (time.perf_counter() - started)), 1)
