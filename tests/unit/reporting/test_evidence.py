import json

import numpy as np
import pytest

from titn.records.collation import load
from titn.reporting.evidence.run_index import index_runs, record_with


def tops(row):
    return list(row.values("top1"))


# Which records enter a mean


def test_a_record_of_another_digest_stays_out(runs):
    same = {"digest": "0" * 64, "directory": "other"}
    cells = runs.row("a", [20, 30])
    other = runs.cell("a", 0, 40, **same)
    assert other.config_hash == cells[0].config_hash
    assert tops(runs.one(*cells).row("a")) == [0.5, 0.75]


def test_each_digest_has_its_own_rows(runs):
    new = "0" * 64
    runs.ask(*runs.row("a", [20, 20]))
    runs.ask(*[runs.cell("a", 0, 40, digest=new, directory="new")], digest=new)
    found = {one.setting.source_digest: tops(one.row("a")) for one in runs.evidence()}
    assert found[new] == [1.0]
    assert sorted(map(len, found.values())) == [1, 2]


def test_a_record_that_no_plan_names_stays_out(runs):
    cells = runs.row("a", [20])
    runs.cell("a", 1, 40)
    assert tops(runs.one(*cells).row("a")) == [0.5]


def test_what_has_no_record_is_counted_and_in_no_mean(runs):
    states = ["recorded", "diverged", "recorded", "failed", "missing", "unfinished"]
    cells = [runs.cell("a", seed, 20 + seed, state=state) for seed, state in enumerate(states)]
    row = runs.one(*cells).row("a")
    assert tops(row) == [0.5, 0.55]
    assert row.remarks() == [
        "1 of 6 diverged",
        "1 of 6 failed",
        "1 of 6 unfinished",
        "1 of 6 missing",
    ]


def test_a_record_without_its_accuracy_is_damaged(runs):
    cells = [runs.cell("a", 0), runs.cell("a", 1, record={"top1": None})]
    assert runs.one(*cells).row("a").remarks() == ["1 of 2 damaged"]


def test_a_row_that_chose_another_value_later_is_not_averaged_over_both(runs):
    first = [runs.cell("a", seed, 20, tuned={"optimizer.lr": 0.1}) for seed in (0, 1, 2)]
    later = [runs.cell("a", seed, 40, tuned={"optimizer.lr": 0.3}) for seed in (3, 4)]
    row = runs.one(*first, *later).row("a")
    assert (list(row.runs), row.tuned, row.num_left_out) == ([0, 1, 2], {"optimizer.lr": 0.1}, 2)


def test_a_row_whose_overrides_were_edited_is_not_averaged_over_both(runs):
    first = [runs.cell("a", seed, 20) for seed in (0, 1)]
    wide = {"model": {"_target_": "titn.models.titn.TITN", "pixel_dim": 24}}
    later = [runs.cell("a", seed, 40, changes=wide) for seed in (1, 2, 3)]
    row = runs.one(*first, *later).row("a")
    assert (list(row.runs), set(tops(row)), row.num_left_out) == ([1, 2, 3], {1.0}, 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda runs: {"changes": {"weights": "imagenet"}},
        lambda runs: {"changes": {"checkpoint": "other.pt"}},
        lambda runs: {"taught": runs.teacher() | {"weights": "imagenet"}},
    ],
)
def test_a_row_that_began_with_other_weights_is_not_averaged_over_both(runs, change):
    first = [runs.cell("a", seed, 20, taught=runs.teacher()) for seed in (0, 1)]
    changed = {"taught": runs.teacher()} | change(runs)
    later = [runs.cell("a", seed, 40, **changed) for seed in (2, 3, 4)]
    row = runs.one(*first, *later).row("a")
    assert (list(row.runs), set(tops(row)), row.num_left_out) == ([2, 3, 4], {1.0}, 2)


