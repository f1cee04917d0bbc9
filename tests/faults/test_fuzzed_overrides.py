"""What is mistyped is answered in one line, and trains nothing."""

import pytest
from overrides import fuzzed_overrides


@pytest.fixture(scope="module")
def tallies():
    return fuzzed_overrides(22)


def test_every_kind_is_tried(tallies):
    assert all(tally.tries for tally in tallies)


def test_nothing_is_lost(tallies):
    assert [line for tally in tallies for line in tally.lost] == []
