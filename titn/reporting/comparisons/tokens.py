"""The two tokens of a student on the same test images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from titn.reporting.comparisons.verdicts import BETTER, MIN_SEEDS, WORSE, judge
from titn.reporting.evidence.row import Row
from titn.reporting.statistics.images import images_variance, interaction_variance
from titn.reporting.statistics.intervals import Interval
from titn.reporting.statistics.predictions import agreement
from titn.reporting.statistics.rule import level_contrast
from titn.reporting.statistics.seed_model import fit_seeds


@dataclass(frozen=True)
class TokenComparison:
    """Top-1 of both tokens of a row and of their mean (fused); means over seeds.

    dist_less_cls, fused_less_cls: 95% intervals of the differences in top-1; None with one seed.
    agreement: the share of images for which both tokens predict the same class. teacher: its top-1,
    None if its predictions are not known.
    """

    row: Row
    cls: float
    dist: float
    fused: float
    dist_less_cls: Interval | None
    fused_less_cls: Interval | None
    agreement: float
    teacher: float | None

    @property
    def better(self) -> str:
        """Which token is better: "dist", "cls", or "neither" if that is not decided."""
        interval = self.dist_less_cls
        if interval is None or len(self.row.runs) < MIN_SEEDS:
            return "neither"
        # No margin within which two tokens were said to be equal before they were trained.
        return {BETTER: "dist", WORSE: "cls"}.get(judge(interval, 0.0), "neither")


def compare_tokens(row: Row) -> TokenComparison | None:
    """None if the row has not two trained tokens, or lacks predictions by image."""
    if not _trains_both(row) or not row.has_all_samples:
        return None
    seeds = list(row.samples.values())
    if not all({"cls", "dist", "fused"} <= columns.keys() for columns in seeds):
        return None
    taught = [columns for columns in seeds if "teacher" in columns]
    # token -> (seeds, images)
    correct = {
        name: np.stack([columns[name] == columns["label"] for columns in seeds])
        for name in ("cls", "dist", "fused")
    }
    return TokenComparison(
        row=row,
        **{name: float(right.mean()) for name, right in correct.items()},
        dist_less_cls=_difference(correct["dist"], correct["cls"]),
        fused_less_cls=_difference(correct["fused"], correct["cls"]),
        agreement=float(np.mean([agreement(columns["cls"], columns["dist"]) for columns in seeds])),
        teacher=mean_or_none(
            [agreement(columns["teacher"], columns["label"]) for columns in taught]
        ),
    )


def _trains_both(row: Row) -> bool:
    """Whether both terms of the loss have a weight, each for a token of its own."""
    alpha, token = row.shared_value("loss.alpha"), row.shared_value("loss.token")
    is_between = isinstance(alpha, int | float) and 0 < alpha < 1
    return is_between and token != "cls" and row.shared_value("dist.top1") is not None


def _difference(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Interval | None:
    """Of two outputs of the same networks, (n, m) each: one number by network and image."""
    if len(first) < 2:
        return None
    difference = first.astype(float) - second
    values = difference.mean(1)
    floor = interaction_variance(difference) / difference.shape[1]
    model = fit_seeds([values], [floor], share_seeds=False)
    return level_contrast(model, 0, images_variance(difference)).interval(float(values.mean()))


def mean_or_none(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
