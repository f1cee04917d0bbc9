"""What a terminal shows of a sweep's plan."""

from pathlib import Path

from titn.sweeps.announce import count_recorded, plan_lines, workers_line
from titn.sweeps.estimate import TimeEstimator


def lines(*planned, runs=Path("none")) -> list[str]:
    return plan_lines(planned, TimeEstimator(runs))


def test_a_plan_is_a_table_of_rows_and_seeds(planned):
    cells = [planned(row, seed) for seed in (0, 1) for row in ("short", "long name")]
    cells[0].cell.finish()
    cells[1].cell.begin()
    cells[3].cell.fail("diverged")
    assert lines(*cells)[:-1] == [
        "             seed 0     seed 1",
        "  short      recorded   waiting",
        "  long name  half done  diverged",
    ]


def test_columns_are_as_wide_as_their_widest_state(planned):
    first, second = planned("A", 0), planned("A", 1)
    first.cell.finish(stopped_after=1)
    assert lines(first, second)[:-1] == [
        "     seed 0         seed 1",
        "  A  stopped early  waiting",
    ]


def test_cells_that_stopped_early_are_counted(planned):
    cells = [planned("A", seed) for seed in range(3)]
    cells[0].cell.finish()
    assert count_recorded([one.state for one in cells]) == "1 of 3 cells recorded"
    cells[1].cell.finish(stopped_after=1)
    assert (
        count_recorded([one.state for one in cells])
        == "2 of 3 cells recorded, 1 of them stopped early"
    )


def test_a_row_without_a_seed_has_a_gap(planned):
    shown = lines(planned("A", 0), planned("B", 10))
    assert shown[1] == "  A  waiting"
    assert shown[2] == "  B             waiting"


def test_a_plan_without_work_says_so(planned):
    one = planned()
    one.cell.finish()
    assert lines(one)[-1] == "  nothing to do"


def test_what_no_past_cell_tells_is_named_once(planned):
    shown = lines(planned("A"), planned("B"))[-1]
    assert shown == "  to do: 2 of 2 cells; no past cell tells how long titn takes"


def test_the_time_is_that_of_the_open_cells(planned, tmp_path):
    cells = [planned("A", seed) for seed in range(3)]
    cells[0].cell.finish(wall_secs=120)
    shown = lines(*cells, runs=tmp_path / "runs")[-1]
    assert shown == ("  to do: 2 of 3 cells, about 4 min one after another, going by past cells")


def test_what_is_known_is_summed_and_what_is_not_is_named(planned, tmp_path):
    known, other = planned("A", 0), planned("A", 1)
    known.cell.finish(wall_secs=60)
    new = planned("B", model={"_target_": "VGG"}, choices={"model": "vgg16_bn"})
    shown = lines(known, other, new, runs=tmp_path / "runs")[-1]
    assert shown == (
        "  to do: 2 of 3 cells, about 60 s one after another, going by past cells; "
        "no past cell tells how long vgg16_bn takes"
    )


def test_several_workers_share_the_time(planned, tmp_path):
    cells = [planned("A", seed) for seed in range(4)]
    cells[0].cell.finish(wall_secs=120)
    assert workers_line(cells, TimeEstimator(tmp_path / "runs")) == (
        "  workers at once, each as fast as one alone: 2 in 4 min, 4 in 2 min (by calculation)"
    )
    assert workers_line(cells[:2], TimeEstimator(tmp_path / "runs")) is None  # one is open
    new = planned("B", model={"_target_": "VGG"}, choices={"model": "vgg16_bn"})
    assert workers_line([*cells, new], TimeEstimator(tmp_path / "runs")) is None


# Teachers


def test_a_teacher_is_counted_once_for_all_its_students(planned):
    teacher = planned("teacher").cell
    shown = lines(planned("A", teacher=teacher), planned("B", teacher=teacher))[-1]
    assert shown.startswith("  to do: 2 of 2 cells and 1 teacher;")


def test_teachers_of_different_seeds_are_two(planned):
    first, second = planned("teacher", 0).cell, planned("teacher", 1).cell
    shown = lines(planned("A", 0, teacher=first), planned("A", 1, teacher=second))[-1]
    assert shown.startswith("  to do: 2 of 2 cells and 2 teachers;")


def test_a_recorded_teacher_is_not_made_again(planned):
    teacher = planned("teacher").cell
    teacher.finish()
    assert lines(planned(teacher=teacher))[-1].startswith("  to do: 1 of 1 cells;")


def test_a_teacher_that_is_a_cell_of_the_sweep_is_counted_as_that(planned):
    teacher = planned("VGG16-BN")
    shown = lines(planned("A", teacher=teacher.cell), teacher)[-1]
    assert shown.startswith("  to do: 2 of 2 cells;")


def test_the_teacher_of_a_recorded_student_is_not_needed(planned):
    student = planned("A", teacher=planned("teacher").cell)
    student.cell.finish()
    assert lines(student, planned("B"))[-1].startswith("  to do: 1 of 2 cells;")


def test_the_time_of_a_teacher_is_added(planned, tmp_path):
    past = planned("past", model={"_target_": "VGG"})
    past.cell.finish(wall_secs=300)
    planned("past", 1).cell.finish(wall_secs=120)
    teacher = planned("teacher", model={"_target_": "VGG"}).cell
    student = planned("A", teacher=teacher)
    shown = lines(student, runs=tmp_path / "runs")[-1]
    assert "1 teacher, about 7 min one" in shown