def test_weights_of_a_file_for_each_seed_do_not_part_a_row(runs):
    cells = [runs.cell("a", seed, changes={"weights": f"{seed}.pt"}) for seed in (0, 1)]
    assert runs.one(*cells).row("a").num_left_out == 0


def test_a_key_that_was_added_later_does_not_part_a_row(runs):
    old = runs.cell("a", 0, changes={"loss": {"_target_": "titn.losses.supervised.Supervised"}})
    scaled = {"_target_": "titn.losses.supervised.Supervised", "scale": 1.0}
    new = runs.cell("a", 1, changes={"loss": scaled})
    assert runs.one(old, new).row("a").num_left_out == 0


@pytest.mark.parametrize(("key", "values"), [("root", ("/a", "/b")), ("storage", ("ram", "disk"))])
def test_data_that_was_moved_does_not_part_a_row(runs, key, values):
    cells = [
        runs.cell("a", seed, changes={"dataset": {"_target_": "x", key: value}})
        for seed, value in enumerate(values)
    ]
    assert runs.one(*cells).row("a").num_left_out == 0


def test_a_cell_that_failed_before_its_first_step_is_of_its_row(runs):
    cells = [runs.cell("a", 0), runs.cell("a", 1, state="failed")]
    place = runs.written[cells[1].config_hash]
    (place / "environment.json").unlink()
    (place / "config.yaml").unlink()
    assert runs.one(*cells).row("a").remarks() == ["1 of 2 failed"]


@pytest.mark.parametrize("names", [("1", "2"), ("2", "1")])
def test_of_two_records_of_a_cell_the_first_that_was_begun_counts(runs, names):
    runs.cell("a", 0, 20, directory=names[0], started="2026-01-02")
    cell = runs.cell("a", 0, 40, directory=names[1], started="2026-01-01")
    run = runs.one(cell).row("a").runs[0]
    assert (run["top1"], run["num_others"]) == (1.0, 1)
    # A student's record says under which of them it was trained.
    assert [record_with(top1, run)["top1"] for top1 in (0.5, 1.0, 0.7)] == [0.5, 1.0, 1.0]


def test_of_two_records_of_a_cell_the_one_with_the_others_teacher_counts(runs):
    """The first was begun earlier, under a teacher that had been trained elsewhere."""
    taught = {"taught": runs.teacher()}
    elsewhere = {"teacher": {"config_hash": "e" * 64, "top1": 0.7}}
    runs.cell("a", 0, 20, directory="1", started="2026-01-01", record=elsewhere, **taught)
    cell = runs.cell("a", 0, 40, directory="2", started="2026-01-02", **taught)
    others = runs.row("b", [30, 30], **taught)
    assert tops(runs.one(cell, *others).row("a")) == [1.0]


def test_of_cells_that_all_have_two_records_the_students_of_one_teacher_count(runs):
    """Made whole on two machines, with two trainings of one teacher: no row mixes them."""
    cells = []
    for place, top1, begun in (("A", 0.7, "13"), ("B", 0.8, "31")):
        record = {"teacher": {"config_hash": "e" * 64, "top1": top1}}
        cells = [
            runs.cell("a", seed, 20 if place == "A" else 40, taught=runs.teacher(), record=record,
                      directory=f"{place}{seed}", started=f"2026-01-0{begun[seed]}")
            for seed in (0, 1)
        ]  # fmt: skip
    assert tops(runs.one(*cells).row("a")) == [0.5, 0.5]


def test_a_record_with_the_same_result_is_no_other_record(runs):
    runs.cell("a", 0, directory="again", record={"train_secs": 12.5})
    assert runs.one(runs.cell("a", 0)).row("a").runs[0]["num_others"] == 0


@pytest.mark.parametrize("names", [("1", "2"), ("2", "1")])
def test_a_record_counts_where_a_copy_has_diverged(runs, names):
    runs.cell("a", 0, state="diverged", directory=names[0])
    cell = runs.cell("a", 0, directory=names[1])
    assert runs.one(cell).row("a").states == {0: "recorded"}


