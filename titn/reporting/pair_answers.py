"""What is found of the rows that a question compares with each other, in a sentence."""

from collections.abc import Sequence

from titn.reporting.comparisons.differences import Difference
from titn.reporting.comparisons.verdicts import BETTER, EQUAL, WORSE
from titn.reporting.formats import margin_text, size_text
from titn.reporting.markdown import escape
from titn.system.text import percent


def pairs_answer(found: Sequence[Difference], called: dict[str, str]) -> str:
    """Markdown; the pairs without a verdict are left to their table. Empty without any.

    called: label -> what the page calls the row.
    """
    said = [_said(one, called) for one in found if not one.unjudged]
    return f"Pair by pair: {'; '.join(said)}." if said else ""


def _said(one: Difference, called: dict[str, str]) -> str:
    first, second = escape(called[one.row.label]), escape(called[one.other.label])
    if one.verdict == EQUAL:
        return f"{first} equals {second} within {margin_text(one.margin)}"
    if one.verdict not in (BETTER, WORSE):
        return f"{first} and {second} are not told apart (up to {percent(one.excluded, 1)} points)"
    assert one.interval is not None
    if one.verdict == WORSE:
        first, second = second, first
    return f"{first} is better than {second} by {size_text(one.estimate, one.interval)}"
