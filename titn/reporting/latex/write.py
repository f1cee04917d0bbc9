"""Writes the tables of a report's pages as LaTeX, beside their CSV."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from titn.reporting.evidence.evidence import Evidence
from titn.reporting.latex.page_tables import PageTable, tables_with_csv
from titn.reporting.latex.table_file import Source, table_file, tex_path
from titn.reporting.method.page import NAME
from titn.reporting.pages import Page
from titn.reporting.row_names import display_names
from titn.reporting.setting_part import SettingSummary
from titn.system.files import write_text
from titn.system.text import counted

# The list by which each number is traced to its record: longer than a page of a paper.
LEFT_OUT = ("cells",)
# Of the tables that a page begins with, which have none of their own there.
HEADINGS = {
    "accuracy": "Accuracy",
    "pairs": "Pairs of rows",
    "effects": "Effects",
    "interactions": "Interactions",
    "confirmation": "Validation and test",
}


def write_latex_tables(pages: Sequence[Page], out: Path) -> None:
    """Write a .tex beside the CSV of each table of the report in `out`."""
    for page in pages:
        directory = (out / page.path).parent
        for table, source in _tables_of(page):
            write_text(directory / tex_path(table), table_file(table, source))
    page_of_method = out / f"{NAME}.md"
    method = page_of_method.read_text(encoding="utf-8") if page_of_method.exists() else ""
    for table in tables_with_csv(method):
        write_text(out / tex_path(table), table_file(table, _source_of_method(method)))


def _tables_of(page: Page) -> Iterator[tuple[PageTable, Source]]:
    settings = {found.files.stem: found for found in page.settings}
    for table in tables_with_csv(page.text):
        if table.name in LEFT_OUT:
            continue
        found = settings.get(table.csv.removesuffix(f"-{table.name}.csv"))
        yield (
            replace(table, heading=HEADINGS.get(table.name, table.heading)),
            _source(page, found) if found else _source_of_page(page),
        )


def _source_of_page(page: Page) -> Source:
    """Of a table that is of no setting: those of a search, above its confirmation."""
    asks = page.question.asks if page.question else ""
    commands = [one for found in page.settings for one in found.evidence.setting.commands]
    return Source(page.title, asks, "", None, commands, page.path)


def _source(page: Page, found: SettingSummary) -> Source:
    evidence = found.evidence
    baseline = evidence.baseline
    return Source(
        title=page.title,
        asks=page.question.asks if page.question else "",
        setting=_setting(found.heading, evidence),
        baseline=display_names(evidence.rows)[baseline.label] if baseline else None,
        commands=evidence.setting.commands,
        page=page.path,
    )


def _setting(heading: str, evidence: Evidence) -> str:
    """As "cifar100, 15 epochs, 100 classes, 3 seeds a row"."""
    parts = [heading]
    if evidence.num_classes and " classes" not in heading:
        parts.append(f"{evidence.num_classes} classes")
    counts = sorted({len(row.runs) for row in evidence.recorded})
    if counts and not evidence.is_untrained:
        seeds = counted(counts[-1], "seed")
        parts.append(f"{seeds if len(counts) == 1 else f'{counts[0]} to {seeds}'} a row")
    return ", ".join(parts)


def _source_of_method(page: str) -> Source:
    title = page.splitlines()[0].removeprefix("# ")
    return Source(title, "", "", None, ["python -m titn.report"], f"{NAME}.md")
