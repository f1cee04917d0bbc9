"""A few damaged files of each kind; tests/faults/long.py tries many."""

from damaged_data import damaged_data


def test_damaged_files_are_answered_or_harmless():
    tallies = damaged_data(examples=4)
    assert [f"{tally.fault}: {lost}" for tally in tallies for lost in tally.lost] == []
