"""A few damaged files of each kind; tests/faults/long.py tries many."""

import pytest
from damaged_records import damaged_records


@pytest.mark.parametrize("examples", [3, pytest.param(12, marks=pytest.mark.long)])
def test_damaged_records_are_named_or_harmless(examples):
    tallies = damaged_records(examples)
    assert all(tally.tries for tally in tallies)
    assert [f"{tally.fault}: {lost}" for tally in tallies for lost in tally.lost] == []
