"""A planned cell of a sweep: whether it is to be made, its names and its entry in the plan."""

from types import SimpleNamespace

import pytest

from titn.records.sweep_dir import SweepDir
from titn.sweeps.overrides import SweepRequest
from titn.sweeps.plan import SweepPart, check_directories, plan_setting, to_planned_cell
from titn.system.errors import ConfigError


def test_what_waits_is_open(planned):
    assert planned().is_open


def test_what_is_half_done_is_open(planned):
    one = planned()
    one.cell.begin()
    assert one.is_open


@pytest.mark.parametrize("retry", [None, "failed"])
def test_a_record_is_closed(planned, retry):
    one = planned(retry=retry)
    one.cell.finish()
    assert not one.is_open


@pytest.mark.parametrize("kind", ["diverged", "error"])
@pytest.mark.parametrize(("retry", "is_open"), [(None, False), ("failed", True)])
def test_what_failed_is_closed_unless_it_is_tried_again(planned, kind, retry, is_open):
    one = planned(retry=retry)
    one.cell.fail(kind)
    assert one.is_open == is_open


@pytest.mark.parametrize("retry", [None, "failed"])
def test_a_damaged_record_is_closed(planned, retry):
    one = planned(retry=retry)
    (one.cell.directory.path / "result.json").write_text('{"top1": 0.')
    assert (one.state, one.is_open) == ("damaged", False)


def test_everything_is_open_to_force(planned):
    recorded, failed, damaged = (planned(seed=seed, force=True) for seed in range(3))
    recorded.cell.finish()
    failed.cell.fail("error")
    (damaged.cell.directory.path / "result.json").write_text("{")
    assert [one.is_open for one in (recorded, failed, damaged)] == [True, True, True]


@pytest.mark.parametrize(("digest", "is_other"), [("now", False), ("before", True)])
def test_other_source_code_is_noticed(planned, digest, is_other):
    one = planned()
    one.cell.begin(digest)
    assert ("source_digest" in one.differs) == is_other


def test_an_empty_directory_is_of_no_other_source(planned):
    assert not planned().differs


def test_force_replaces_what_other_source_code_made(planned):
    one = planned(force=True)
    one.cell.begin("before")
    assert not one.differs


def test_what_cannot_be_read_is_of_no_other_source(planned):
    one = planned()
    (one.cell.directory.path / "environment.json").write_text("{")
    assert not one.differs


def test_two_cells_in_one_directory_are_refused(planned):
    first, second = planned("A"), planned("B")
    second.cell.directory = first.cell.directory
    with pytest.raises(ConfigError, match=r"^run_dir=.*: is one directory, and A, seed 0 and B, s"):
        check_directories([first, second])


def test_a_directory_of_another_run_is_refused_and_its_record_not_believed(planned):
    one = planned()
    one.cell.directory.begin({"seed": 5}, {"config_hash": "another", "source_digest": "now"})
    assert (one.state, one.is_open) == ("waiting", True)
    with pytest.raises(ConfigError, match=r"^run_dir=.*: holds another configuration"):
        check_directories([one])


# Names and entries


def test_a_name_has_the_tuned_values_and_a_label_the_seed(planned):
    one = planned("SGD", 3, tuned={"optimizer.lr": 0.1})
    assert (one.name, one.label) == ("SGD, optimizer.lr=0.1", "SGD, optimizer.lr=0.1, seed 3")


def test_an_entry_says_where_the_cell_is_from_the_sweep(planned, tmp_path):
    teacher = planned("teacher").cell
    one = planned("SGD", 3, teacher=teacher, tuned={"optimizer.lr": 0.1}, role="candidate")
    entry = to_planned_cell(one, tmp_path / "runs" / "sweeps" / "optimizer")
    assert entry.directory == "../../SGD 3, 0.1"
    assert (entry.row, entry.seed, entry.config_hash) == ("SGD", 3, "SGD-3--0-1")
    assert (entry.teacher, entry.role, entry.tuned) == (
        "teacher-0", "candidate", {"optimizer.lr": 0.1},
    )  # fmt: skip


def test_an_entry_leads_back_to_the_cell(planned, tmp_path):
    one, sweep = planned(), SweepDir(tmp_path / "runs" / "sweeps" / "mix")
    assert sweep.run_dir(to_planned_cell(one, sweep.path)) == one.cell.directory


def test_a_baseline_without_a_teacher_takes_none_of_the_teachers_keys(tmp_path):
    """As the row of VGG16-BN in +paper=table6 teacher.epochs=3."""
    rows = {"A": ("teacher=none",), "B": ()}
    composed: list[list[str]] = []
    question = SimpleNamespace(rows=rows, baseline="A", model_dump=lambda mode: {})
    sweep = SimpleNamespace(
        question=question,
        compose=composed.append,
        command="",
        asked="",
        directory=SweepDir(tmp_path),
    )
    identity = {"config_hash": "h", "source_digest": "d"}
    planner = SimpleNamespace(plan=lambda run: SimpleNamespace(identity=identity))
    request = SweepRequest(("epochs=1", "teacher.epochs=3"), rows, ("0",))
    plan_setting(sweep, planner, SweepPart(request, []))
    assert composed == [["epochs=1", "teacher=none", "seed=0"]]
