"""Markdown that a code host renders, and the CSV beside it."""

import re
from collections.abc import Iterable, Sequence
from html import escape as escape_html
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from titn.system.files import write_text
from titn.system.text import printable

# What would end a table's cell, or begin markup, in text that others wrote.
SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#&$@])")
# What a code host makes a link of, without any markup.
ADDRESS = re.compile(r"(?i)(:)(?=//)|(?<=\bwww)(\.)")
# What would begin a list at the beginning of a line.
BULLET = re.compile(r"^(\d*)([-+.)])(?=\s)")

# With which a spreadsheet takes a cell for a formula, which may fetch and send.
FORMULA = ("=", "+", "-", "@")


def escape(text: object) -> str:
    """Text of others, such as class names, as it stands: no markup, no HTML, no links, one line."""
    line = SPECIAL.sub(r"\\\1", _one_line(text))
    return BULLET.sub(r"\1\\\2", ADDRESS.sub(r"\\\g<0>", line))


def code(text: object) -> str:
    """Text of others as code, whatever backticks it has."""
    line = _one_line(text)
    ticks = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{ticks} {line} {ticks}" if "`" in line else f"{ticks}{line}{ticks}"


def _one_line(text: object) -> str:
    """Without what would move, hide or turn round the letters beside it."""
    return printable(" ".join(str(text).split()))


def listed(names: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def bullets(lines: Iterable[str]) -> str:
    """A list of lines that are markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def link(text: str, target: str) -> str:
    """text: markdown already. target: a file, whatever its name."""
    return f"[{text}]({quote(target)})"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table of cells that are markdown already; the first `left` columns are text."""
    rule = [":--"] * left + ["--:"] * (len(columns) - left)
    lines = [f"| {' | '.join(row)} |" for row in (columns, rule, *rows)]
    return "\n".join(lines)


def html(text: object) -> str:
    """Text of others inside HTML, such as a fold's summary: no markup, one line."""
    return escape_html(_one_line(text))


def fold(summary: str, parts: Sequence[str]) -> str:
    """Parts of a page behind a line that opens them.

    summary: HTML already. The empty lines are what makes a code host read markdown inside.
    """
    inner = "\n\n".join(parts)
    return f"<details>\n<summary>{summary}</summary>\n\n{inner}\n\n</details>"


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """The numbers of a table as they were computed, ten digits: fractions, not percent.

    A text that a spreadsheet would compute, as "=1+1", has an apostrophe before it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = frame.map(lambda value: _inert(value) if isinstance(value, str) else value)
    # A zero without a sign, which rounding gives it on one kind of CPU and not on another.
    frame = frame.map(lambda value: value + 0.0 if isinstance(value, float) else value)
    write_text(path, frame.to_csv(index=False, float_format="%.10g", lineterminator="\n"))


def _inert(text: str) -> str:
    line = printable(text)
    return f"'{line}" if line.lstrip().startswith(FORMULA) else line