def test_a_cell_may_have_diverged_twice(runs):
    runs.cell("a", 0, state="diverged", directory="copy")
    assert runs.one(runs.cell("a", 0, state="diverged")).row("a").states == {0: "diverged"}


def test_a_record_that_was_made_again_with_the_same_numbers_is_no_other(runs):
    runs.cell("a", 0, directory="again", started="2026-02-01")
    assert runs.one(runs.cell("a", 0)).row("a").runs[0]["num_others"] == 0


def test_a_damaged_run_has_a_state_and_no_number(runs):
    cell = runs.cell("a", 0)
    (runs.written[cell.config_hash] / "result.json").write_text("{")
    row = runs.one(cell).row("a")
    assert (row.states, row.runs) == ({0: "damaged"}, {})


def test_a_damaged_run_that_says_no_identity_is_in_no_index(runs):
    runs.cell("a", 0, state="unfinished")
    (path,) = runs.written.values()
    (path / "environment.json").write_text("{")
    assert index_runs(load(runs.root)) == {}


# Numbers of a row


def test_the_gap_is_train_less_test(runs):
    row = runs.one(runs.cell("a", 0, 30, record={"train": {"top1": 0.9}})).row("a")
    assert row.values("gap") == pytest.approx([0.15])


def test_the_papers_units(runs):
    made = {"macs_paper": 108_789_760, "parameters": 5_851_752}
    row = runs.one(runs.cell("a", 0, record=made)).row("a")
    assert row.values("gflops_batch1024") == pytest.approx([111.40], abs=0.005)
    assert row.values("parameters_m") == pytest.approx([5.85], abs=0.005)


@pytest.mark.parametrize(
    ("metric", "lost"),
    [("gap", "train"), ("gflops_batch1024", "macs_paper"), ("parameters_m", "parameters")],
)
def test_what_a_record_does_not_have_is_nan(runs, metric, lost):
    row = runs.one(runs.cell("a", 0, record={lost: "drop"})).row("a")
    assert np.isnan(row.values(metric)).all()


def test_a_row_learns_up_to_nine_tenths_of_the_baseline(runs):
    cells = [*runs.row("a", [40], curve=(0.8, 1.0)), *runs.row("b", [20], curve=(0.91, 0.5))]
    found = runs.one(*cells)
    assert found.reach == pytest.approx(0.9)
    assert [found.row(label).values("epochs_to_reach")[0] for label in "ab"] == [2, 1]


def test_a_question_may_say_what_is_to_be_reached(runs):
    question = runs.question(["a"], reach=0.25)
    found = runs.one(runs.cell("a", 0, curve=(0.3, 0.6)), question=question)
    assert found.row("a").values("epochs_to_reach") == [1]


def test_a_row_without_a_curve_has_reached_nothing_known(runs):
    row = runs.one(runs.cell("a", 0, changes={"epochs": 0})).row("a")
    assert np.isnan(row.values("epochs_to_reach")).all()


def test_epochs_of_which_one_was_written_twice_are_no_curve(runs):
    cell = runs.cell("a", 0, curve=(0.3,))
    with open(runs.written[cell.config_hash] / "epochs.jsonl", "a") as file:
        file.write(json.dumps({"epoch": 1, "top1": 0.4}) + "\n")
    row = runs.one(cell).row("a")
    assert row.curves == {}
    assert [one.reason for one in row.faults] == ["line 2: is of epoch 1"]


# Files beside a record


