"""Which of a student's two tokens predicts better."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import pandas as pd

from titn.reporting import figures
from titn.reporting.comparisons.chance import is_near_chance
from titn.reporting.comparisons.tokens import TokenComparison, compare_tokens
from titn.reporting.comparisons.verdicts import MIN_SEEDS
from titn.reporting.formats import bounds, interval_text
from titn.reporting.markdown import escape, table
from titn.reporting.method.settings import (
    PageSetting,
    answers_by_dataset,
    page_settings,
    told_once,
)
from titn.reporting.output_files import OutputFiles
from titn.reporting.pages import Page
from titn.reporting.statistics.intervals import Interval
from titn.system.text import counted, percent, points


def tokens_section(pages: Sequence[Page], files: OutputFiles) -> list[str]:
    rows = told_once(
        [
            (setting, tokens)
            for setting in page_settings(pages)
            for row in setting.evidence.recorded
            if not is_near_chance(row) and (tokens := compare_tokens(row))
        ]
    )
    heading = "## Which token predicts better?"
    if not rows:
        return []
    columns = ["on", "row", "seeds", "cls (%)", "dist (%)", "dist − cls", "fused − cls"]
    frame = pd.DataFrame([_csv_record(setting, tokens) for setting, tokens in rows])
    return [
        heading,
        answers_by_dataset(rows, _which_token),
        *_drawn(rows, files),
        table(columns, [_table_line(setting, tokens) for setting, tokens in rows], 2),
        f"Rows that train both tokens; the figure has those of {MIN_SEEDS} seeds and more. The "
        "class token learns from the labels, the distillation token from the teacher's hard or "
        "soft labels; fused is the mean of their probabilities. "
        "Each interval is for itself: of this many, some exclude zero by chance. "
        + files.save_csv("tokens", frame),
    ]


def _drawn(rows: Sequence[tuple[PageSetting, TokenComparison]], files: OutputFiles) -> list[str]:
    """An image for each data set, of the rows that have seeds enough for a verdict."""
    judged = [
        (setting, tokens.row.label, tokens.dist_less_cls)
        for setting, tokens in rows
        if len(tokens.row.runs) >= MIN_SEEDS and tokens.dist_less_cls
    ]
    images = []
    for number, data in enumerate(dict.fromkeys(setting.dataset for setting, _, _ in judged), 1):
        ours = [one for one in judged if one[0].dataset == data]
        labels = [label for _, label, _ in ours]
        bars = [
            figures.IntervalRow(
                label if labels.count(label) == 1 else f"{label}, {setting.page.name}",
                interval.estimate,
                interval.low,
                interval.high,
            )
            for setting, label, interval in ours
        ]
        name = f"tokens-{number}.svg"
        figures.draw_differences(
            files.path(name), bars, xlabel=f"{data}: distillation token minus class token, top-1"
        )
        images.append(files.image(name, f"distillation token minus class token on {data}"))
    return images


def _which_token(rows: list[TokenComparison]) -> str:
    better = {name: sum(tokens.better == name for tokens in rows) for name in ("dist", "cls")}
    few = sum(len(tokens.row.runs) < MIN_SEEDS for tokens in rows)
    rest = len(rows) - sum(better.values()) - few
    ahead = median(tokens.dist - tokens.cls for tokens in rows)
    gain = median(tokens.fused - max(tokens.cls, tokens.dist) for tokens in rows)
    return (
        f"of {counted(len(rows), 'row')} the distillation token is better in "
        f"{better['dist']}, the class token in {better['cls']}; they are not told apart in {rest}"
        f"{f'; {few} without a verdict, for lack of seeds' if few else ''}. The "
        f"median of the distillation token minus the class token is {points(ahead)} points, and of "
        f"the mean of the two (fused) minus the better one {points(gain)}."
    )


def _table_line(setting: PageSetting, tokens: TokenComparison) -> list[str]:
    return [
        setting.link,
        escape(tokens.row.label),
        str(len(tokens.row.runs)),
        percent(tokens.cls),
        percent(tokens.dist),
        _with_interval(tokens.dist_less_cls),
        _with_interval(tokens.fused_less_cls),
    ]


def _csv_record(setting: PageSetting, tokens: TokenComparison) -> dict[str, Any]:
    return {
        "page": setting.page.name,
        "setting": setting.heading,
        "row": tokens.row.label,
        "num_seeds": len(tokens.row.runs),
        "cls": tokens.cls,
        "dist": tokens.dist,
        "fused": tokens.fused,
        "dist_less_cls": tokens.dist - tokens.cls,
        **bounds("dist_less_cls", tokens.dist_less_cls),
        "fused_less_cls": tokens.fused - tokens.cls,
        **bounds("fused_less_cls", tokens.fused_less_cls),
        "same": tokens.agreement,
        "teacher": tokens.teacher,
        "better": tokens.better,
    }


def _with_interval(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{points(interval.estimate)} ({interval_text(interval, points)})"
