"""A few damaged files of each kind; tests/faults/long.py tries many."""

import pytest
from damaged_data import damaged_data


@pytest.mark.parametrize("examples", [3, pytest.param(12, marks=pytest.mark.long)])
def test_damaged_files_are_answered_or_harmless(examples):
    tallies = damaged_data(examples)
    assert all(tally.tries for tally in tallies)
    assert [f"{tally.fault}: {lost}" for tally in tallies for lost in tally.lost] == []
