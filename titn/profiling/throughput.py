"""Images a second of whole training steps: of one run, and of several at once."""

import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import Empty
from tempfile import TemporaryDirectory
from threading import BrokenBarrierError
from typing import Any

import torch

from titn.losses.terms import maps_read
from titn.profiling.ceiling import wait_for
from titn.profiling.made_up import assemble_made_up
from titn.profiling.stages import Stage, whole_step
from titn.system.errors import CellError, ConfigError
from titn.system.text import counted
from titn.training import build
from titn.training.answer_cache import AnswerCache, kind_of

# How often it is seen whether a process has died.
WATCH_SECS = 1.0


def training_rates(
    run: dict, *, steps: int, rounds: int, num_classes: int, answer_cache: AnswerCache | None = None
) -> list[float]:
    """Images a second of whole training steps, one number for each round, after a warm-up.

    answer_cache: to be filled in the warm-up, which sees the same images, and used in the rounds.
    """
    made = assemble_made_up(run, steps, num_classes, answer_cache)
    whole = whole_step(made, steps)
    whole.run()
    return [_rate(whole, made.task.fabric.device) for _ in range(rounds)]


def cached_answer_rates(run: dict, *, steps: int, rounds: int, num_classes: int) -> list[float]:
    """`training_rates` of a student that finds its teacher's answers cached by another.

    ConfigError of a loss that reads features, of which none are.
    """
    loss = build.instantiate(run, "loss")
    if maps_read(loss) is not None:
        raise ConfigError(
            "--kept-labels: this loss reads features of the teacher; no answers are kept"
        )
    with TemporaryDirectory() as place:
        cache = AnswerCache(Path(place), kind_of(loss), {}, steps)
        return training_rates(
            run, steps=steps, rounds=rounds, num_classes=num_classes, answer_cache=cache
        )


def concurrent_rates(
    run: dict, cells: int, *, steps: int, rounds: int, num_classes: int
) -> list[float]:
    """Images a second of `cells` runs at once, each a process; summed, for each round.

    On a CPU they share its threads.
    """
    context = get_context("spawn")
    barrier, queue = context.Barrier(cells), context.Queue()
    threads = max(torch.get_num_threads() // cells, 1)
    settings = {"steps": steps, "rounds": rounds, "num_classes": num_classes}
    processes = [
        context.Process(target=_one_of, args=(run | {"seed": i}, threads, settings, barrier, queue))
        for i in range(cells)
    ]
    for process in processes:
        process.start()
    try:
        rates = [_next_rates(queue, processes) for _ in processes]
    except KeyboardInterrupt:
        for process in processes:
            process.terminate()
        raise
    finally:
        barrier.abort()  # of those that wait for one that has died
        for process in processes:
            process.join()
    return [sum(of_round) for of_round in zip(*rates, strict=True)]


def _next_rates(queue: Any, processes: Sequence[BaseProcess]) -> list[float]:
    """What one of the cells has measured; CellError if one of them has died."""
    while True:
        with suppress(Empty):
            return queue.get(timeout=WATCH_SECS)
        if died := [process for process in processes if process.exitcode]:
            raise CellError(
                f"{len(died)} of {counted(len(processes), 'worker')} ended with exit code "
                f"{died[0].exitcode}, perhaps for lack of memory; give fewer --cells"
            )


def _one_of(run: dict, threads: int, settings: dict, barrier: Any, queue: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the one that leads
    torch.set_num_threads(threads)
    steps = settings["steps"]
    made = assemble_made_up(run, steps, settings["num_classes"])
    whole = whole_step(made, steps)
    whole.run()
    with suppress(BrokenBarrierError):  # another has died, and nothing is measured
        rates = []
        for _ in range(settings["rounds"]):
            barrier.wait()
            rates.append(_rate(whole, made.task.fabric.device))
        queue.put(rates)


def _rate(stage: Stage, device: torch.device) -> float:
    started = time.perf_counter()
    stage.run()
    wait_for(device)
    return stage.num_images / (time.perf_counter() - started)
