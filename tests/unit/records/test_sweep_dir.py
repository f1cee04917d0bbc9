"""A sweep's plan: what is asked again is joined, and what has become of a cell is seen from it."""

import errno
import multiprocessing
import shutil
from dataclasses import replace

import pytest

from titn.records.postponed import Postponed
from titn.records.run_dir import read_json
from titn.records.sweep_dir import LATENCY, PLAN, SweepDir, sweep_dirs
from titn.records.sweep_plan import PlannedCell, Setting
from titn.system.errors import ConfigError

CLAIM = {"says": "B is above A", "rows": ["B", "A"], "between": [0, None]}
IDENTITY = {"config_hash": "h", "source_digest": "d"}
QUESTION = {"rows": {"A": [], "B": [], "C": []}, "claims": [CLAIM], "margins": {"top1": 0.01}}


@pytest.fixture
def sweep(tmp_path):
    return SweepDir(tmp_path / "runs" / "sweeps" / "mix")


def cell(row="A", seed=0, **more) -> PlannedCell:
    return PlannedCell(row, seed, f"{row}{seed}", f"../../{row}{seed}", **more)


def at(day: int) -> str:
    return f"2026-01-0{day}T00:00:00.000+00:00"


def setting(*cells, command="first", **more) -> Setting:
    facts = {
        "key": "k", "source_digest": "d", "overrides": ["epochs=1"], "commands": [command],
        "question": QUESTION, "revised": False,
        "rows": list(dict.fromkeys(one.row for one in cells)), "cells": list(cells),
    }  # fmt: skip
    return Setting(**facts | more)


def asked(sweep: SweepDir, *settings: Setting) -> list[Setting]:
    for one in settings:
        sweep.add_setting("ablation/mix", one)
    return sweep.settings()


def planned(setting: Setting) -> list[tuple[str, int]]:
    return [(one.row, one.seed) for one in setting.cells]


# The plan


def test_a_plan_is_read_as_it_was_written(sweep):
    wanted = setting(cell("A", teacher="t", role="candidate", tuned={"optimizer.lr": 0.1}))
    assert asked(sweep, wanted) == [wanted]
    assert sweep.name() == "ablation/mix"


def test_the_plan_of_another_sweep_is_not_joined(sweep):
    asked(sweep, setting(cell("A")))
    with pytest.raises(ConfigError, match=r"^paper/mix: .* holds the plan of ablation/mix; give"):
        sweep.add_setting("paper/mix", setting(cell("B")))
    assert sweep.name() == "ablation/mix"


def test_without_a_plan_nothing_is_asked(sweep):
    assert (sweep.settings(), sweep.name()) == ([], "mix")


def test_other_seeds_are_added_to_the_same_setting(sweep):
    (one,) = asked(sweep, setting(cell(seed=0), cell(seed=1)), setting(cell(seed=1), cell(seed=2)))
    assert planned(one) == [("A", 0), ("A", 1), ("A", 2)]


def test_cells_of_a_row_that_chose_anew_leave_the_plan(sweep):
    """Its seeds had another value; its candidates are what it chooses from."""
    tried = cell(role="candidate", tuned={"optimizer.lr": 0.1})
    first = [cell("A", seed, tuned={"optimizer.lr": 0.1}) for seed in (1, 2)]
    other = replace(cell(), config_hash="other", tuned={"optimizer.lr": 0.2})
    (one,) = asked(sweep, setting(tried, *first, cell("B")), setting(other))
    assert [found.config_hash for found in one.cells] == ["A0", "B0", "other"]


OLD, NEW = {"source_digest": "old"}, {"source_digest": "new"}


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        (cell(seed=0, **OLD), cell(seed=1, **NEW), ["new"]),
        (cell("A", **OLD), cell("B", **NEW), ["old", "new"]),
        # Trials of a search with other optimizers are of other code.
        (
            cell(role="candidate", tuned={"optimizer": "adamw"}, **OLD),
            cell(seed=1, role="candidate", tuned={"optimizer": "muon"}, **NEW),
            ["old", "new"],
        ),
        (
            cell(role="candidate", tuned={"lr": 0.1}, **OLD),
            cell(seed=1, role="candidate", tuned={"lr": 0.1}, **NEW),
            ["new"],
        ),
    ],
    ids=["a row", "another row", "trials", "a trial"],
)
def test_cells_of_other_code_leave_the_plan(sweep, before, after, left):
    (one,) = asked(sweep, setting(before), setting(after))
    assert [found.source_digest for found in one.cells] == left


