"""Learning rate schedules: pure functions of the step, so that a resumed run needs no state."""

import math
from typing import Protocol

from titn.config.annotations import Fraction, NonNegative


class Schedule(Protocol):
    def factor(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """What the base learning rate is multiplied by at `step`, counted from 0."""


class Cosine:
    """From 1 down half a cosine to `final` (Loshchilov and Hutter, 2017), after a linear warm-up.

    warmup_epochs: may be a fraction of an epoch; the ramp starts at one step's share of the rate,
    not at 0. final: the share of the base rate that would be reached after the last step.
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
