"""A sweep's plan: what is there to do, and what a terminal is told of it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from titn.cells.planning import Planner
from titn.records.run_dir import RunDir
from titn.records.sweep_dir import SweepDir
from titn.sweeps.announce import plan_lines
from titn.sweeps.estimate import PendingRun, TimeEstimator
from titn.sweeps.overrides import CellRequest
from titn.sweeps.plan import SweepCell, planned_entry

DIVERGED = {"kind": "diverged", "reason": "the loss is nan"}
FAILED = {"kind": "error", "reason": "out of memory"}


@pytest.fixture
def planned(tmp_path):
    """A planned cell of a row and a seed, in a directory of its own; nothing is built for it."""

    def plan(row="A", seed=0, *, teacher=None, tuned=None, role="cell", **switches):
        place = RunDir(tmp_path / "runs" / f"{row} {seed}")
        place.path.mkdir(parents=True, exist_ok=True)
        cell = SimpleNamespace(
            run={"seed": seed, "epochs": 2, "force": False, "retry": None,
                 "choices": {"model": "titn"}, "model": {"_target_": "TITN"}} | switches,
            directory=place,
            identity={"config_hash": f"{row}-{seed}".replace(" ", "-"), "source_digest": "now"},
            device="cpu",
            precision="32-true",
            dataset=SimpleNamespace(train=range(100)),
            teacher=teacher,
        )  # fmt: skip
        return SweepCell(CellRequest(row, str(seed), (), tuned or {}), cell, role)

    return plan


def begin(cell, source_digest: str = "now") -> None:
    run = cell.run | {"precision": cell.precision}
    made = {"source_digest": source_digest, "device": str(cell.device)}
    cell.directory.begin(run, cell.identity | made)


def finish(cell, wall_secs: float = 1.0) -> None:
    """A record of 2 epochs of 100 images; 20 seconds are 0.1 an image."""
    begin(cell, cell.identity["source_digest"])
    scores = {"top1": 0.5, "nll": 1.0, "seed": cell.run["seed"], "num_train": 100}
    cell.directory.finish(cell.identity | scores | {"epochs": 2, "wall_secs": wall_secs})


def fail(cell, failure: dict) -> None:
    cell.directory.fail(cell.identity | failure)


def lines(*planned, runs=Path("none")) -> list[str]:
    return plan_lines(planned, TimeEstimator(runs))


# What there is to do


def test_what_waits_is_open(planned):
    assert planned().is_open


def test_what_is_half_done_is_open(planned):
    one = planned()
    begin(one.cell)
    assert one.is_open


@pytest.mark.parametrize("retry", [None, "failed"])
def test_a_record_is_closed(planned, retry):
    one = planned(retry=retry)
    finish(one.cell)
    assert not one.is_open


@pytest.mark.parametrize("failure", [DIVERGED, FAILED])
@pytest.mark.parametrize(("retry", "is_open"), [(None, False), ("failed", True)])
def test_what_failed_is_closed_unless_it_is_tried_again(planned, failure, retry, is_open):
    one = planned(retry=retry)
    fail(one.cell, failure)
    assert one.is_open == is_open


@pytest.mark.parametrize("retry", [None, "failed"])
def test_a_damaged_record_is_closed(planned, retry):
    one = planned(retry=retry)
    (one.cell.directory.path / "result.json").write_text('{"top1": 0.')
    assert (one.state, one.is_open) == ("damaged", False)


def test_everything_is_open_to_force(planned):
    recorded, failed, damaged = (planned(seed=seed, force=True) for seed in range(3))
    finish(recorded.cell)
    fail(failed.cell, FAILED)
    (damaged.cell.directory.path / "result.json").write_text("{")
    assert [one.is_open for one in (recorded, failed, damaged)] == [True, True, True]


@pytest.mark.parametrize(("digest", "is_other"), [("now", False), ("before", True)])
def test_other_source_code_is_noticed(planned, digest, is_other):
    one = planned()
    begin(one.cell, digest)
    assert one.is_of_other_source == is_other


def test_an_empty_directory_is_of_no_other_source(planned):
    assert not planned().is_of_other_source


def test_force_replaces_what_other_source_code_made(planned):
    one = planned(force=True)
    begin(one.cell, "before")
    assert not one.is_of_other_source


def test_what_cannot_be_read_is_of_no_other_source(planned):
    one = planned()
    (one.cell.directory.path / "environment.json").write_text("{")
    assert not one.is_of_other_source


# Names and entries


def test_a_name_has_the_tuned_values_and_a_label_the_seed(planned):
    one = planned("SGD", 3, tuned={"optimizer.lr": 0.1})
    assert (one.name, one.label) == ("SGD, optimizer.lr=0.1", "SGD, optimizer.lr=0.1, seed 3")


def test_an_entry_says_where_the_cell_is_from_the_sweep(planned, tmp_path):
    teacher = planned("teacher").cell
    one = planned("SGD", 3, teacher=teacher, tuned={"optimizer.lr": 0.1}, role="candidate")
    entry = planned_entry(one, tmp_path / "runs" / "sweeps" / "optimizer")
    assert entry.directory == "../../SGD 3"
    assert (entry.row, entry.seed, entry.config_hash) == ("SGD", 3, "SGD-3")
    assert (entry.teacher, entry.role, entry.tuned) == (
        "teacher-0", "candidate", {"optimizer.lr": 0.1},
    )  # fmt: skip


def test_an_entry_leads_back_to_the_cell(planned, tmp_path):
    one, sweep = planned(), SweepDir(tmp_path / "runs" / "sweeps" / "mix")
    assert sweep.run_dir(planned_entry(one, sweep.path)) == one.cell.directory


# What a terminal is told


def test_a_plan_is_a_table_of_rows_and_seeds(planned):
    cells = [planned(row, seed) for seed in (0, 1) for row in ("short", "long name")]
    finish(cells[0].cell)
    begin(cells[1].cell)
    fail(cells[3].cell, DIVERGED)
    assert lines(*cells)[:-1] == [
        "             seed 0     seed 1",
        "  short      recorded   waiting",
        "  long name  half done  diverged",
    ]


def test_a_row_without_a_seed_has_a_gap(planned):
    told = lines(planned("A", 0), planned("B", 10))
    assert told[1] == "  A  waiting"
    assert told[2] == "  B             waiting"


def test_a_plan_without_work_says_so(planned):
    one = planned()
    finish(one.cell)
    assert lines(one)[-1] == "  nothing to do"


def test_what_no_past_cell_tells_is_named_once(planned):
    told = lines(planned("A"), planned("B"))[-1]
    assert told == "  to do: 2 of 2 cells; no past cell tells how long titn takes"


def test_the_time_is_that_of_the_open_cells(planned, tmp_path):
    cells = [planned("A", seed) for seed in range(3)]
    finish(cells[0].cell, wall_secs=120)
    told = lines(*cells, runs=tmp_path / "runs")[-1]
    assert told == ("  to do: 2 of 3 cells, about 4 min one after another, going by past cells")


def test_what_is_known_is_summed_and_what_is_not_is_named(planned, tmp_path):
    known, other = planned("A", 0), planned("A", 1)
    finish(known.cell, wall_secs=60)
    new = planned("B", model={"_target_": "VGG"}, choices={"model": "vgg16_bn"})
    told = lines(known, other, new, runs=tmp_path / "runs")[-1]
    assert told == (
        "  to do: 2 of 3 cells, about 60 s one after another, going by past cells; "
        "no past cell tells how long vgg16_bn takes"
    )


# Teachers


def test_a_teacher_is_counted_once_for_all_its_students(planned):
    teacher = planned("teacher").cell
    told = lines(planned("A", teacher=teacher), planned("B", teacher=teacher))[-1]
    assert told.startswith("  to do: 2 of 2 cells and 1 teacher;")


def test_teachers_of_different_seeds_are_two(planned):
    first, second = planned("teacher", 0).cell, planned("teacher", 1).cell
    told = lines(planned("A", 0, teacher=first), planned("A", 1, teacher=second))[-1]
    assert told.startswith("  to do: 2 of 2 cells and 2 teachers;")


def test_a_recorded_teacher_is_not_made_again(planned):
    teacher = planned("teacher").cell
    finish(teacher)
    assert lines(planned(teacher=teacher))[-1].startswith("  to do: 1 of 1 cells;")


def test_a_teacher_that_is_a_cell_of_the_sweep_is_counted_as_that(planned):
    teacher = planned("VGG16-BN")
    told = lines(planned("A", teacher=teacher.cell), teacher)[-1]
    assert told.startswith("  to do: 2 of 2 cells;")


def test_the_teacher_of_a_recorded_student_is_not_needed(planned):
    student = planned("A", teacher=planned("teacher").cell)
    finish(student.cell)
    assert lines(student, planned("B"))[-1].startswith("  to do: 1 of 2 cells;")


def test_the_time_of_a_teacher_is_added(planned, tmp_path):
    past = planned("past", model={"_target_": "VGG"})
    finish(past.cell, wall_secs=300)
    finish(planned("past", 1).cell, wall_secs=120)
    teacher = planned("teacher", model={"_target_": "VGG"}).cell
    student = planned("A", teacher=teacher)
    told = lines(student, runs=tmp_path / "runs")[-1]
    assert "1 teacher, about 7 min one" in told


# Real cells


def test_a_record_of_another_seed_is_the_most_alike(tiny, tmp_path):
    """What a record keeps of a configuration is what a new one is compared with."""
    plans = Planner()
    first, deep, second = (
        plans.plan(tiny(*more)) for more in (["seed=0"], ["model.depth=2"], ["seed=1"])
    )
    finish(first, wall_secs=20)
    finish(deep, wall_secs=2000)
    pending = PendingRun(second.run, str(second.device), second.precision, 100)
    secs = TimeEstimator(tmp_path / "runs").seconds(pending)
    assert secs == pytest.approx(20)
