"""A table of markdown cells as a booktabs tabular."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from titn.reporting.latex.text import latex, plain

NUMBER = r"[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?%?"
MARK = r"(?P<mark> ?[†‡*])?"
BETWEEN = rf"(?P<low>{NUMBER})(?: to |, )(?P<high>{NUMBER})"
ESTIMATE = re.compile(rf"(?:[<>] ?)?{NUMBER}{MARK}")
INTERVAL = re.compile(rf"[\[(]?{BETWEEN}[\])]?{MARK}")
BOTH = re.compile(rf"(?P<estimate>{NUMBER}) [\[(]{BETWEEN}[\])]{MARK}")
NOTHING = ("", "–", "-")
# A column with one of these heads tests or describes the estimate, and no interval is its own.
NO_ESTIMATES = re.compile(r"r|(?:\w+ )?p|seeds", re.IGNORECASE)

# Texts with more letters are broken into lines. A letter takes this part of a page's line, and all
# such columns together at most that.
LONG, LETTER_WIDTH, LONG_WIDTH = 24, 0.012, 0.6


@dataclass(frozen=True)
class Column:
    """A column of the page, in markdown."""

    head: str
    cells: Sequence[str]

    def all_match(self, pattern: re.Pattern[str]) -> bool:
        """Whether its cells, without those that hold nothing, match, and there are any."""
        texts = [text for cell in self.cells if (text := plain(cell)) not in NOTHING]
        return bool(texts) and all(pattern.fullmatch(text) for text in texts)

    @property
    def is_long(self) -> bool:
        return not self.is_numeric and self.num_letters > LONG

    @property
    def num_letters(self) -> int:
        """Of the longest cell."""
        return max(len(plain(cell)) for cell in self.cells)

    @property
    def is_numeric(self) -> bool:
        return any(self.all_match(pattern) for pattern in (ESTIMATE, INTERVAL, BOTH))

    def has_bounds(self, bounds: "Column") -> bool:
        """Whether the other column has the intervals of the estimates in this one."""
        if not (self.all_match(ESTIMATE) and bounds.all_match(INTERVAL)):
            return False
        if NO_ESTIMATES.fullmatch(plain(self.head)):
            return False
        for estimate, interval in zip(
            map(plain, self.cells), map(plain, bounds.cells), strict=True
        ):
            if interval in NOTHING:
                continue
            found = INTERVAL.fullmatch(interval)
            assert found is not None
            if estimate in NOTHING or not (
                _value(found["low"]) <= _value(estimate) <= _value(found["high"])
            ):
                return False
        return True


def _value(text: str) -> float:
    number = re.search(NUMBER, text)
    assert number is not None
    return float(number[0].replace("−", "-").replace(",", "").rstrip("%"))


def tabular(
    heads: Sequence[str], rows: Sequence[Sequence[str]], baseline: str | None
) -> tuple[list[str], bool]:
    """The lines of a tabular, and whether its baseline is there: its name is bold.

    heads, rows: markdown. An interval stands in brackets and small beside its estimate, so that
    both are aligned; columns with nothing in them are left out. baseline: the name of its row.
    """
    named = [[_marked(row[0], baseline), *row[1:]] for row in rows]
    columns = [
        Column(head, cells)
        for head, *cells in zip(heads, *named, strict=True)
        if any(map(plain, cells))
    ]
    num_long = sum(column.is_long for column in columns)
    specs, titles, cells = list[str](), list[str](), list[Sequence[str]]()
    while columns:
        column, *columns = columns
        if columns and column.has_bounds(columns[0]):
            bounds, *columns = columns
            specs.append("r@{~}l")
            titles.append(rf"\multicolumn{{2}}{{c}}{{{latex(column.head)} {_small(bounds.head)}}}")
            cells += [[*map(latex, column.cells)], [*map(_bracketed, bounds.cells)]]
            continue
        specs.append(_spec(column, num_long))
        title = latex(column.head)
        titles.append(rf"\multicolumn{{1}}{{c}}{{{title}}}" if column.is_numeric else title)
        cells.append([*map(_cell, column.cells)])
    lines = [_line(titles), r"\midrule", *(_line(line) for line in zip(*cells, strict=True))]
    has_baseline = any(_is_baseline(row[0], baseline) for row in rows)
    begin = rf"\begin{{tabular}}{{{''.join(specs)}}}"
    return [begin, r"\toprule", *lines, r"\bottomrule", r"\end{tabular}"], has_baseline


def _is_baseline(name: str, baseline: str | None) -> bool:
    return baseline is not None and plain(name) == baseline


def _marked(name: str, baseline: str | None) -> str:
    is_marked = name.startswith("**") and name.endswith("**")
    return f"**{name}**" if _is_baseline(name, baseline) and not is_marked else name


def _spec(column: Column, num_long: int) -> str:
    if column.is_numeric:
        return "r"
    if not column.is_long:
        return "l"
    width = min(LETTER_WIDTH * column.num_letters, LONG_WIDTH / num_long)
    return rf">{{\raggedright\arraybackslash}}p{{{width:.2f}\linewidth}}"


def _cell(markdown: str) -> str:
    text = plain(markdown)
    if INTERVAL.fullmatch(text) and not ESTIMATE.fullmatch(text):
        return _bracketed(markdown)
    if found := BOTH.fullmatch(text):
        return f"{latex(found['estimate'])} {_small(_brackets(found))}{latex(found['mark'] or '')}"
    return latex(markdown)


def _bracketed(markdown: str) -> str:
    found = INTERVAL.fullmatch(plain(markdown))
    if found is None:
        return ""
    return _small(_brackets(found)) + latex(found["mark"] or "")


def _brackets(found: re.Match[str]) -> str:
    return f"[{found['low']}, {found['high']}]"


def _small(text: str) -> str:
    return rf"{{\scriptsize {latex(text)}}}"


def _line(cells: Sequence[str]) -> str:
    first, *others = cells
    # After a rule or the end of a line, LaTeX takes these for an option.
    if first.startswith(("[", "*")):
        first = "{}" + first
    return f"{' & '.join([first, *others])} \\\\"
