"""Students beside teachers: how far their predictions agree, image by image."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from titn.reporting.comparisons.chance import is_near_chance
from titn.reporting.comparisons.tokens import compare_tokens, mean_or_none
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.statistics.predictions import agreement
from titn.system.text import percent

Samples = dict[str, NDArray[Any]]

# Where titn's convolutional networks are: beside their students they are teachers.
CNNS = tuple(f"titn.models.{name}." for name in ("cnn", "airbench", "resnet9", "wide_resnet"))


@dataclass(frozen=True)
class TeacherAgreement:
    """How far a row's predictions agree with a teacher's; means over seeds, shares of images.

    was_taught: whether the row learned from this teacher; else it is that of the rows beside it.
    num_mistakes: images that the teacher classifies wrongly. fused, cls, dist: agreement of this
    output; cls and dist are None without two trained tokens. repeated, corrected: of the teacher's
    mistakes, those where the student predicts the same class, and the right class; None if it
    makes none.
    """

    row: Row
    was_taught: bool
    num_mistakes: float
    teacher_top1: float
    fused: float
    cls: float | None
    dist: float | None
    repeated: float | None
    corrected: float | None


def teacher_agreements(evidence: Evidence) -> Iterator[TeacherAgreement]:
    """Of every row with a teacher beside it: its own, or for a plain row that of all others.

    A row near chance tells nothing.
    """
    teacher = _only_teacher(evidence.recorded)
    hashes = {config_hash for row in evidence.recorded for config_hash, _ in row.teachers}
    for row in evidence.recorded:
        if not row.has_all_samples or is_near_chance(row):
            continue
        seeds = list(row.samples.values())
        if row.teachers:
            if all("teacher" in columns for columns in seeds):
                # At alpha 1 the teacher is there and has no weight.
                was_taught = row.shared_value("loss.alpha") != 1
                teachers = [columns["teacher"] for columns in seeds]
                yield _agreement(row, seeds, teachers, was_taught)
        elif teacher is not None and _is_student(row, hashes) and _have_same_labels(seeds, teacher):
            yield _agreement(row, seeds, [teacher["teacher"]] * len(seeds), False)


def are_teachers_ranked_by_one(rows: Sequence[Row]) -> bool:
    """Whether rows differ in their teachers' networks, and a teacher has one seed only."""
    taught = [row for row in rows if row.teachers]
    # One class makes ViT and DeiT, and one TNT and TITN.
    parts = ("_target_", "distillation_token")
    networks = {
        tuple(row.shared_value(f"teacher.model.{part}") for part in parts) for row in taught
    }
    return len(networks) > 1 and any(row.has_one_teacher for row in taught)


def teachers_forbid(rows: Sequence[Row], recorded: Sequence[Row]) -> str:
    """Why rows are not compared because of their teachers; empty if they may be.

    recorded: all rows of the setting that have a record.
    """
    if are_teachers_ranked_by_one(rows):
        return "a teacher was trained once"
    teacher = weak_teacher(rows[0], rows[1], recorded) if len(rows) == 2 else None
    if teacher is None:
        return ""
    return f"the teacher ({percent(teacher)}%) is no better than the student without a teacher"


def differently_taught(baseline: Row, rows: Sequence[Row]) -> list[Row]:
    """The students of another network than the baseline of which one has a teacher and one not."""
    untaught = untaught_students(rows)
    beside = untaught if baseline.teachers else [row for row in rows if row.teachers]
    if not baseline.teachers and baseline not in untaught:
        return []
    return [row for row in beside if row.shared_value("model") != baseline.shared_value("model")]


def untaught_students(rows: Sequence[Row]) -> list[Row]:
    """The recorded rows that could have learned from the teachers of other rows, and did not."""
    hashes = {config_hash for row in rows for config_hash, _ in row.teachers}
    return [
        row for row in rows if hashes and row.runs and not row.teachers and _is_student(row, hashes)
    ]


def _only_teacher(rows: Iterable[Row]) -> Samples | None:
    """Predictions and labels of the teacher that all taught rows share; None if there are more."""
    taught = [row for row in rows if row.teachers]
    if len(set().union(*(row.teachers for row in taught))) != 1:
        return None
    samples = (columns for row in taught for columns in row.samples.values())
    return next((columns for columns in samples if "teacher" in columns), None)


def _is_student(row: Row, teachers: Collection[str]) -> bool:
    """Whether it is no CNN and no teacher: a teacher beside its students agrees with itself.

    teachers: config hashes of the teachers of all rows.
    """
    is_cnn = str(row.shared_value("model._target_")).startswith(CNNS)
    return not is_cnn and not _is_teacher(row, teachers)


def _is_teacher(row: Row, teachers: Collection[str]) -> bool:
    return any(hash_ in teachers for hash_, _ in row.identities.values())


def _have_same_labels(seeds: Sequence[Samples], teacher: Samples) -> bool:
    return all(np.array_equal(columns["label"], teacher["label"]) for columns in seeds)


def _agreement(
    row: Row, seeds: Sequence[Samples], teachers: Sequence[NDArray[Any]], was_taught: bool
) -> TeacherAgreement:
    """seeds: the predictions of each seed; teachers: (m,) classes, beside each seed."""
    pairs = list(zip(seeds, teachers, strict=True))
    wrong = [teacher != columns["label"] for columns, teacher in pairs]  # (m,) each
    # Seeds whose teacher makes mistakes.
    mistaken = [
        (columns["fused"][where], teacher[where], columns["label"][where])
        for (columns, teacher), where in zip(pairs, wrong, strict=True)
        if where.any()
    ]
    has_two_tokens = compare_tokens(row) is not None

    def agreed(output: str) -> float | None:
        return mean_or_none([agreement(columns[output], teacher) for columns, teacher in pairs])

    fused = agreed("fused")
    assert fused is not None
    return TeacherAgreement(
        row=row,
        was_taught=was_taught,
        num_mistakes=float(np.mean([where.sum() for where in wrong])),
        teacher_top1=1 - float(np.mean([where.mean() for where in wrong])),
        fused=fused,
        cls=agreed("cls") if has_two_tokens else None,
        dist=agreed("dist") if has_two_tokens else None,
        repeated=mean_or_none([agreement(ours, theirs) for ours, theirs, _ in mistaken]),
        corrected=mean_or_none([agreement(ours, labels) for ours, _, labels in mistaken]),
    )


def weak_teacher(first: Row, second: Row, rows: Iterable[Row]) -> float | None:
    """The top-1 of the teacher of one of two rows, if the other, untaught, is as good as it.

    None if both are taught or neither is, if the untaught one is a teacher or another network, or
    if the teacher is better: only then can it be told what the teacher gives.
    """
    pair = sorted((first, second), key=lambda row: bool(row.teachers), reverse=True)
    taught, untaught = pair
    hashes = {config_hash for row in rows for config_hash, _ in row.teachers}
    if not taught.teachers or untaught.teachers or _is_teacher(untaught, hashes):
        return None
    if taught.shared_value("model") != untaught.shared_value("model"):
        return None
    teacher = mean_or_none([run["teacher.top1"] for run in taught.runs.values()])
    if teacher is None or teacher > float(untaught.values("top1").mean()):
        return None
    return teacher
