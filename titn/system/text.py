"""Text made fit for a line on a terminal or a page."""

import re
from math import isnan


def printable(text: object) -> str:
    """What is no printable character is written as Python writes it: \\n, \\x1b, \\udce9.

    So a name cannot begin a line of its own, move a cursor or fail to be printed.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


def counted(number: float, noun: str) -> str:
    """1 cell, 2 cells."""
    return f"{number:.0f} {noun}{'' if number == 1 else 's'}"


def in_millions(number: float, digits: int) -> str:
    """5.36M; a number that would have few digits so in full: 12,345."""
    return f"{number / 1e6:.{digits}f}M" if number >= 1e5 else f"{number:,.0f}"


def is_utf8(text: str) -> bool:
    """Whether it can be written: what is not UTF-8 on the disk has surrogates in Python."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction in percent, without the sign; an en dash where there is none."""
    if fraction is None or isnan(fraction):
        return "–"
    return f"{_hundredfold(fraction, digits):.{digits}f}"


def points(difference: float | None, digits: int = 2) -> str:
    """A difference of fractions in percentage points, signed; an en dash where there is none."""
    if difference is None or isnan(difference):
        return "–"
    return f"{_hundredfold(difference, digits):+.{digits}f}"


def _hundredfold(fraction: float, digits: int) -> float:
    """Rounded; what differs in the fifteenth digit, as sums in another order do, is shown alike.

    -0.0, which rounding leaves, is 0.0.
    """
    return round(round(100 * fraction, 9), digits) + 0.0


def without_password(text: str) -> str:
    """A text with the address of a database, as messages, plans and records have it."""
    text = re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1@", text)
    return re.sub(r"([?&]password=)[^&\s'\"]*", r"\1…", text)
