"""A sweep that is asked four times at once, and one of its processes killed."""

import random

import killed_sweeps


def test_every_cell_is_recorded_once_and_as_ever(tmp_path):
    known = killed_sweeps.reference(tmp_path / "untouched")
    assert len(known) == 7
    assert killed_sweeps.four_controllers(2, tmp_path, known, random.Random(0)).lost == []