def test_cells_of_a_row_that_has_changed_leave_the_plan(sweep):
    """Its label is another configuration's now: what is not made of it would wait for ever."""
    before = setting(cell("A"), cell("B"))
    rows = QUESTION["rows"] | {"B": ["model.depth=2"]}
    after = setting(replace(cell("B"), config_hash="deeper"), question=QUESTION | {"rows": rows})
    (one,) = asked(sweep, before, after)
    assert [found.config_hash for found in one.cells] == ["A0", "deeper"]


@pytest.mark.parametrize("difference", [{"key": "other-data"}, {"source_digest": "other-code"}])
def test_another_setting_stands_by_itself(sweep, difference):
    first, second = setting(cell(seed=0)), setting(cell(seed=1), **difference)
    assert asked(sweep, first, second) == [first, second]


def test_settings_have_the_order_of_their_last_requests(sweep):
    first, second = setting(cell(seed=0)), setting(cell(seed=1), key="other-data")
    assert [one.key for one in asked(sweep, first, second, first)] == ["other-data", "k"]


def test_a_command_that_began_before_the_last_request_takes_nothing_back(sweep):
    """A worker with the file of before an edit, which plans its next cells."""
    shorter = QUESTION | {"rows": {"A": [], "B": ["model.depth=2"]}}
    new = setting(cell("A"), cell("C"), asked=at(2))
    old = setting(cell("A", seed=1), cell("B"), question=shorter, asked=at(1))
    (one,) = asked(sweep, new, old)
    assert one.question == QUESTION
    # B is another row by now.
    assert planned(one) == [("A", 1), ("A", 0), ("C", 0)]
    assert one.asked == at(2)


def test_two_workers_of_a_path_lose_no_step(sweep):
    """Each adds rows as it takes steps, in which the other may be behind; and tries candidates."""
    steps = {"A": [], "B": ["model.depth=2"], "C": ["model.depth=3"]}
    path = {"ablation": {"design": "path"}}
    begun = QUESTION | {"rows": {"A": []}, "claims": []} | path
    whole = begun | {"rows": steps}
    tried = cell("step", role="candidate")
    first = setting(cell("A"), cell("B"), cell("C"), question=whole, asked=at(1))
    second = setting(tried, cell("A", seed=1), question=begun, asked=at(2))
    (one,) = asked(sweep, first, second)
    assert {*planned(one)} == {("A", 0), ("B", 0), ("C", 0), ("A", 1), (tried.row, 0)}
    assert one.question == whole
    assert len(sweep.cells()) == 5


def test_every_command_is_kept_once(sweep):
    asks = [setting(cell(), command=name) for name in ("first", "second", "first")]
    assert asked(sweep, *asks)[0].commands == ["first", "second"]


def test_the_overrides_are_those_of_the_first_asking(sweep):
    (one,) = asked(sweep, setting(cell()), setting(cell(), overrides=["epochs=01"]))
    assert one.overrides == ["epochs=1"]


def test_the_question_is_that_of_the_last_asking(sweep):
    later = QUESTION | {"title": "Better said"}
    (one,) = asked(sweep, setting(cell()), setting(cell(), question=later))
    assert one.question == later


@pytest.mark.parametrize(
    ("change", "revised"),
    [
        ({"claims": [CLAIM | {"between": [-0.1, None]}]}, True),
        ({"claims": []}, True),
        ({"margins": {"top1": 0.5}}, True),
        ({"printed": "table2"}, True),
        ({"pairs": [["A", "B"]]}, True),
        ({"pairs": []}, False),  # a plan of before there were any has none either
        ({"title": "Better said"}, False),
        ({"rows": {"A": [], "D": ["model.depth=2"]}}, False),
    ],
)
def test_what_was_claimed_is_marked_where_it_is_revised(sweep, change, revised):
    (one,) = asked(sweep, setting(cell()), setting(cell(), question=QUESTION | change))
    assert one.revised == revised


DEEPER = {"rows": QUESTION["rows"] | {"A": ["model.depth=2"]}}
WIDER = {"claims": [CLAIM | {"between": [-0.1, None]}]}


