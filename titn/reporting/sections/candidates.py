"""Candidates on a validation split: what became of them, and what choosing among them is worth."""

from collections.abc import Sequence
from typing import Any

from titn.reporting.evidence.row import MISSING

CHOSEN_ON_VALIDATION = (
    "One seed each, on a part of train that was held out, from the teacher too: the best of "
    "several, no estimate of how good it is."
)


def state_and_top1(run: dict[str, Any] | None) -> tuple[str, float | None]:
    """Of a candidate's run; None if there is none."""
    return (run["status"], run.get("top1")) if run else (MISSING, None)


def is_at_an_end(value: Any, choices: Sequence[Any]) -> bool:
    """Whether a number is the least or the greatest of the numbers that there were.

    Of two, each would be: it takes three for one to lie between others. True and false are none.
    """
    numbers = {one for one in choices if _is_number(one)}
    return _is_number(value) and len(numbers) > 2 and value in (min(numbers), max(numbers))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
