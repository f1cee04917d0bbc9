"""Learning rate schedules: pure functions of the step, so that a resumed run needs no state."""

import math
from typing import Protocol

from titn.config.annotations import Decline, Fraction, NonNegative


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
        return self.final + (1 - self.final) * cosine_half(progress)


class OneCycle:
    """Up in a line from `start` to 1 over the first `warmup` of all steps, then down to `final`.

    The cycle of Smith and Topin (2018), whose rates are the half of it that counts: they lower the
    momentum while the rate is high, here it stays. warmup: a fraction of all steps of the run, in
    [0, 1]. shape: how it goes down, in a line or by half a cosine.

    The steps lie strictly between the ends, so that none is wasted on a rate of 0: `start` is what
    the step before the first would have, `final` what the step after the last would have. PyTorch's
    OneCycleLR of two steps more gives the same, from its second step on.
    """

    def __init__(
        self,
        *,
        warmup: Fraction = 0.2,
        start: Fraction = 0.0,
        final: Fraction = 0.0,
        shape: Decline = "linear",
    ):
        self.warmup = warmup
        self.start = start
        self.final = final
        self.shape = shape

    def factor(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        warmup = round(self.warmup * total_steps)
        if step < warmup:
            return self.start + (1 - self.start) * (step + 1) / (warmup + 1)
        progress = (step - warmup) / max(total_steps - warmup, 1)
        left = cosine_half(progress) if self.shape == "cosine" else 1 - progress
        return self.final + (1 - self.final) * left


def cosine_half(progress: float) -> float:
    """(1 + cos(pi t)) / 2: from 1 at t = 0 to 0 at t = 1."""
    return (1 + math.cos(math.pi * progress)) / 2
