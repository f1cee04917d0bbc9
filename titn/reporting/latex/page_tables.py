"""The tables of a page, read from its markdown.

A table for a paper is made of the very cells that the page shows, so that both are rounded alike
and neither can say what the other does not.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote

# Between the bars of a table's line; an escaped bar is a part of its cell.
CELL = re.compile(r"(?:\\.|[^|\\])+")
RULE = re.compile(r"\|(?: *:?-+:? *\|)+")
HEADING = re.compile(r"#+ +(.*)|.*<summary>(.*?)</summary>.*", re.DOTALL)
CSV_LINK = re.compile(r"\s*\[([^\]]+)\.csv\]\(([^)]+)\)")


@dataclass(frozen=True)
class PageTable:
    """A table with a CSV; all texts are markdown.

    name: as accuracy. csv: the path that the page links to. number: 2 for the page's second table
    of this CSV. heading: of its section. note: what the page says of it, above with a colon and
    below.
    """

    name: str
    csv: str
    number: int
    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str


def tables_with_csv(page: str) -> Iterator[PageTable]:
    """The tables of a page that are followed, in their section, by the link to their CSV."""
    heading, waiting, items = "", list[tuple[str, list[list[str]]]](), list[str]()
    counts = Counter[str]()
    for before, block in pairwise(["", *page.split("\n\n")]):
        if found := HEADING.fullmatch(block):
            heading, waiting = found[1] or found[2], []
        elif table := _read_table(block):
            waiting.append((f"{before[:-1]}. " if before.endswith(":") else "", table))
            items = []
        elif link := CSV_LINK.search(block):
            note = "\n".join([*items, CSV_LINK.sub("", block).strip()])
            csv = unquote(link[2])
            for about, (columns, *rows) in waiting:
                counts[csv] += 1
                yield PageTable(link[1], csv, counts[csv], heading, columns, rows, about + note)
            waiting = []
        elif block.startswith("- "):
            items.append(block)


def _read_table(block: str) -> list[list[str]]:
    """The cells of a table, its head first; empty if the block is no table."""
    lines = block.strip().splitlines()
    if len(lines) < 3 or not RULE.fullmatch(lines[1]):
        return []
    head, _, *rows = ([cell.strip() for cell in CELL.findall(line)] for line in lines)
    return [head, *rows]
