"""Markdown that a code host renders, and the CSV beside it."""

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from titn.records.records import write_text

# What would end a table's cell, or begin markup, in text that others wrote.
SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#&$])")
# What would begin a list at the beginning of a line.
BULLET = re.compile(r"^(\d*)([-+.)])(?=\s)")


def escape(text: object) -> str:
    """Text of others, such as class names, as it stands: no markup, no HTML, one line."""
    return BULLET.sub(r"\1\\\2", SPECIAL.sub(r"\\\1", " ".join(str(text).split())))


def code(text: object) -> str:
    """Text of others as code, whatever backticks it has."""
    line = " ".join(str(text).split())
    ticks = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{ticks} {line} {ticks}" if "`" in line else f"{ticks}{line}{ticks}"


def link(text: str, target: str) -> str:
    """text: markdown already. target: a file, whatever its name."""
    return f"[{text}]({quote(target)})"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table of cells that are markdown already; the first `left` columns are text."""
    rule = [":--"] * left + ["--:"] * (len(columns) - left)
    lines = [f"| {' | '.join(row)} |" for row in (columns, rule, *rows)]
    return "\n".join(lines)


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction in percent, without the sign; an en dash where there is none."""
    if fraction is None or pd.isna(fraction):
        return "–"
    # Adding zero turns the -0.0 that rounding leaves into 0.0.
    return f"{round(100 * fraction, digits) + 0.0:.{digits}f}"


def points(difference: float | None, digits: int = 2) -> str:
    """A difference of fractions in percentage points, signed; an en dash where there is none."""
    if difference is None or pd.isna(difference):
        return "–"
    return f"{round(100 * difference, digits) + 0.0:+.{digits}f}"


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """The numbers of a table as they were computed, ten digits: fractions, not percent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, frame.to_csv(index=False, float_format="%.10g", lineterminator="\n"))
