"""Which of a student's two tokens predicts better."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from titn.reporting import figures
from titn.reporting.comparisons.tokens import TokenComparison, compare_tokens
from titn.reporting.formats import bounds, points_interval
from titn.reporting.markdown import escape, table
from titn.reporting.method.settings import (
    PageSetting,
    answers_by_dataset,
    cell_identities,
    page_settings,
)
from titn.reporting.output_files import OutputFiles
from titn.reporting.pages import Page
from titn.reporting.statistics.intervals import Interval
from titn.system.text import counted, percent, points


def tokens_section(pages: Sequence[Page], files: OutputFiles) -> list[str]:
    found: dict[tuple[str, ...], tuple[PageSetting, TokenComparison]] = {}
    for where in page_settings(pages):
        for row in where.evidence.recorded:
            if (key := cell_identities(row)) not in found and (one := compare_tokens(row)):
                found[key] = (where, one)
    heading = "## Which token predicts better?"
    if not found:
        return [heading, "No record has two trained tokens with its predictions by image."]
    told = list(found.values())
    figures.draw_differences(
        files.path("tokens.svg"),
        [
            figures.IntervalRow(
                f"{one.row.label}, {where.dataset}",
                one.dist - one.cls,
                one.dist_less_cls.low if one.dist_less_cls else None,
                one.dist_less_cls.high if one.dist_less_cls else None,
            )
            for where, one in told
        ],
        xlabel="distillation token less class token, top-1",
    )
    columns = ["on", "row", "seeds", "teacher (%)", "cls (%)", "dist (%)", "fused (%)",
               "dist − cls", "fused − cls", "cls = dist (%)"]  # fmt: skip
    frame = pd.DataFrame([_csv_record(where, one) for where, one in told])
    return [
        heading,
        answers_by_dataset(told, _which_token),
        files.image("tokens.svg", "distillation token less class token"),
        table(columns, [_table_line(where, one) for where, one in told], 2),
        "Rows that train both tokens. The class token learns the labels, the distillation token "
        "the teacher's hard or soft ones; fused is the mean of their probabilities. "
        + files.save_csv("tokens", frame),
    ]


def _which_token(told: list[TokenComparison]) -> str:
    better = {name: sum(one.better == name for one in told) for name in ("dist", "cls")}
    single = sum(one.dist_less_cls is None for one in told)
    rest = len(told) - sum(better.values()) - single
    ahead = sum(one.dist - one.cls for one in told) / len(told)
    gain = sum(one.fused - max(one.cls, one.dist) for one in told) / len(told)
    return (
        f"of {counted(len(told), 'row')} the distillation token is better in "
        f"{better['dist']}, the class token in {better['cls']}; they are not told apart in {rest}"
        f"{f', and {single} with one seed cannot say' if single else ''}. On average the "
        f"distillation token is {points(ahead)} points from the class token, and the mean of the "
        f"two {points(gain)} from the better one."
    )


def _table_line(where: PageSetting, one: TokenComparison) -> list[str]:
    return [
        where.link,
        escape(one.row.label),
        str(len(one.row.runs)),
        percent(one.teacher),
        percent(one.cls),
        percent(one.dist),
        percent(one.fused),
        _with_interval(one.dist_less_cls),
        _with_interval(one.fused_less_cls),
        percent(one.agreement),
    ]


def _csv_record(where: PageSetting, one: TokenComparison) -> dict[str, Any]:
    return {
        "page": where.page.name, "setting": where.heading, "row": one.row.label,
        "num_seeds": len(one.row.runs), "cls": one.cls, "dist": one.dist, "fused": one.fused,
        "dist_less_cls": one.dist - one.cls, **bounds("dist_less_cls", one.dist_less_cls),
        "fused_less_cls": one.fused - one.cls, **bounds("fused_less_cls", one.fused_less_cls),
        "same": one.agreement, "teacher": one.teacher, "better": one.better,
    }  # fmt: skip


def _with_interval(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{points(interval.estimate)} ({points_interval(interval.low, interval.high)})"
