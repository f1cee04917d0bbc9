"""Learning rate schedules: pure functions of the step, so that a resumed run needs no state."""

import math
from typing import Protocol

from titn.config.annotations import Fraction, NonNegative


class Schedule(Protocol):
    """What the engine asks of a schedule."""

    def factor(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """The factor of the base learning rate at `step`, counted from 0."""


class Cosine:
    """final + (1 - final) (1 + cos(pi t)) / 2, t from 0 to 1, after a linear warm-up.

    Loshchilov and Hutter (2017), without restarts; the paper names it and no warm-up (section 4.1).
    It is evaluated at every step, where PyTorch's examples change the rate once an epoch.

    warmup_epochs: may be a fraction; the first step of the ramp has 1 / (warmup steps + 1) of the
    rate and not 0, so that no step is wasted. final: the factor after the last step, in [0, 1].
    """

    def __init__(self, *, warmup_epochs: NonNegative = 0.0, final: Fraction = 0.0):
        self.warmup_epochs = warmup_epochs
        self.final = final

    def factor(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        warmup = min(round(self.warmup_epochs * steps_per_epoch), total_steps)
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = (step - warmup) / max(total_steps - warmup, 1)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2
