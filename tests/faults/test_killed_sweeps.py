"""A sweep that is asked four times at once, and one of its processes killed."""

import random

import killed_sweeps

# Three of its six cells, and the teacher.
SWEEP = [word.removesuffix(",2e-3") for word in killed_sweeps.SWEEP]


def test_every_cell_is_recorded_once_and_as_ever(tmp_path):
    known = killed_sweeps.reference(tmp_path / "untouched", SWEEP)
    assert len(known) == 4
    tally = killed_sweeps.four_controllers(2, tmp_path, known, random.Random(0), sweep=SWEEP)
    assert tally.lost == []
