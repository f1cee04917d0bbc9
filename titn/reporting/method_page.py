"""The page of what the records say of the method itself, across all questions."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from titn.reporting import figures
from titn.reporting.evidence import Evidence, Row
from titn.reporting.formats import bounds, plain, span
from titn.reporting.markdown import escape, link, table
from titn.reporting.output_files import Place
from titn.reporting.pages import Page
from titn.reporting.provenance import named
from titn.reporting.statistics.intervals import Interval
from titn.reporting.tokens import Following, Tokens, followings, tokens
from titn.system.text import counted, percent, points

T = TypeVar("T")

NAME = "method"
# Pages whose answer is about how a student of this architecture is best trained.
OF_TRAINING = (
    "ablation/initialisation", "ablation/distillation", "ablation/optimizer",
    "ablation/learning_speed", "ablation/tokens",
)  # fmt: skip


class Where(NamedTuple):
    """A setting's place: its page, and the heading there."""

    page: Page
    heading: str
    evidence: Evidence

    @property
    def link(self) -> str:
        return f"{link(escape(self.page.title), self.page.path)}, {escape(self.heading)}"

    @property
    def data(self) -> str:
        """The data set, as the heading begins with it."""
        row = self.evidence.reference
        return named(row, "dataset") if row else "unknown"


def method(pages: Sequence[Page], out: Path) -> str:
    """reports/method.md, with the files beside it."""
    place = Place(out, NAME)
    parts = [
        "# The method, beyond the paper",
        "What the records of all questions say of the two tokens, of a teacher's influence and of "
        "training. The paper prints none of it. Intervals are 95%, over seeds and test images.",
        *_tokens(pages, place),
        *_followings(pages, place),
        *_training(pages),
    ]
    return "\n\n".join(parts) + "\n"


def _places(pages: Sequence[Page]) -> Iterator[Where]:
    for page in pages:
        for found in page.found:
            yield Where(page, found.heading, found.evidence)


def _tokens(pages: Sequence[Page], place: Place) -> list[str]:
    found: dict[tuple[str, ...], tuple[Where, Tokens]] = {}
    for where in _places(pages):
        for row in where.evidence.recorded:
            if (key := _cells(row)) not in found and (one := tokens(row)):
                found[key] = (where, one)
    heading = "## Which token predicts better?"
    if not found:
        return [heading, "No record has two trained tokens with its predictions by image."]
    told = list(found.values())
    figures.differences(
        place.path("tokens.svg"),
        [
            figures.Row(
                f"{one.row.label}, {where.data}",
                one.dist - one.cls,
                one.ahead.low if one.ahead else None,
                one.ahead.high if one.ahead else None,
            )
            for where, one in told
        ],
        xlabel="distillation token less class token, top-1",
    )
    columns = ["on", "row", "seeds", "teacher (%)", "cls (%)", "dist (%)", "fused (%)",
               "dist − cls", "fused − cls", "cls = dist (%)"]  # fmt: skip
    frame = pd.DataFrame([_token_record(where, one) for where, one in told])
    return [
        heading,
        _answers(told, _which_token),
        place.image("tokens.svg", "distillation token less class token"),
        table(columns, [_token_line(where, one) for where, one in told], 2),
        "Rows that train both tokens. The class token learns the labels, the distillation token "
        "the teacher's hard or soft ones; fused is the mean of their probabilities. "
        + place.written("tokens", frame),
    ]


def _cells(row: Row) -> tuple[str, ...]:
    """What a row is made of: the cells of a table are those of its figure, and count once."""
    return tuple(sorted(row.hashes[seed] for seed in row.runs))


def _answers(told: Sequence[tuple[Where, T]], answer: Callable[[list[T]], str]) -> str:
    """An answer for each data set: what is easy for one says nothing of another."""
    datasets = dict.fromkeys(where.data for where, _ in told)
    lines = [
        f"- {escape(data)}: {answer([one for where, one in told if where.data == data])}"
        for data in datasets
    ]
    return "\n".join(lines)


def _which_token(told: list[Tokens]) -> str:
    better = {name: sum(one.verdict == name for one in told) for name in ("dist", "cls")}
    single = sum(one.ahead is None for one in told)
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


