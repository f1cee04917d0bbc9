"""Faults that hypothesis draws. What is lost is counted, not raised: nothing has to be shrunk."""

from collections.abc import Callable
from typing import TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")


def for_each(
    drawn: st.SearchStrategy[T], examples: int, seed: int, attempt: Callable[[T], None]
) -> None:
    """Call `attempt` with so many that are drawn, the same ones for the same seed."""
    if not examples:
        return

    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn)
    def each(one: T) -> None:
        attempt(one)

    each()