@pytest.mark.parametrize(
    ("identity", "change", "revised"),
    [
        ({"key": "deeper"}, DEEPER | WIDER, True),
        ({"source_digest": "other-code"}, WIDER, True),
        ({"key": "deeper"}, DEEPER, False),
        ({"key": "other-data"}, WIDER, False),
        ({"key": "other-data", "overrides": ["dataset=mnist"]}, DEEPER | WIDER, False),
    ],
    ids=["with the baseline", "with the code", "the baseline alone", "for other data", "both"],
)
def test_what_replaces_a_setting_knows_that_its_claims_were_changed(
    sweep, identity, change, revised
):
    later = setting(cell(seed=1), question=QUESTION | change, **identity)
    first = setting(cell())
    assert [one.revised for one in asked(sweep, first, later)] == [False, revised]
    # What was asked first is not revised by what came after it.
    assert not next(one for one in asked(sweep, first, first) if one.identity == ("k", "d")).revised
    again = replace(later, source_digest="yet-other-code")
    assert asked(sweep, again)[-1].revised == revised


def test_a_revision_is_not_forgotten(sweep):
    revised = setting(cell(), question=QUESTION | {"claims": []})
    (one,) = asked(sweep, setting(cell()), revised, revised)
    assert one.revised


def test_rows_have_the_order_of_the_question(sweep):
    (one,) = asked(sweep, setting(cell("C")), setting(cell("B"), cell("A")))
    assert one.rows == ["A", "B", "C"]


def test_of_a_row_that_the_question_has_no_longer_what_has_an_end_counts_and_comes_last(sweep):
    """Nobody will make the others, for which a count of what is left would wait for ever."""
    run = sweep.run_dir(cell("A", seed=1))
    run.begin({}, IDENTITY | {"config_hash": "A1"})
    run.finish({"config_hash": "A1", "source_digest": "d", "top1": 0.5, "nll": 1.0, "seed": 1})
    whole, rows = QUESTION["rows"], [cell("A", seed=0), cell("A", seed=1), cell("B"), cell("D")]
    shorter = QUESTION | {"rows": {"C": [], "B": whole["B"]}}
    longer = QUESTION | {"rows": whole | {"D": ["model.depth=2"]}}
    before = setting(*rows, question=longer)
    (one,) = asked(sweep, before, setting(cell("C"), question=shorter))
    assert one.rows == ["C", "B", "A", "D"]
    assert one.removed == {"A": [], "D": ["model.depth=2"]}
    assert [(found.row, found.seed) for found in sweep.cells()] == [("A", 1), ("B", 0), ("C", 0)]


@pytest.mark.parametrize("again", [["model.depth=2"], ["model.depth=3"]], ids=["same", "other"])
def test_a_row_that_comes_back_has_its_cells_if_it_is_the_same(sweep, again):
    rows = {"A": [], "B": ["model.depth=2"]}
    asks = [
        setting(cell("A"), cell("B"), question=QUESTION | {"rows": rows}),
        setting(cell("A"), question=QUESTION | {"rows": {"A": []}}),
        setting(cell("B", seed=1), question=QUESTION | {"rows": rows | {"B": again}}),
    ]
    (one,) = asked(sweep, *asks)
    kept = [("B", 0)] if again == rows["B"] else []
    assert planned(one) == [("A", 0), *kept, ("B", 1)]


def test_a_label_of_a_removed_row_is_not_another_rows_new_one(sweep):
    """Its records are of other overrides."""
    rows = {"A": [], "B": ["model.depth=2"], "C": ["model.depth=3"]}
    asks = [
        setting(cell("A"), cell("B"), cell("C"), question=QUESTION | {"rows": rows}),
        setting(cell("A"), question=QUESTION | {"rows": {"A": [], "B": rows["B"]}}),
        setting(cell("A"), question=QUESTION | {"rows": {"A": [], "C": rows["B"]}}),
    ]
    (one,) = asked(sweep, *asks)
    assert planned(one) == [("A", 0), ("B", 0)]


def test_a_row_with_another_label_takes_its_cells_and_claims_with_it(sweep):
    rows = {"A": [], "B": ["model.depth=2"]}
    about = QUESTION | {"rows": rows, "claims": [CLAIM | {"rows": ["B"]}], "pairs": [["A", "B"]]}
    before = setting(cell("A"), cell("B"), cell("B", seed=1), question=about)
    renamed = {"A": [], "deeper": rows["B"]}
    called = {"claims": [CLAIM | {"rows": ["deeper"]}], "pairs": [["A", "deeper"]]}
    named = [replace(cell("B", seed), row="deeper") for seed in (0, 1)]
    after = setting(named[0], question=about | {"rows": renamed} | called)
    (one,) = asked(sweep, before, after)
    assert (one.rows, one.cells) == (["A", "deeper"], [cell("A"), *named])
    assert not one.revised


