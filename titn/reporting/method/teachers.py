"""How far students agree with their teachers."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import pandas as pd

from titn.reporting.comparisons.teachers import TeacherAgreement, teacher_agreements
from titn.reporting.markdown import escape, table
from titn.reporting.method.settings import (
    PageSetting,
    answers_by_dataset,
    page_settings,
    told_once,
)
from titn.reporting.output_files import OutputFiles
from titn.reporting.pages import Page
from titn.system.text import counted, percent, points


def teachers_section(pages: Sequence[Page], files: OutputFiles) -> list[str]:
    found = [
        (setting, agreement)
        for setting in page_settings(pages)
        for agreement in teacher_agreements(setting.evidence)
    ]
    heading = "## Does a student become like its teacher?"
    if not found:
        return []
    rows = told_once(found, kind=lambda agreement: agreement.was_taught)
    columns = ["on", "row", "distilled from it", "teacher (%)", "= teacher (%)",
               "mistakes repeated (%)", "mistakes corrected (%)"]  # fmt: skip
    frame = pd.DataFrame([_csv_record(setting, agreement) for setting, agreement in rows])
    return [
        heading,
        answers_by_dataset(rows, _how_much_alike),
        table(columns, [_table_line(setting, agreement) for setting, agreement in rows], 2),
        "Over the evaluated images, means over seeds; = teacher is the share with the teacher's "
        "prediction. The teacher's top-1 is that of what it answered as the student was evaluated, "
        "whose rounding may move some images from those of its own record. A row without "
        "distillation is compared with the teacher of the rows beside it: two networks also agree "
        "because both are right, or find the same images hard. Of the images that the teacher "
        "gets wrong, *repeated* is the share with the teacher's wrong class, and "
        f"*corrected* the share with the right one. {files.save_csv('teacher', frame)}",
    ]


def _how_much_alike(rows: list[TeacherAgreement]) -> str:
    taught = [agreement for agreement in rows if agreement.was_taught]
    others = [agreement for agreement in rows if not agreement.was_taught]
    parts = []
    if taught:
        parts.append(
            f"distilled rows predict their teacher's class for {_range(taught, 'fused')} of the "
            f"images, and repeat {_range(taught, 'repeated')} of its mistakes."
        )
    if others:
        parts.append(
            f"Rows without distillation: {_range(others, 'fused')} and "
            f"{_range(others, 'repeated')}."
        )
    apart = [
        (agreement.dist, agreement.cls)
        for agreement in taught
        if agreement.dist is not None and agreement.cls is not None
    ]
    if apart:
        gaps = [dist - cls for dist, cls in apart]
        # Means of the same shares, added in another order, may differ in the last bit.
        more = sum(gap > 1e-9 for gap in gaps)
        parts.append(
            f"The distillation token agrees with the teacher more often than the class token in "
            f"{more} of {counted(len(apart), 'row')}; the median difference is "
            f"{points(median(gaps))} points."
        )
    return " ".join(parts)


def _table_line(setting: PageSetting, agreement: TeacherAgreement) -> list[str]:
    return [
        setting.link,
        escape(agreement.row.label),
        "yes" if agreement.was_taught else "no",
        percent(agreement.teacher_top1),
        percent(agreement.fused),
        percent(agreement.repeated),
        percent(agreement.corrected),
    ]


def _range(rows: Sequence[TeacherAgreement], key: str) -> str:
    values = [value for agreement in rows if (value := getattr(agreement, key)) is not None]
    if not values:
        return "–"
    low, high = percent(min(values), 0), percent(max(values), 0)
    return f"{low}%" if low == high else f"{low} to {high}%"


def _csv_record(setting: PageSetting, agreement: TeacherAgreement) -> dict[str, Any]:
    return {
        "page": setting.page.name,
        "setting": setting.heading,
        "row": agreement.row.label,
        "num_seeds": len(agreement.row.runs),
        "taught": agreement.was_taught,
        "teacher_top1": agreement.teacher_top1,
        "mistakes": agreement.num_mistakes,
        "same": agreement.fused,
        "cls_same": agreement.cls,
        "dist_same": agreement.dist,
        "repeated": agreement.repeated,
        "mended": agreement.corrected,
    }
