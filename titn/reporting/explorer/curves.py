"""Learning curves with few digits and, of many runs, fewer epochs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

# What an epoch's row has and the page can draw.
METRICS = {
    "top1": "top-1", "cls.top1": "class token top-1", "dist.top1": "distillation token top-1",
    "train.accuracy": "accuracy on train", "nll": "log loss", "train.loss": "loss on train",
    "lr": "learning rate", "train_secs": "training time (s)",
}  # fmt: skip
FRACTIONS = ("top1", "cls.top1", "dist.top1", "train.accuracy")

# All curves of a page: about a megabyte. A curve keeps twenty epochs or more.
MAX_NUMBERS, MIN_EPOCHS = 500_000, 20

Epochs = Sequence[Mapping[str, Any]]


def curves(runs: Sequence[Epochs]) -> dict[str, Any]:
    """The flat rows of each run's epochs as lists.

    `metrics`: key, label and kind of each. `epochs`: the lists of epochs that occur; `of`: for each
    run the index of its list, -1 for a run without epochs. `values`: metric -> for each run a
    value for each of its epochs, or null.
    """
    known = [key for key in METRICS if any(key in row for epochs in runs for row in epochs)]
    most = max(MIN_EPOCHS, MAX_NUMBERS // max(1, len(known) * sum(map(bool, runs))))
    kept = [thinned(epochs, most) for epochs in runs]
    lists: dict[tuple[int, ...], int] = {}
    of = [
        lists.setdefault(tuple(row["epoch"] for row in epochs), len(lists)) if epochs else -1
        for epochs in kept
    ]
    values = {key: [_curve(epochs, key) for epochs in kept] for key in known}
    metrics = [
        {"key": key, "label": METRICS[key], "kind": "fraction" if key in FRACTIONS else "number"}
        for key in known
    ]
    return {"metrics": metrics, "epochs": [list(one) for one in lists], "of": of, "values": values}


def thinned(epochs: Epochs, most: int) -> Epochs:
    """The last epoch and every so many before it, the fewest steps apart that leave `most`."""
    step = math.ceil(len(epochs) / most)
    return epochs[::-1][:: step or 1][::-1]


def _curve(epochs: Epochs, key: str) -> list[float | None] | None:
    values = [_rounded(row.get(key), key) for row in epochs]
    return values if any(value is not None for value in values) else None


def _rounded(value: Any, key: str) -> float | None:
    """A hundredth of a point of an accuracy, four digits of other numbers."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(value, 4) if key in FRACTIONS else float(f"{value:.4g}")
