"""What the two tokens of a student, and its teacher, make of the same test images. Numbers only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from titn.reporting.evidence import Evidence, Row
from titn.reporting.statistics.intervals import Interval
from titn.reporting.statistics.predictions import agreement
from titn.reporting.statistics.seeds_and_images import seeds_and_images_interval

Samples = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Tokens:
    """Of a row that trained both of its tokens, means over its seeds.

    ahead, fused_ahead: dist less cls, and fused less cls, in top-1; None of a single seed.
    same: the share of images of which the two tokens say the same. teacher: the top-1 of who taught
    the one of them, None if its predictions are not known.
    """

    row: Row
    cls: float
    dist: float
    fused: float
    ahead: Interval | None
    fused_ahead: Interval | None
    same: float
    teacher: float | None

    @property
    def verdict(self) -> str:
        """Which token is better: "dist", "cls", or "neither" where zero is within the interval."""
        if self.ahead is None or self.ahead.low <= 0 <= self.ahead.high:
            return "neither"
        return "dist" if self.ahead.low > 0 else "cls"


@dataclass(frozen=True)
class Following:
    """How a row's predictions are those of a teacher, means over its seeds; shares of images.

    heard: whether it is the teacher that the row learned from, or that of the rows beside it.
    mistakes: the images that the teacher gets wrong. cls, dist: of these tokens, None where there
    is one output only. repeated, mended: of the mistakes, those that get the teacher's very class,
    and the right one; None without any.
    """

    row: Row
    heard: bool
    mistakes: float
    teacher_top1: float
    same: float
    cls: float | None
    dist: float | None
    repeated: float | None
    mended: float | None


def tokens(row: Row) -> Tokens | None:
    """None for a row without two trained tokens, or without its predictions by image."""
    if not _trains_both(row) or not row.has_all_samples:
        return None
    seeds = list(row.samples.values())
    if not all({"cls", "dist", "fused"} <= one.keys() for one in seeds):
        return None
    taught = [one for one in seeds if "teacher" in one]
    right = {
        name: np.stack([one[name] == one["label"] for one in seeds])
        for name in ("cls", "dist", "fused")
    }
    return Tokens(
        row=row,
        **{name: float(one.mean()) for name, one in right.items()},
        ahead=_ahead(right["dist"], right["cls"]),
        fused_ahead=_ahead(right["fused"], right["cls"]),
        same=float(np.mean([agreement(one["cls"], one["dist"]) for one in seeds])),
        teacher=_mean([agreement(one["teacher"], one["label"]) for one in taught]),
    )


def _trains_both(row: Row) -> bool:
    """Whether both of its losses have a weight, each for a token of its own."""
    alpha, token = row.one("loss.alpha"), row.one("loss.token")
    is_between = isinstance(alpha, int | float) and 0 < alpha < 1
    return is_between and token != "cls" and row.one("dist.top1") is not None


def _ahead(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Interval | None:
    return seeds_and_images_interval(first, second) if len(first) > 1 else None


def followings(evidence: Evidence) -> Iterator[Following]:
    """Of every row beside a teacher: its own, or for a plain row the one that all others had."""
    teacher = _only_teacher(evidence.recorded)
    for row in evidence.recorded:
        if not row.has_all_samples:
            continue
        seeds = list(row.samples.values())
        if row.teachers:
            if all("teacher" in one for one in seeds):
                # At alpha 1 the teacher is there and has no weight.
                heard = row.one("loss.alpha") != 1
                yield _following(row, seeds, [one["teacher"] for one in seeds], heard)
        elif teacher is not None and _is_student(row) and _same_labels(seeds, teacher):
            yield _following(row, seeds, [teacher["teacher"]] * len(seeds), False)


def _only_teacher(rows: Iterable[Row]) -> Samples | None:
    """Predictions of the teacher that all taught rows share, with the labels."""
    taught = [row for row in rows if row.teachers]
    if len(set().union(*(row.teachers for row in taught))) != 1:
        return None
    found = (one for row in taught for one in row.samples.values() if "teacher" in one)
    return next(found, None)


def _is_student(row: Row) -> bool:
    """A teacher, in a table beside its students, agrees with itself."""
    return not str(row.one("model._target_")).startswith("titn.models.cnn.")


def _same_labels(seeds: list[Samples], teacher: Samples) -> bool:
    return all(np.array_equal(one["label"], teacher["label"]) for one in seeds)


def _following(
    row: Row, seeds: list[Samples], teachers: list[NDArray[Any]], heard: bool
) -> Following:
    pairs = list(zip(seeds, teachers, strict=True))
    two = tokens(row) is not None
    wrong = [teacher != one["label"] for one, teacher in pairs]
    return Following(
        row=row,
        heard=heard,
        mistakes=float(np.mean([one.sum() for one in wrong])),
        teacher_top1=1 - float(np.mean([one.mean() for one in wrong])),
        same=float(np.mean([agreement(one["fused"], teacher) for one, teacher in pairs])),
        cls=_mean([agreement(one["cls"], teacher) for one, teacher in pairs] if two else []),
        dist=_mean([agreement(one["dist"], teacher) for one, teacher in pairs] if two else []),
        repeated=_mean(
            [
                agreement(one["fused"][where], teacher[where])
                for (one, teacher), where in zip(pairs, wrong, strict=True)
                if where.any()
            ]
        ),
        mended=_mean(
            [
                agreement(one["fused"][where], one["label"][where])
                for one, where in zip(seeds, wrong, strict=True)
                if where.any()
            ]
        ),
    )


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