def test_rows_without_a_question_have_the_order_of_the_askings(sweep):
    asks = [setting(cell(row), question=None) for row in ("C", "A", "B")]
    assert asked(sweep, *asks)[0].rows == ["C", "A", "B"]


def test_two_processes_that_add_at_once_lose_nothing(sweep):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(_add_seeds, [(sweep, range(20)), (sweep, range(20, 40))], chunksize=1)
    (one,) = sweep.settings()
    assert sorted(found.seed for found in one.cells) == list(range(40))
    assert sorted(one.commands) == sorted(str(seed) for seed in range(40))


def _add_seeds(sweep: SweepDir, seeds: range) -> None:
    for seed in seeds:
        sweep.add_setting("ablation/mix", setting(cell(seed=seed), command=str(seed)))


@pytest.mark.parametrize("text", ["{", "[1]", '{"settings": [{"key": "k"}]}', '{"settings": [1]}'])
def test_a_plan_that_cannot_be_read_is_named_with_a_remedy(sweep, text):
    sweep.path.mkdir(parents=True)
    (sweep.path / PLAN).write_text(text)
    with pytest.raises(ConfigError, match=r"mix.sweep\.json: is .*; put back a copy"):
        sweep.settings()


def test_a_damaged_plan_is_not_written_over(sweep):
    asked(sweep, setting(cell()))
    (sweep.path / PLAN).write_text('{"sweep": "mix", "settings": [')
    with pytest.raises(ConfigError, match=r"sweep\.json: is damaged \(.*; put back a copy, or rem"):
        sweep.add_setting("mix", setting(cell(seed=1)))
    assert (sweep.path / PLAN).read_text() == '{"sweep": "mix", "settings": ['


TIMED = {"how": "on cpu", "rows": {"A": {"1": [0.1, 0.2]}}}


def test_times_are_read_as_they_were_written(sweep):
    sweep.add_setting("mix", setting(cell()))
    sweep.add_latency(setting(cell()), TIMED)
    assert sweep.latency(setting(cell())) == TIMED
    assert sweep.latency(setting(cell(), key="other")) is None


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"k-d": 1}', '{"k-d": {"how": "x", "rows": {"A": 1}}}']
)
def test_damaged_times_are_named_with_a_remedy(sweep, text):
    sweep.path.mkdir(parents=True)
    (sweep.path / LATENCY).write_text(text)
    with pytest.raises(ConfigError, match=r"latency\.json: is damaged \(.*; put back a copy, or"):
        sweep.latency(setting(cell()))


def test_damaged_times_are_not_written_over(sweep):
    sweep.path.mkdir(parents=True)
    (sweep.path / LATENCY).write_text("{")
    with pytest.raises(ConfigError, match=r"latency\.json: is damaged"):
        sweep.add_latency(setting(cell()), TIMED)
    assert (sweep.path / LATENCY).read_text() == "{"