def test_files_that_were_not_kept_are_no_fault(runs):
    cell = runs.cell("a", 0, kept=False)
    (runs.written[cell.config_hash] / "epochs.jsonl").unlink()
    row = runs.one(cell).row("a")
    assert (row.samples, row.curves, row.faults) == ({}, {}, [])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("samples.parquet", b"PAR1"),
        ("samples.parquet", b""),
        ("epochs.jsonl", b'{"epoch": 1, "to'),
        ("epochs.jsonl", b"[1]\n"),
        ("epochs.jsonl", b"\xff\xfe"),
    ],
)
def test_a_damaged_file_is_named_and_the_record_counts(runs, file, content):
    cell = runs.cell("a", 0, 20)
    path = runs.written[cell.config_hash] / file
    path.write_bytes(content)
    row = runs.one(cell).row("a")
    assert [(fault.short_path, fault.path) for fault in row.faults] == [
        (f"{cell.config_hash[:12]}/{file}", str(path))
    ]
    assert tops(row) == [0.5]


def test_predictions_that_are_not_the_records_are_not_used(runs):
    cell, other = runs.cell("a", 0, 20), runs.cell("b", 0, 40)
    (a, b) = (runs.written[one.config_hash] / "samples.parquet" for one in (cell, other))
    a.write_bytes(b.read_bytes())
    row = runs.one(cell).row("a")
    assert [one.reason for one in row.faults] == ["has a top1 of 1, the record 0.5"]
    assert row.samples == {}


def test_a_token_that_there_is_not_has_no_column(runs):
    assert "teacher" not in runs.one(runs.cell("a", 0)).row("a").samples[0]


def test_seeds_of_different_images_have_no_common_ones(runs):
    cells = [runs.cell("a", 0, images=40), runs.cell("a", 1, images=50)]
    assert not runs.one(*cells).row("a").has_all_samples


# A setting


def test_the_baseline_is_none_without_a_record(runs):
    cells = [runs.cell("a", 0, state="diverged"), runs.cell("b", 0)]
    found = runs.one(*cells)
    assert (found.baseline, found.reference.label) == (None, "b")


def test_a_setting_whose_cells_all_diverged_is_described_by_one_of_them(runs):
    found = runs.one(*[runs.cell("a", seed, state="diverged") for seed in (0, 1)])
    assert (found.is_begun, found.recorded) == (True, [])
    assert found.reference.shared_value("dataset") == "digits"


def test_a_setting_that_was_only_asked_for_is_not_begun(runs):
    runs.cell("b", 0)
    assert not runs.one(runs.cell("a", 0, state="missing")).is_begun


@pytest.mark.parametrize(
    ("changes", "untrained"),
    [({"epochs": 0}, True), ({"epochs": 1}, False), ({"epochs": 0, "checkpoint": "x.pt"}, False)],
)
def test_untrained_is_what_has_neither_epochs_nor_weights(runs, changes, untrained):
    assert runs.one(runs.cell("a", 0, changes=changes)).is_untrained is untrained


def test_what_diverged_is_not_untrained(runs):
    assert not runs.one(runs.cell("a", 0, state="diverged")).is_untrained


def test_a_row_that_the_plan_lists_only_by_its_cells_is_a_row(runs):
    sweep = runs.ask(*runs.row("a", [20]), runs.cell("b", 0))
    path = sweep.path / "sweep.json"
    content = json.loads(path.read_text())
    content["settings"][0]["rows"] = ["a"]
    path.write_text(json.dumps(content))
    assert [row.label for row in runs.evidence()[0].rows] == ["a", "b"]


def test_classes_are_counted_where_a_record_names_them(runs):
    cells = [runs.cell("a", 0, record={"class_names": "drop"}), runs.cell("b", 0, classes=4)]
    assert runs.one(*cells).num_classes == 4


def test_teachers_are_told_by_their_identities(runs):
    cells = [
        *[runs.cell("one", seed, taught=runs.teacher(0)) for seed in (0, 1)],
        *[runs.cell("many", seed, taught=runs.teacher(seed)) for seed in (0, 1)],
    ]
    found = runs.one(*cells)
    assert [len(found.row(label).teachers) for label in ("one", "many")] == [1, 2]
