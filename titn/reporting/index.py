"""The index of all pages: what was found, and a line a question, grouped by what a reader asks."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from titn.records.question import Topic
from titn.reporting.comparisons.verdicts import UNDECIDED
from titn.reporting.markdown import bullets, escape, fold, link, table
from titn.reporting.pages import Page, postponement, setting_weight
from titn.reporting.provenance import choice_name, source_lines
from titn.reporting.search_page import SearchPage

HEADINGS: Mapping[Topic | None, str] = {
    "architecture": "Which network?",
    "distillation": "Does distillation help, and which?",
    "training": "How should it be trained?",
    "cost": "What does it cost?",
    None: "Other questions",
}
# Of which nobody asks how good a network is on it.
MACHINERY = "digits"


def index_page(
    pages: Sequence[Page],
    topics: Mapping[str, Topic | None],
    across: Sequence[str] = (),
    kept: Mapping[str, str] | None = None,
    searches: Sequence[SearchPage] = (),
) -> str:
    """reports/README.md.

    topics: of each page by its name. across: lines, markdown, with links to the pages across
    questions. kept: name -> title of the pages of an earlier report that are still there.
    """
    run = sorted((page for page in pages if page.settings), key=_weight, reverse=True)
    not_run = [page for page in pages if not page.settings]
    on_digits = [page for page in run if _is_machinery(page)]
    others = [page for page in run if page not in on_digits]
    parts = [
        "# Reports",
        "First what is decided, then a line for each question: its rows against its baseline, and "
        "the verdict. Accuracies are of the last epoch, intervals 95%. Written by "
        "`python -m titn.report` from the records of runs; nothing here is edited by hand.",
        *_found(others),
        *_groups(others, topics),
        *_of_machinery(on_digits),
        *_of_searches(searches),
        *_listed("## Across questions", across),
        *_waiting(run, not_run),
        *_kept(kept or {}),
        *([fold("Where the pages come from", [_origin(page) for page in run])] if run else []),
        "[All runs](runs.md), also those that no sweep asked for.",
    ]
    return "\n\n".join(parts) + "\n"


def _weight(page: Page) -> tuple[bool, tuple[bool, int, int, int, int]]:
    """Of its first setting, which says most; one that compares nothing yet says less."""
    first = page.settings[0]
    return bool(first.differences), setting_weight(first.evidence)


def _is_machinery(page: Page) -> bool:
    """Whether it was trained on digits; what networks cost does not depend on the data."""
    evidence = page.settings[0].evidence
    row = evidence.reference
    return (
        row is not None and not evidence.is_untrained and choice_name(row, "dataset") == MACHINERY
    )


def _found(pages: Sequence[Page]) -> list[str]:
    """The answers that have a verdict, in full."""
    lines = [
        f"{_link(page)}, on {escape(page.settings[0].heading)}: "
        + " ".join(filter(None, [page.settings[0].answer.text, page.settings[0].answer.pairs]))
        for page in pages
        if _has_verdict(page)
    ]
    return _listed("## What was found", lines)


def _has_verdict(page: Page) -> bool:
    found = [*page.settings[0].differences, *page.settings[0].pairs]
    return any(not one.unjudged and one.verdict != UNDECIDED for one in found)


def _groups(pages: Sequence[Page], topics: Mapping[str, Topic | None]) -> Iterator[str]:
    for topic, heading in HEADINGS.items():
        lines = [_line(page) for page in pages if topics.get(page.name) == topic]
        if lines:
            yield f"## {heading}"
            yield _table(lines)


def _of_machinery(pages: Sequence[Page]) -> list[str]:
    if not pages:
        return []
    return [
        "## On digits",
        "Digits show that the code works. They say little about networks: there are few images to "
        "evaluate on, and most networks get nearly all of them right.",
        _table([_line(page) for page in pages]),
    ]


def _of_searches(searches: Sequence[SearchPage]) -> list[str]:
    if not searches:
        return []
    lines = [[_link(one.page), escape(one.heading), one.trials, one.short] for one in searches]
    columns = ["search", "on", "trials", "found"]
    return ["## Searches", table(columns, lines, left=4)]


def _listed(heading: str, lines: Sequence[str]) -> list[str]:
    return [heading, bullets(lines)] if lines else []


def _kept(titles: Mapping[str, str]) -> list[str]:
    links = [link(escape(title), f"{name}.md") for name, title in titles.items()]
    return _listed("## Kept from an earlier report, whose sweeps are not among these", links)


def _table(lines: Sequence[Sequence[str]]) -> str:
    return table(["question", "on", "rows", "verdict"], lines, left=4)


def _line(page: Page) -> list[str]:
    """A question by its first setting."""
    found = page.settings[0]
    figure = posixpath.join(posixpath.dirname(page.name), f"{found.files.stem}-small.svg")
    drawn = "–" if found.evidence.is_untrained else f"!{link('differences', figure)}"
    return [_link(page), escape(found.heading), drawn, escape(found.answer.short)]


def _link(page: Page) -> str:
    return link(escape(page.title), page.path)


def _waiting(run: Sequence[Page], not_run: Sequence[Page]) -> Iterator[str]:
    """What was put off, and what was not asked, with the reasons."""
    put_off = [page for page in run if page.postponed]
    for title, pages in (("Postponed rows and seeds", put_off),
                         ("Questions that were not run yet", not_run)):  # fmt: skip
        if pages:
            lines = [f"{_link(page)}{_why_not(page)}" for page in pages]
            yield fold(f"{title} ({len(pages)})", [bullets(lines)])


def _why_not(page: Page) -> str:
    """Why a question, or which part of it, was put off, and how long it would take."""
    reasons = [postponement(note, page.question) for note in page.postponed]
    return f": {' / '.join(reasons)}" if reasons else ""


def _origin(page: Page) -> str:
    lines = [
        f"{escape(setting.heading)}: " + "; ".join(source_lines(setting.evidence, setting.teachers))
        for setting in page.settings
    ]
    return f"**{_link(page)}**\n\n{bullets(lines)}"
