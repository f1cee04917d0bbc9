"""Rows of all questions: where they are described, and an answer for each data set."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Identity, Row
from titn.reporting.markdown import bullets, escape, link
from titn.reporting.pages import Page
from titn.reporting.provenance import describe_classes


class OfRow(Protocol):
    @property
    def row(self) -> Row: ...


T = TypeVar("T")
R = TypeVar("R", bound=OfRow)


class PageSetting(NamedTuple):
    """A setting of a page, and its heading there."""

    page: Page
    heading: str
    evidence: Evidence

    @property
    def link(self) -> str:
        return f"{link(escape(self.page.title), self.page.path)}, {escape(self.heading)}"

    @property
    def dataset(self) -> str:
        """The data set and, of a part of them, the number of its classes."""
        row = self.evidence.reference
        return describe_classes(row) if row else "unknown"


def page_settings(pages: Sequence[Page]) -> Iterator[PageSetting]:
    for page in pages:
        for found in page.settings:
            yield PageSetting(page, found.heading, found.evidence)


def told_once(
    rows: Sequence[tuple[PageSetting, R]], kind: Callable[[R], object] = lambda _: None
) -> list[tuple[PageSetting, R]]:
    """Without rows whose cells are all among those of another of their kind; of equal ones the
    first."""
    cells = [_cells(found.row) for _, found in rows]
    kinds = [kind(found) for _, found in rows]

    def tells_more(j: int, i: int) -> bool:
        return kinds[j] == kinds[i] and (cells[j] > cells[i] or (cells[j] == cells[i] and j < i))

    every = range(len(rows))
    return [rows[i] for i in every if not any(tells_more(j, i) for j in every)]


def _cells(row: Row) -> set[Identity]:
    return {row.identities[seed] for seed in row.runs}


def answers_by_dataset(
    rows: Sequence[tuple[PageSetting, T]], answer: Callable[[list[T]], str]
) -> str:
    """An answer for each data set, since one data set says nothing about another."""
    datasets = dict.fromkeys(where.dataset for where, _ in rows)
    return bullets(
        f"{escape(data)}: {answer([row for where, row in rows if where.dataset == data])}"
        for data in datasets
    )
