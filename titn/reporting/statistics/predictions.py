"""Numbers of predictions: chance, agreement, confusion, recall, and how soon a curve rises."""

import numpy as np
from scipy.stats import binomtest

from titn.reporting.statistics.intervals import LEVEL, same_shape, t_quantile

# Share of the way from chance to perfect below which a network has hardly learned anything.
NEAR_CHANCE = 0.1


def above_chance(top1: float, num_classes: int) -> float:
    """(top1 - 1/k) / (1 - 1/k): 0 at chance, 1 at perfect."""
    return (top1 - 1 / num_classes) / (1 - 1 / num_classes)


def near_chance(top1: float, num_classes: int) -> bool:
    """Less than a tenth of the way from chance to perfect."""
    return bool(above_chance(top1, num_classes) < NEAR_CHANCE)


def epochs_to_reach(epochs: np.ndarray, curve: np.ndarray, threshold: float) -> int | None:
    """The first of (e,) epochs whose value is at least the threshold; None if none is.

    curve: (e,), nan for an epoch that was not evaluated.
    """
    reached = np.asarray(epochs)[np.asarray(curve) >= threshold]
    return int(reached.min()) if len(reached) else None


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """The share of equal entries. ValueError if the shapes differ."""
    a, b = same_shape(a, b)
    return float((a == b).mean())


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of McNemar (1947): whether two networks err equally often.

    only_first, only_second: images that only one of the two classifies correctly. If both are as
    good, each such image is either's with probability 1/2; 1 if there is none.
    """
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, k: int) -> np.ndarray:
    """Counts (k, k): rows are true classes, columns predicted ones; classes from 0 to k - 1.

    labels, predicted: (m,). IndexError for a class that is not below k.
    """
    counts = np.zeros((k, k), dtype=np.int64)
    # Not counts[labels, predicted] += 1, which would count repeated pairs once.
    np.add.at(counts, (labels, predicted), 1)
    return counts


def mean_by_class(
    labels: np.ndarray, values: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of each class's values and the ends of its 95% t interval, (k,) each.

    labels, values: (m,). nan for an absent class; the ends are nan for a class of one image.
    """
    mean, low, high = np.full((3, k), np.nan)
    for index in range(k):
        own = values[labels == index]
        if len(own):
            mean[index] = own.mean()
        if len(own) > 1:
            half = t_quantile(LEVEL, len(own) - 1) * own.std(ddof=1) / len(own) ** 0.5
            low[index], high[index] = mean[index] - half, mean[index] + half
    return mean, low, high


def recall_by_class(labels: np.ndarray, predicted: np.ndarray, k: int) -> np.ndarray:
    """The share (k,) of each class's images that are predicted as it; nan for an absent class."""
    counts = confusion_counts(labels, predicted, k)
    images = counts.sum(1)  # (k, k) -> (k,) images of each true class
    return np.divide(counts.diagonal(), images, out=np.full(k, np.nan), where=images > 0)
