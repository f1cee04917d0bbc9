"""Rows of all questions: where they are described, and an answer for each data set."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Identity, Row
from titn.reporting.markdown import escape, link
from titn.reporting.pages import Page
from titn.reporting.provenance import choice_name

T = TypeVar("T")


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
        """The data set, as the heading begins with it."""
        row = self.evidence.reference
        return choice_name(row, "dataset") if row else "unknown"


def page_settings(pages: Sequence[Page]) -> Iterator[PageSetting]:
    for page in pages:
        for found in page.settings:
            yield PageSetting(page, found.heading, found.evidence)


def cell_identities(row: Row) -> tuple[Identity, ...]:
    """The cells that a row is made of: rows of two questions with the same cells are told once."""
    return tuple(sorted(row.identities[seed] for seed in row.runs))


def answers_by_dataset(
    rows: Sequence[tuple[PageSetting, T]], answer: Callable[[list[T]], str]
) -> str:
    """An answer for each data set, since one data set says nothing about another."""
    datasets = dict.fromkeys(where.dataset for where, _ in rows)
    lines = [
        f"- {escape(data)}: {answer([row for where, row in rows if where.dataset == data])}"
        for data in datasets
    ]
    return "\n".join(lines)