def _token_line(where: Where, one: Tokens) -> list[str]:
    return [
        where.link,
        escape(one.row.label),
        str(len(one.row.runs)),
        percent(one.teacher),
        percent(one.cls),
        percent(one.dist),
        percent(one.fused),
        _interval(one.ahead),
        _interval(one.fused_ahead),
        percent(one.same),
    ]


def _token_record(where: Where, one: Tokens) -> dict[str, Any]:
    return {
        "page": where.page.name, "setting": where.heading, "row": one.row.label,
        "num_seeds": len(one.row.runs), "cls": one.cls, "dist": one.dist, "fused": one.fused,
        "dist_less_cls": one.dist - one.cls, **bounds("dist_less_cls", one.ahead),
        "fused_less_cls": one.fused - one.cls, **bounds("fused_less_cls", one.fused_ahead),
        "same": one.same, "teacher": one.teacher, "better": one.verdict,
    }  # fmt: skip


def _followings(pages: Sequence[Page], place: Place) -> list[str]:
    found: dict[tuple[str, ...], tuple[Where, Following]] = {}
    for where in _places(pages):
        for one in followings(where.evidence):
            found.setdefault((str(one.heard), *_cells(one.row)), (where, one))
    heading = "## Does a student become like its teacher?"
    if not found:
        return [heading, "No record has its teacher's predictions by image."]
    told = list(found.values())
    columns = ["on", "row", "taught by it", "teacher (%)", "teacher's mistakes", "= teacher (%)",
               "cls = teacher (%)", "dist = teacher (%)", "mistakes repeated (%)",
               "mistakes put right (%)"]  # fmt: skip
    frame = pd.DataFrame([_following_record(where, one) for where, one in told])
    return [
        heading,
        _answers(told, _how_alike),
        table(columns, [_following_line(where, one) for where, one in told], 2),
        "Of test images, means over seeds. A row that was not taught is compared with the teacher "
        "of the rows beside it: so far a student agrees with it by being right, and by finding the "
        "same images hard. Of the teacher's mistakes, how many get its very class, and how many "
        f"the right one. {place.written('teacher', frame)}",
    ]


def _how_alike(told: list[Following]) -> str:
    taught = [one for one in told if one.heard]
    others = [one for one in told if not one.heard]
    parts = []
    if taught:
        parts.append(
            f"taught rows say what their teacher says of {_range(taught, 'same')} of the images, "
            f"and repeat {_range(taught, 'repeated')} of its mistakes."
        )
    if others:
        parts.append(
            f"Rows that never heard it: {_range(others, 'same')} and {_range(others, 'repeated')}."
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


def _following_line(where: Where, one: Following) -> list[str]:
    return [
        where.link,
        escape(one.row.label),
        "yes" if one.heard else "no",
        percent(one.teacher_top1),
        plain(one.mistakes, digits=0),
        percent(one.same),
        percent(one.cls),
        percent(one.dist),
        percent(one.repeated),
        percent(one.mended),
    ]


def _range(told: Sequence[Following], key: str) -> str:
    values = [value for one in told if (value := getattr(one, key)) is not None]
    if not values:
        return "–"
    low, high = percent(min(values), 0), percent(max(values), 0)
    return f"{low}%" if low == high else f"{low} to {high}%"


def _following_record(where: Where, one: Following) -> dict[str, Any]:
    return {
        "page": where.page.name, "setting": where.heading, "row": one.row.label,
        "num_seeds": len(one.row.runs), "taught": one.heard, "teacher_top1": one.teacher_top1,
        "mistakes": one.mistakes, "same": one.same, "cls_same": one.cls, "dist_same": one.dist,
        "repeated": one.repeated, "mended": one.mended,
    }  # fmt: skip


def _training(pages: Sequence[Page]) -> list[str]:
    lines = [
        f"- {link(escape(page.title), page.path)} ({escape(found.heading)}): {found.answer}"
        for page in pages
        if page.name in OF_TRAINING
        for found in page.found
    ]
    if not lines:
        return []
    return ["## What training does to it", "\n".join(lines)]


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{points(interval.estimate)} ({span(interval.low, interval.high)})"
