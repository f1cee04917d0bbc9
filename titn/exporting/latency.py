"""Times of what was exported, beside those of the network that it was made from."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from titn.exporting.agreement import Answer
from titn.exporting.classifier import Classifier
from titn.profiling.latencies import TimedNetwork, calls_filling, take_turns
from titn.training.metrics import macs, num_parameters
from titn.types import ImageSpec


def time_answers(
    classifier: Classifier,
    answers: Mapping[str, Answer],
    images: ImageSpec,
    *,
    batches: Sequence[int],
    rounds: int,
    secs: float,
) -> list[TimedNetwork]:
    """PyTorch and each of `answers`, at every batch size, in turns; secs: of a round's part."""
    counted = num_parameters(classifier), macs(classifier.network, images)[1]
    timed = []
    for name, answer in {"torch": in_torch(classifier), **answers}.items():
        for batch in batches:
            pixels = np.zeros((batch, images.channels, images.size, images.size), np.float32)
            call: Callable[[], None] = partial(_call, answer, pixels)
            timed.append(TimedNetwork(name, *counted, batch, call, calls_filling(secs, call)))
    take_turns(timed, rounds)
    return timed


def in_torch(network: nn.Module) -> Answer:
    """Runs a module without gradients."""

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return network(torch.from_numpy(images)).numpy()

    return answer


def _call(answer: Answer, pixels: NDArray[np.float32]) -> None:
    answer(pixels)
