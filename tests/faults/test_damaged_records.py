"""A few damaged files of each kind; tests/faults/long.py tries many."""

from damaged_records import damaged_records


def test_damaged_records_are_named_or_harmless():
    tallies = damaged_records(examples=5)
    assert [f"{tally.fault}: {lost}" for tally in tallies for lost in tally.lost] == []
