"""How many cells of a sweep have ended is said while it is made."""

import pytest
from filelock import FileLock

from titn.records.sweep_dir import SweepDir
from titn.records.sweep_plan import PlannedCell, Setting
from titn.sweeps.counting import EndedCells, counting


@pytest.fixture
def sweep(tmp_path, planned):
    """Three cells and, in the plan only, one of an earlier request; the plan's directory."""
    cells = [planned(seed=seed) for seed in range(4)]
    directory = SweepDir(tmp_path / "sweep")
    in_plan = [
        PlannedCell("A", seed, cell.config_hash, f"../runs/{cell.cell.directory.path.name}")
        for seed, cell in enumerate(cells)
    ]
    directory.add_setting("ablation/x", Setting("k", "now", [], [], None, False, ["A"], in_plan))
    return directory.path, cells[:3]


def run(cell):
    """Begin a cell; as long as the lock that is returned is held, it is running."""
    cell.cell.begin()
    lock = FileLock(cell.cell.directory.lock)
    lock.acquire()
    return lock


def test_cells_that_ended_are_counted_with_the_time_that_is_left(sweep):
    directory, cells = sweep
    counter = EndedCells("ablation/x", directory, cells)
    cells[0].cell.finish(wall_secs=20.0)
    lock = run(cells[1])
    assert counter.news() is None  # the next cell may not have begun
    assert counter.news() == "ablation/x: 1 of 3 cells ended; about 40 s left, 1 at once"
    assert counter.news() is None
    lock.release()


def test_what_was_recorded_before_is_no_news(sweep):
    directory, cells = sweep
    cells[0].cell.finish()
    counter = EndedCells("ablation/x", directory, cells)
    assert [counter.news(), counter.news()] == [None, None]


def test_a_cell_that_failed_has_ended(sweep):
    directory, cells = sweep
    counter = EndedCells("ablation/x", directory, cells)
    cells[0].cell.fail("diverged")
    counter.news()
    assert counter.news().startswith("ablation/x: 1 of 3 cells ended; ")


def test_the_end_is_said_by_the_sweep_itself(sweep):
    directory, cells = sweep
    counter = EndedCells("ablation/x", directory, cells)
    for cell in cells:
        cell.cell.finish()
    assert [counter.news(), counter.news()] == [None, None]


def test_counting_ends_with_what_is_counted(sweep):
    with pytest.raises(KeyboardInterrupt), counting("ablation/x", *sweep):
        raise KeyboardInterrupt
