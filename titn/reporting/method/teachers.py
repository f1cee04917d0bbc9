"""How far students agree with their teachers."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from titn.reporting.comparisons.teachers import TeacherAgreement, teacher_agreements
from titn.reporting.formats import fixed_point
from titn.reporting.markdown import escape, table
from titn.reporting.method.settings import (
    PageSetting,
    answers_by_dataset,
    cell_identities,
    page_settings,
)
from titn.reporting.output_files import OutputFiles
from titn.reporting.pages import Page
from titn.system.text import percent, points


def teachers_section(pages: Sequence[Page], files: OutputFiles) -> list[str]:
    found: dict[tuple[str, ...], tuple[PageSetting, TeacherAgreement]] = {}
    for where in page_settings(pages):
        for one in teacher_agreements(where.evidence):
            found.setdefault((str(one.was_taught), *cell_identities(one.row)), (where, one))
    heading = "## Does a student become like its teacher?"
    if not found:
        return [heading, "No record has its teacher's predictions by image."]
    told = list(found.values())
    columns = ["on", "row", "taught by it", "teacher (%)", "teacher's mistakes", "= teacher (%)",
               "cls = teacher (%)", "dist = teacher (%)", "mistakes repeated (%)",
               "mistakes put right (%)"]  # fmt: skip
    frame = pd.DataFrame([_csv_record(where, one) for where, one in told])
    return [
        heading,
        answers_by_dataset(told, _how_much_alike),
        table(columns, [_table_line(where, one) for where, one in told], 2),
        "Of test images, means over seeds. A row that was not taught is compared with the teacher "
        "of the rows beside it: so far a student agrees with it by being right, and by finding the "
        "same images hard. Of the teacher's mistakes, how many get its very class, and how many "
        f"the right one. {files.save_csv('teacher', frame)}",
    ]


def _how_much_alike(told: list[TeacherAgreement]) -> str:
    taught = [one for one in told if one.was_taught]
    others = [one for one in told if not one.was_taught]
    parts = []
    if taught:
        parts.append(
            f"taught rows say what their teacher says of {_range(taught, 'fused')} of the images, "
            f"and repeat {_range(taught, 'repeated')} of its mistakes."
        )
    if others:
        parts.append(
            f"Rows that never heard it: {_range(others, 'fused')} and {_range(others, 'repeated')}."
        )
    apart = [(one.dist, one.cls) for one in taught if one.dist is not None and one.cls is not None]
    if apart:
        more = sum(dist > cls for dist, cls in apart)
        gap = sum(dist - cls for dist, cls in apart) / len(apart)
        parts.append(
            f"The distillation token is nearer to the teacher than the class token in {more} of "
            f"{len(apart)} rows, by {points(gap)} points on average."
        )
    return " ".join(parts)


def _table_line(where: PageSetting, one: TeacherAgreement) -> list[str]:
    return [
        where.link,
        escape(one.row.label),
        "yes" if one.was_taught else "no",
        percent(one.teacher_top1),
        fixed_point(one.num_mistakes, digits=0),
        percent(one.fused),
        percent(one.cls),
        percent(one.dist),
        percent(one.repeated),
        percent(one.corrected),
    ]


def _range(told: Sequence[TeacherAgreement], key: str) -> str:
    values = [value for one in told if (value := getattr(one, key)) is not None]
    if not values:
        return "–"
    low, high = percent(min(values), 0), percent(max(values), 0)
    return f"{low}%" if low == high else f"{low} to {high}%"


def _csv_record(where: PageSetting, one: TeacherAgreement) -> dict[str, Any]:
    return {
        "page": where.page.name, "setting": where.heading, "row": one.row.label,
        "num_seeds": len(one.row.runs), "taught": one.was_taught, "teacher_top1": one.teacher_top1,
        "mistakes": one.num_mistakes, "same": one.fused, "cls_same": one.cls, "dist_same": one.dist,
        "repeated": one.repeated, "mended": one.corrected,
    }  # fmt: skip