def test_a_plan_that_cannot_be_written_is_bad_input(sweep, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("titn.system.files.os.replace", full)
    with pytest.raises(
        ConfigError, match=r"^hydra\.sweep\.dir=.*mix: cannot be written \(No space"
    ):
        sweep.add_setting("mix", setting(cell()))


# What is put off


def note(reason="no time", **more):
    said = {"command": "titn-train", "overrides": ["epochs=3"], "rows": ["a"], "seeds": [0, 1]}
    return Postponed(reason=reason, **(said | more))


def test_a_note_is_read_as_it_was_written(sweep):
    written = note(num_cells=2, num_teachers=1, secs=7200.0, unknown=["vit"], hardware="A CPU")
    sweep.postpone("ablation/mix", written)
    assert sweep.postponed() == [written]
    assert sweep.name() == "ablation/mix"
    assert sweep_dirs(sweep.path) == [sweep]


def test_putting_the_same_off_again_replaces_the_note(sweep):
    sweep.postpone("mix", note())
    sweep.postpone("mix", note("no disk"))
    assert [one.reason for one in sweep.postponed()] == ["no disk"]


@pytest.mark.parametrize(
    ("rows", "seeds", "overrides", "left"),
    [
        (["a", "b"], [0, 1, 2], ["epochs=3"], 0),
        (["b"], [0, 1], ["epochs=3"], 1),
        (["a"], [0], ["epochs=3"], 1),
        (["a"], [0, 1], ["epochs=4"], 1),
    ],
)
def test_asking_for_all_of_it_removes_the_note(sweep, rows, seeds, overrides, left):
    sweep.postpone("mix", note())
    cells = [cell(row, seed) for row in rows for seed in seeds]
    sweep.add_setting("mix", setting(*cells, overrides=overrides, question=None))
    assert len(sweep.postponed()) == left


def test_the_order_of_overrides_does_not_matter_to_a_note(sweep):
    sweep.postpone("mix", note(overrides=["epochs=3", "depth=1"]))
    sweep.postpone("mix", note("no disk", overrides=["depth=1", "epochs=3"]))
    assert [one.reason for one in sweep.postponed()] == ["no disk"]
    cells = [cell("a", seed) for seed in (0, 1)]
    sweep.add_setting("mix", setting(*cells, overrides=["depth=1", "epochs=3"], question=None))
    assert sweep.postponed() == []


def test_a_note_leaves_when_the_last_of_its_rows_is_asked_for(sweep):
    sweep.postpone("mix", note(rows=["A", "B"], seeds=[0]))
    candidate = cell("B", role="candidate", tuned={"lr": 0.1})
    sweep.add_setting("mix", setting(cell("A"), candidate, overrides=["epochs=3"]))
    assert len(sweep.postponed()) == 1
    sweep.add_setting("mix", setting(cell("B"), overrides=["epochs=3"]))
    assert sweep.postponed() == []


def test_a_plan_beside_a_note_keeps_its_cells(sweep):
    asked(sweep, setting(cell()))
    sweep.postpone("ablation/mix", note())
    assert [one.cells for one in sweep.settings()] == [[cell()]]


def test_a_damaged_note_is_named_and_left(sweep):
    sweep.path.mkdir(parents=True)
    (sweep.path / "postponed.json").write_text('{"sweep": "mix", "notes": [{"reason": 3}]}')
    with pytest.raises(ConfigError, match=r"postponed\.json: is damaged \(notes\.0\.reason=3"):
        sweep.postpone("mix", note())
    assert "3" in (sweep.path / "postponed.json").read_text()


# Places


def test_a_cells_place_is_relative_to_the_sweep(sweep, tmp_path):
    assert sweep.run_dir(cell()).path == tmp_path / "runs" / "A0"


def test_a_tree_that_was_moved_has_its_cells(sweep, tmp_path):
    place = sweep.run_dir(cell())
    place.begin({}, IDENTITY)
    asked(sweep, setting(cell()))
    shutil.move(tmp_path / "runs", tmp_path / "elsewhere" / "old")
    (moved,) = sweep_dirs(tmp_path / "elsewhere")
    (one,) = moved.settings()[0].cells
    assert moved.run_dir(one).environment() == IDENTITY


def test_a_cell_that_lies_elsewhere_has_its_whole_path(sweep, tmp_path):
    elsewhere = replace(cell(), directory=str(tmp_path / "mine"))
    assert sweep.run_dir(elsewhere).path == tmp_path / "mine"


def test_sweeps_are_found_at_any_depth_in_order(sweep, tmp_path):
    other = SweepDir(tmp_path / "runs" / "sweeps" / "depth")
    for one in (sweep, other):
        asked(one, setting(cell()))
    assert sweep_dirs(tmp_path) == [other, sweep]
    assert sweep_dirs(sweep.path) == [sweep]


def test_the_plan_is_one_file_that_people_can_read(sweep):
    asked(sweep, setting(cell()))
    plan = read_json(sweep.path / PLAN)
    assert plan["sweep"] == "ablation/mix"
    assert plan["settings"][0]["cells"][0]["directory"] == "../../A0"


def test_tuned_values_are_shown_as_they_are_typed():
    tuned = {"clip_grad": None, "optimizer.nesterov": True, "optimizer.lr": 0.1}
    cell = PlannedCell("SGD", 0, "hash", "directory", tuned=tuned)
    assert cell.name == "SGD, clip_grad=null, optimizer.nesterov=true, optimizer.lr=0.1"


@pytest.mark.parametrize(
    ("ours", "theirs", "kept"),
    [("A", "A", "theirs"), ("A", "AB", "theirs"), ("AB", "A", "ours"), ("", "A", "theirs")],
)
def test_of_two_measurements_the_later_is_kept_unless_it_lacks_rows(tmp_path, ours, theirs, kept):
    places = {"ours": ours, "theirs": theirs}
    for name, rows in places.items():
        place = SweepDir(tmp_path / name)
        place.add_setting("mix", setting(cell()))
        if rows:
            place.add_latency(setting(cell()), {"how": name, "rows": {row: {} for row in rows}})
    SweepDir(tmp_path / "ours").merge(SweepDir(tmp_path / "theirs"))
    assert SweepDir(tmp_path / "ours").latency(setting(cell()))["how"] == kept
