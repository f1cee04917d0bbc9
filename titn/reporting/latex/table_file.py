r"""A table of a page as a file that a paper can \input: a float with caption and label."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from titn.reporting.latex.page_tables import PageTable
from titn.reporting.latex.tabular import tabular
from titn.reporting.latex.text import escape, latex, needs_unicode_engine, plain
from titn.system.text import printable

# With more columns letters and gaps are smaller.
MANY_COLUMNS = 6
NARROW = (r"\footnotesize", r"\setlength{\tabcolsep}{4pt}")
MOST_COMMANDS = 3  # of those that asked for a setting in parts
BULLET = re.compile(r"^ *[-*] +", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """What a table is about, and where its numbers come from, in plain text.

    title, asks: of the page. setting: data set, classes, epochs and seeds. baseline: the name of
    its row. commands: what made the records. page: its file.
    """

    title: str
    asks: str
    setting: str
    baseline: str | None
    commands: Sequence[str]
    page: str


def table_file(table: PageTable, source: Source) -> str:
    """The file's text: what it is as comments, then the table."""
    heading = plain(table.heading)
    lines, has_baseline = tabular(table.columns, table.rows, source.baseline)
    name = f"{_ended(source.title)} {heading}"
    about = [_ended(f"{name} ({source.setting})" if source.setting else name)]
    if has_baseline:
        about.append("In bold: the baseline.")
    caption = " ".join([*map(escape, about), latex(_sentences(table.note))]).rstrip()
    # Letters, digits and hyphens alone: other signs have a meaning in some package.
    label = re.sub(r"[^A-Za-z0-9]+", "-", _stem(table))
    text = "\n".join(
        [
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption[{{{escape(name)}}}]{{{caption}}}",
            rf"\label{{tab:{label}}}",
            *(NARROW if len(table.columns) > MANY_COLUMNS else [r"\small"]),
            *lines,
            r"\end{table}",
        ]
    )
    packages = "booktabs,array" if r"\arraybackslash" in text else "booktabs"
    return "\n".join([*map(_comment, _head(table, source, name, packages, text)), text, ""])


def _head(table: PageTable, source: Source, name: str, packages: str, text: str) -> list[str]:
    more = len(source.commands) - MOST_COMMANDS
    engine = ["XeLaTeX or LuaLaTeX: pdfLaTeX lacks some of these letters."]
    return [
        *filter(None, (name, source.asks, source.setting)),
        *(f"Command: {command}" for command in source.commands[:MOST_COMMANDS]),
        *([f"and {more} more, in the plan of the sweep"] if more > 0 else []),
        f"Rounded as on the page {source.page}; in full in {table.csv}. Written by titn.report.",
        rf"In the preamble: \usepackage{{{packages}}}; here: \input{{{_stem(table)}}}",
        *(engine if needs_unicode_engine(text) else []),
    ]


def _ended(sentence: str) -> str:
    """With a full stop, unless it ends by itself."""
    return sentence if sentence.endswith(("?", "!", ".")) else f"{sentence}."


def _sentences(note: str) -> str:
    """The note in one line; the items of a list become sentences that follow each other."""
    return " ".join(BULLET.sub("", note).split())


def _stem(table: PageTable) -> str:
    return tex_path(table).removesuffix(".tex")


def tex_path(table: PageTable) -> str:
    """Beside the CSV, as the page would link to it."""
    stem = table.csv.removesuffix(".csv")
    return f"{stem}.tex" if table.number == 1 else f"{stem}-{table.number}.tex"


def _comment(line: str) -> str:
    return f"% {printable(' '.join(line.split()))}"
