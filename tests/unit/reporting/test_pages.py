"""A question's page and the files beside it."""

import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from tests.unit.reporting.conftest import DIGEST
from titn.records.collation import load
from titn.records.postponed import Postponed
from titn.records.question import parse_question
from titn.reporting.evidence.run_index import index_runs
from titn.reporting.pages import write_page
from titn.reporting.setting_part import teachers_of

A, B = [30, 32, 31], [14, 17, 16]


@pytest.fixture
def drawn(runs, tmp_path):
    """The page of all settings, after these cells were asked for; its files lie in tmp_path."""

    def write(*cells, **asked):
        if cells:
            runs.ask(*cells, **asked)
        found = runs.evidence()
        return write_page(
            "ablation/own", found[-1].question, found, index_runs(load(runs.root)), tmp_path
        )

    return write


@pytest.fixture
def written(drawn, without_figures):
    """As `drawn`, without figures."""
    return drawn


@pytest.fixture
def text(written):
    return lambda *cells, **asked: written(*cells, **asked).text


def line(text: str, begin: str) -> list[str]:
    """The cells of the first line of a table that begins so."""
    (found, *_) = [one for one in text.splitlines() if one.startswith(f"| {begin} |")]
    return [cell.strip() for cell in found.strip("|").split(" | ")]


def fold(text: str, title: str) -> str:
    """What is in the fold of this title, and what follows it."""
    return text.partition(f"<summary>{title}</summary>\n\n")[2]


def csv(tmp_path, name: str) -> pd.DataFrame:
    (path,) = (tmp_path / "ablation" / "own").glob(f"*-{name}.csv")
    return pd.read_csv(path)


# The parts of a page


def test_a_student_without_a_teacher_is_called_so_beside_others(runs, text):
    said = text(
        *runs.row("a", A, taught=runs.teacher()),
        *runs.row("b", B),
        *runs.row("b without a Teacher", B),
        *runs.row("c", B[:1]),
        *runs.row("cnn", B, changes={"model": {"_target_": "titn.models.cnn.vgg16_bn"}}),
    )
    assert "b (no teacher) by 38.3 points" in said.split("\n\n")[1]
    assert "No verdict: c (no teacher) (1 seed, 3 needed)." in said.split("\n\n")[1]
    names = [one.split(" | ")[0] for one in said.split("\n\n")[4].splitlines()[2:]]
    assert names == [
        "| **a**",
        "| b (no teacher)",
        "| b without a Teacher",
        "| c (no teacher)",
        "| cnn",
    ]


def test_a_page_opens_with_title_answer_figure_and_table(runs, text):
    parts = text(*runs.row("a", A), *runs.row("b", B)).split("\n\n")
    assert parts[:2] == ["# Which one?", parts[1]]
    assert parts[1].startswith("**Worse than a: b by 38.3 points (")
    assert parts[2].startswith("On digits, 2 epochs. Digits show that the code works")
    assert parts[3].startswith("![top-1 accuracy")
    assert parts[4].startswith("| row | top-1 (%) | 95% | minus a (points) |")
    assert parts[5].startswith("- a: 80 training and 40 test images; 20 steps of 8 images;")


def test_no_table_has_more_than_seven_columns(runs, text):
    claims = [runs.claim(["a", "b"], [0, None])]
    said = text(*runs.row("a", A), *runs.row("b", B),
                question=runs.question(["a", "b"], claims=claims))  # fmt: skip
    assert max(one.count(" | ") for one in said.splitlines() if one.startswith("|")) == 6


def test_what_was_asked_is_in_a_fold(runs, text):
    assert fold(text(*runs.row("a", A)), "What is asked, and what the paper says").startswith(
        "This or that.\n\n**The paper.** Nothing.\n\n"
        "```sh\npython -m titn.train --multirun +ablation=own\n```\n"
    )


def test_every_link_of_a_page_leads_to_a_file(runs, drawn, tmp_path):
    said = drawn(*runs.row("a", A), *runs.row("b", B)).text
    targets = re.findall(r"\]\(([^)]+)\)", said)
    assert len(targets) > 10
    assert [one for one in targets if not (tmp_path / "ablation" / one).is_file()] == []


# Three records of two epochs each, 80 images, against one.
@pytest.mark.parametrize(
    ("epochs", "images", "order"),
    [(3, 80, [3, 1]), (7, 80, [1, 3]), (1, 800, [1, 3])],
    ids=["fewer epochs", "more epochs", "more images"],
)
def test_the_setting_that_was_trained_most_comes_first(runs, written, epochs, images, order):
    other = runs.row("a", A[:1], changes={"epochs": epochs}, record={"num_train": images})
    runs.ask(*other, key="ef" * 32)
    found = written(*runs.row("a", A)).settings
    assert [len(one.evidence.rows[0].runs) for one in found] == order


def test_other_settings_are_folds_that_say_their_answer(runs, text):
    runs.ask(*runs.row("a", A[:1], changes={"epochs": 3}), key="ef" * 32)
    title = "Also asked on digits, 3 epochs: One row: no comparison."
    assert fold(text(*runs.row("a", A)), title).startswith("**Only one row has records")


def test_a_question_of_which_nothing_ran_lists_its_claims(runs, tmp_path):
    node = runs.question(["a"], claims=[runs.claim(["a"], [0, 1], says="a is *good*")])
    said = write_page("ablation/own", parse_question(node), [], {}, tmp_path).text
    assert "**Not run.**" in said
    assert r"- a is \*good\* (section 4)" in said


def test_a_question_that_was_put_off_says_why_and_for_how_long(runs, tmp_path):
    note = Postponed(
        [], ["a"], [0], reason="no *time*", command="titn-train x", num_cells=2, secs=7200.0,
        hardware="A CPU",
    )  # fmt: skip
    asked = parse_question(runs.question(["a"]))
    said = write_page("ablation/own", asked, [], {}, tmp_path, [note]).text
    assert r"- seed 0: no \*time\*; 2 cells: 2.0 hours on A CPU, estimated from past cells" in said
    assert "`titn-train x`" in said


def test_rows_that_were_put_off_are_named_beside_what_was_run(runs, tmp_path):
    runs.ask(*runs.row("a", A), *runs.row("b", B))
    found, index = runs.evidence(), index_runs(load(runs.root))
    note = Postponed([], ["b"], [3], reason="no time", command="titn-train x", num_cells=1)
    said = write_page("ablation/own", found[0].question, found, index, tmp_path, [note]).text
    assert "Postponed:\n\n- b, seed 3: no time; 1 cell. `titn-train x`" in said
    assert "**Worse than a: b by" in said


def test_a_setting_that_has_not_begun_is_told_by_its_command(runs, text):
    said = text(runs.cell("a", 0, state="missing"), commands=("titn-train x=`y`",))
    assert "Asked for, and not begun:\n\n- `` titn-train x=`y` ``" in said


@pytest.mark.parametrize(
    ("name", "command"),
    [("ablation/own", "+ablation=own"), ("paper/a/b", "+paper=a/b"), ("multirun", None)],
)
def test_the_command_that_asks(runs, tmp_path, name, command):
    said = write_page(name, parse_question(runs.question(["a"])), [], {}, tmp_path).text
    assert (f"python -m titn.train --multirun {command}" in said) is (command is not None)


# Cells without a number


def test_a_diverged_cell_is_counted_in_its_row(runs, text, tmp_path):
    cells = [runs.cell("a", 0, 30), runs.cell("a", 1, 34), runs.cell("a", 2, state="diverged")]
    row = line(text(*cells, *runs.row("b", B)), "**a**")
    assert (row[1], row[-2], row[-1]) == ("80.00", "baseline; 1 of 3 diverged", "2")
    record, _ = csv(tmp_path, "accuracy").to_dict("records")
    assert (record["num_seeds"], record["top1"]) == (2, 0.8)
    assert record["remarks"] == "baseline; 1 of 3 diverged"


@pytest.mark.parametrize("state", ["diverged", "failed", "missing"])
def test_a_row_without_any_record_has_the_word_and_no_number(runs, text, state):
    cells = [runs.cell("b", seed, state=state) for seed in (0, 1, 2)]
    row = line(text(*runs.row("a", A), *cells), "b")
    assert row[1:] == ["–"] * 4 + [f"3 of 3 {state}", "0"]


def test_a_setting_whose_cells_all_diverged_is_a_result(runs, drawn):
    said = drawn(*[runs.cell("a", seed, state="diverged") for seed in (0, 1)]).text
    assert "On digits, 2 epochs." in said
    assert "**No cell has a record: 2 diverged.**" in said
    assert line(said, "a")[-2] == "2 of 2 diverged"


def test_cells_that_all_stopped_early_are_counted_and_in_no_number(runs, drawn):
    said = drawn(*[runs.cell("a", seed, state="stopped early") for seed in (0, 1)]).text
    assert "**No cell has a record of all its epochs: 2 stopped early.**" in said
    assert "no record" not in said.lower()
    assert line(said, "a")[1:] == ["–"] * 4 + ["2 of 2 stopped early", "0"]
    assert "steps of" not in said  # they did not go through those of 2 epochs
    # 140 seconds each in the record.
    assert "0 cells with a record of all epochs: 0.0 minutes; 2 that stopped early: 4.7" in said


def test_cells_that_failed_before_their_first_step_are_a_result(runs, text):
    cell = runs.cell("a", 0, state="failed")
    for file in ("environment.json", "config.yaml"):
        (runs.written[cell.config_hash] / file).unlink()
    assert "**No cell has a record: 1 failed.**" in text(cell)


def test_a_diverged_baseline_leaves_levels_without_differences(runs, drawn):
    cells = [runs.cell("a", seed, state="diverged") for seed in (0, 1)]
    said = drawn(*cells, *runs.row("b", B)).text
    assert "nothing is compared" in said
    assert line(said, "b")[3:5] == ["–", "–"]


def test_an_untrained_row_without_a_record_has_the_word(runs, text):
    cells = [runs.cell("a", 0, 4, changes={"epochs": 0}), runs.cell("b", 0, state="failed")]
    said = text(*cells)
    assert line(said, "a") == ["a", "0.01", "0.05", "0.04", ""]
    assert line(said, "b") == ["b", "–", "–", "–", "1 of 1 failed"]


def test_one_seed_has_intervals_of_images_alone_and_is_called_so(runs, text):
    said = text(*runs.row("a", A), *runs.row("b", B[:1]))
    row = line(said, "b")
    assert [row[i].endswith(" (images)") for i in (2, 4)] == [True, True]
    assert row[5] == "1 seed, 3 needed"
    assert "(images): covers the choice of test images alone" in said


def test_pairs_have_a_table_of_their_own_and_a_sentence(runs, text, tmp_path):
    cells = [*runs.row("a", A), *runs.row("b", B), *runs.row("c", B[:1])]
    question = runs.question(["a", "b", "c"], pairs=[["b", "c"], ["a", "b"]])
    said = text(*cells, question=question)
    assert line(said, "b minus c")[3] == "1 seed, 3 needed"
    assert line(said, "a minus b")[3] == "better"
    assert "The intervals hold for 2 pairs together. A difference of" in said
    assert csv(tmp_path, "pairs").verdict.tolist() == ["no verdict", "better"]
    assert " Pair by pair: a is better than b by 38.3 points (" in said.splitlines()[2]


def test_rows_that_nobody_asked_for_are_named(runs, text):
    said = text(*runs.row("a", A), question=runs.question(["a", "b", "c"]))
    assert "- Rows that were not asked for here: b, c." in said


def test_commands_for_parts_are_told_as_one(runs, text):
    commands = ("titn-train epochs=2 seed=0", "titn-train epochs=2 'rows=[b]'", "titn-train x")
    origin = fold(text(*runs.row("a", A), commands=commands), "Where this comes from")
    assert "- Command: `titn-train epochs=2`, in 2 parts, by `rows=` and `seed=`\n" in origin
    assert "- Command: `titn-train x`\n" in origin


def test_what_is_asked_is_the_settings_own_command(runs, drawn, without_figures):
    runs.ask(*runs.row("a", A), overrides=["+ablation=own", "epochs=2", "dataset.root=x/y"])
    asked = fold(drawn().text, "What is asked, and what the paper says")
    assert "python -m titn.train --multirun +ablation=own epochs=2 dataset.root=DIR\n" in asked


def test_of_many_classes_the_most_frequent_mistakes_are_listed(runs, text):
    rows = (("a", A), ("b", B))
    cells = [one for row, rights in rows for one in runs.row(row, rights, classes=31)]
    classes = fold(text(*cells), "Classes")
    # Two images a class at most: one in three seeds and two images is 16.7%.
    head = line(classes, "true class")
    assert head == ["true class", "predicted as", "a (%)", "b (%)"]
    assert all(float(one) > 0 for one in line(classes, "class 0")[2:3])


@pytest.mark.parametrize(("secs", "is_drawn"), [(240.0, True), (400.0, False)])
def test_times_that_tell_of_other_work_are_not_drawn(runs, text, secs, is_drawn):
    times = (200.0, secs)
    cells = [runs.cell("a", seed, record={"wall_secs": one}) for seed, one in enumerate(times)]
    said = text(*cells, *runs.row("b", B[:2], record={"wall_secs": 900.0}))
    assert ("accuracy against time" in said) is is_drawn


def test_intervals_that_are_not_there_are_not_explained(runs, text):
    assert "(images)" not in text(*runs.row("a", A), *runs.row("b", B))


def test_one_seed_of_three_says_both(runs, text):
    cells = [runs.cell("b", 0), *[runs.cell("b", s, state="diverged") for s in (1, 2)]]
    assert line(text(*runs.row("a", A), *cells), "b")[-2] == "1 seed, 3 needed; 2 of 3 diverged"


def test_a_row_near_chance_has_no_verdict(runs, text, tmp_path):
    text(*runs.row("a", A), *runs.row("b", B), *runs.row("c", [7, 7, 7]))
    assert csv(tmp_path, "accuracy").verdict.tolist() == ["baseline", "worse", "no verdict"]


def test_beside_a_baseline_near_chance_no_row_has_a_verdict(runs, text, tmp_path):
    text(*runs.row("a", [7, 7, 7]), *runs.row("b", B), *runs.row("c", A))
    assert set(csv(tmp_path, "accuracy").verdict) == {"baseline", "no verdict"}


# Records as they may be


ODD = {
    "two classes": {"classes": 2},
    "nan in the loss of the evaluation": {"record": {"nll": float("nan")}},
    "no image kept": {"kept": False},
    "no distillation token": {"record": {"dist": None}},
    "no accuracy on train": {"record": {"train": "drop"}},
    "no time of the cell": {"record": {"wall_secs": "drop"}},
    "no times at all": {"record": {"wall_secs": "drop", "train_secs": "drop"}},
    "no speed": {"record": {"images_per_sec": None, "train_secs": 0.0}},
    "no costs": {"record": {"macs": "drop", "macs_paper": "drop", "parameters": "drop"}},
    "no class names": {"record": {"class_names": "drop"}},
    "no number of images": {"record": {"num_train": "drop", "num_evaluated": "drop"}},
    "no learning rate": {"changes": {"optimizer": {"_target_": "x"}}},
    "a network with arguments of its own": {
        "changes": {
            "model": {"_target_": "titn.models.titn.TITN", "patch_size": [2, 4], "depth": "x"},
            "optimizer": {"_target_": "x", "lr": [0.1], "momentum": {"a": 1}},
        }
    },
    "weights that were given": {"changes": {"epochs": 0, "checkpoint": "x.pt"}},
    "no choices": {"changes": {"choices": None}},
    "no training": {"changes": {"epochs": 0}},
    "neither training nor costs": {
        "changes": {"epochs": 0},
        "record": {"macs": "drop", "macs_paper": "drop", "parameters": "drop"},
    },
    "more images in a step than there are": {"changes": {"batch_size": 1024}},
    "on a GPU": {"gpu": "A GPU"},
    "no count of threads": {"threads": None},
    "no commit": {"git_dirty": None, "record": {"git_commit": None}},
    "no epoch evaluated": {"curve": ()},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_record_has_a_page(runs, drawn, odd):
    said = drawn(*runs.row("a", A, **odd), *runs.row("b", B, **odd)).text
    assert "nan" not in said.lower()
    assert "None" not in said


def test_a_value_that_no_seed_has_is_a_dash(runs, text):
    row = line(fold(text(*runs.row("a", A, classes=2)), "Other metrics"), "a")
    assert row[3] == "–"


def test_a_damaged_file_leaves_the_rest_of_the_page(runs, text):
    cells = [*runs.row("a", A), *runs.row("b", B)]
    for cell in cells[:2]:
        (runs.written[cell.config_hash] / "samples.parquet").write_bytes(b"PAR1")
    said = text(*cells)
    assert "samples.parquet` cannot be used" in said
    assert line(said, "**a**")[1] == "77.50"


def test_rows_of_other_classes_are_not_drawn_over_the_baselines(runs, text):
    said = text(*runs.row("a", A, classes=4), *runs.row("b", [10, 11, 12], classes=5))
    assert "confusion-baseline.svg" in said
    assert "confusion-other.svg" not in said


def test_texts_of_others_are_no_markup(runs, drawn, tmp_path):
    label = "a | *b* <script>"
    names = [f"<script> {i}" for i in range(10)]
    cells = [*runs.row("c", A, record={"class_names": names}),
             *runs.row(label, B, record={"class_names": names})]  # fmt: skip
    question = runs.question(["c", label], title="<b>Which?</b>", asks="# x", paper="[y](z)")
    said = drawn(*cells, question=question).text
    own = ("<details>", "<summary>", "</summary>", "</details>", "< 0.001", "\\<")
    for one in own:
        said = said.replace(one, "")
    assert "<" not in said
    assert said.startswith("# b\\>Which?/b\\>\n\n")
    assert "\n\n\\# x\n\n**The paper.** \\[y\\](z)" in said
    assert "| a \\| \\*b\\* script\\> |" in said
    svgs = (tmp_path / "ablation" / "own").glob("*.svg")
    assert not [path.name for path in svgs if "<script" in path.read_text()]


def test_what_a_row_chose_stands_by_its_name(runs, text):
    said = text(*runs.row("a", A, tuned={"optimizer.lr": 0.003}))
    assert "| **a, lr 0.003** |" in said


def test_candidates_are_shown_and_in_no_mean(runs, text):
    values = {0.9: (None, "diverged"), 0.1: (20, "recorded"), 0.3: (35, "recorded")}
    tried = [
        runs.cell("a", 0, right, state=state, role="candidate", tuned={"optimizer.lr": lr})
        for lr, (right, state) in values.items()
    ]
    said = text(*tried, *runs.row("a", A, tuned={"optimizer.lr": 0.3}))
    chosen = fold(said, "How each row chose its values")
    assert [one.strip("| ").split(" | ") for one in chosen.splitlines()[2:5]] == [
        ["a", "optimizer.lr=0.1", "50.00"],
        ["a", "optimizer.lr=0.3", "87.50", "chosen"],
        ["a", "optimizer.lr=0.9", "diverged"],
    ]
    assert line(said, "**a, lr 0.3**")[1] == "77.50"


@pytest.mark.parametrize(
    ("rate", "warns"), [(0.1, True), (0.3, False), (0.9, True)], ids=["least", "between", "most"]
)
def test_a_choice_at_an_end_of_its_list_is_warned_of(runs, text, rate, warns):
    tried = [
        runs.cell(row, 0, 20, role="candidate", tuned={"optimizer.lr": lr})
        for row, rates in (("a", (0.1, 0.3, 0.9)), ("b", (0.01, 2.0)))
        for lr in rates
    ]
    # Of two values, either is at an end.
    chosen = (*runs.row("a", A, tuned={"optimizer.lr": rate}),
              *runs.row("b", B, tuned={"optimizer.lr": 2.0}))  # fmt: skip
    said = text(*tried, *chosen)
    warning = f"**At an end of what it could choose from: a (optimizer.lr={rate}).**"
    assert (warning in said) == warns
    assert ("At an end" in said) == warns


# Several settings


def test_settings_of_two_digests_are_two_parts_that_say_which(runs, written):
    new = "0" * 64
    runs.ask(*runs.row("a", A))
    runs.ask(runs.cell("a", 0, digest=new, directory="new"), digest=new)
    said = written()
    assert [one.heading for one in said.settings] == [
        "digits, 2 epochs (source d1d1d1d1)",
        "digits, 2 epochs (source 00000000)",
    ]
    assert "On digits, 2 epochs (source d1d1d1d1)." in said.text
    assert "Also asked on digits, 2 epochs (source 00000000):" in said.text


def test_settings_that_are_described_alike_are_told_by_their_keys(runs, written):
    for key, rate in (("11" * 32, 0.1), ("22" * 32, 0.2)):
        changes = {"optimizer": {"_target_": "x", "lr": rate}}
        runs.ask(*runs.row("a", A, changes=changes), key=key)
    assert [one.heading for one in written().settings] == [
        "digits, 2 epochs (setting 22222222)",
        "digits, 2 epochs (setting 11111111)",
    ]


def test_a_setting_is_judged_by_the_bounds_that_it_was_asked_with(runs, written):
    # 31 of 40 images are 0.775.
    for key, bounds in (("11" * 32, [0.5, 1.5]), ("22" * 32, [1.0, 1.5])):
        cells = runs.row("a", A, changes={"batch_size": int(key[0])})
        claims = [runs.claim(["a"], bounds)]
        runs.ask(*cells, key=key, question=runs.question(["a"], claims=claims))
    assert [one.results[0].claim.between[0] for one in written().settings] == [1.0, 0.5]


def test_what_was_asked_of_an_earlier_baseline_comes_after_what_is_asked_of_this_one(runs, written):
    """However many seeds it has: the page answers for the row as it is now."""
    for key, width, seeds in (("11" * 32, 1, A), ("22" * 32, 2, A[:1])):
        cells = runs.row("a", seeds, changes={"batch_size": width})
        question = runs.question(["a"]) | {"rows": {"a": [f"model.width={width}"]}}
        runs.ask(*cells, key=key, question=question)
    said = written()
    assert [one.evidence.setting.key[:2] for one in said.settings] == ["22", "11"]
    assert "Asked before, of another baseline, on digits, 2 epochs (setting 11111111):" in said.text


@pytest.mark.parametrize(
    ("first_asked", "said"),
    [
        ("", "were not changed since the first asking"),
        ("2025-12-31T00:00:00+00:00", "were fixed before the first cell was run"),
        ("2026-01-02T00:00:00+00:00", "at the first asking, before which 3 of 3 cells had begun"),
    ],
)
def test_when_the_bounds_were_fixed_is_said(runs, text, first_asked, said):
    question = runs.question(["a"], claims=[runs.claim(["a"], [0.5, None])])
    assert said in text(*runs.row("a", A), question=question, first_asked=first_asked)


def test_claims_that_are_not_the_papers_have_no_protocol(runs, text):
    own = runs.question(["a"], claims=[runs.claim(["a"], [0.5, None])])
    papers, ones_own = (text(*runs.row("a", A), question=own | {"paper": p}) for p in ("x", ""))
    assert "The paper's claims: " in papers
    assert "| protocol |" in papers
    assert "<summary>Claims: " in ones_own
    assert "Protocol A" in papers
    assert not any(said in ones_own for said in ("| protocol |", "Protocol A"))


def test_bounds_that_were_changed_are_not_called_fixed(runs, text):
    cells = runs.row("a", A)
    for low in (0.5, 0.7):
        claims = [runs.claim(["a"], [low, None])]
        said = text(*cells, question=runs.question(["a"], claims=claims))
    assert "bounds of the sweep's file were changed after the first asking" in said
    assert "fixed before the first cell" not in said


# Claims


def test_a_claim_has_number_interval_bounds_protocol_and_finding(runs, text, tmp_path):
    node = runs.claim(["a", "b"], [0, None], says="a is above b", printed=0.1)
    said = text(
        *runs.row("a", A),
        *runs.row("b", B),
        question=runs.question(["a", "b"], claims=[node]),
    )
    row = line(fold(said, "The paper's claims: 1 agrees"), "a is above b (section 4)")
    assert [row[i] for i in (1, 2, 4, 5, 6)] == [
        "+10.00", "+38.33", "above +0.00", "reduced: A", "**agrees**",
    ]  # fmt: skip
    (record,) = csv(tmp_path, "claims").to_dict("records")
    assert (record["least"], record["finding"], record["num_seeds"]) == (0.0, "agrees", 3)
    assert record["ours"] == pytest.approx(0.38333333)


def test_an_interval_under_one_teacher_is_marked(runs, text):
    node = runs.claim(["a"], [0, 1], says="a is good")
    question = runs.question(["a"], claims=[node])
    said = text(*runs.row("a", A, taught=runs.teacher()), question=question)
    assert line(said, "a is good (section 4)")[3].endswith("†")
    assert "† Conditional on one trained teacher." in said


def test_the_papers_numbers_stand_beside_ours(runs, text, tmp_path):
    question = runs.question(["TITN"], printed="table3", margins={"top1": 0.01, "top5": 0.01})
    data = {"dataset": {"_target_": "titn.data.sources.published", "name": "cifar100"}}
    said = text(*runs.row("TITN", A, changes=data), question=question)
    row = line(fold(said, "The paper's numbers and ours"), "TITN")
    assert row == ["TITN", "74.71", "77.50", "92.28", "100.00"]
    assert "| the paper (%) |" in said


def test_numbers_of_other_data_do_not_stand_beside_the_print(runs, text):
    question = runs.question(["TITN"], printed="table3", margins={"top1": 0.01})
    said = text(*runs.row("TITN", A), question=question)
    assert "The paper's numbers and ours" not in said
    assert "| the paper (%) |" not in said
    levels = fold(said, "The printed numbers, one by one")
    assert levels.startswith("Not comparable: 1 number of the table (digits, not CIFAR-100).")


def test_sizes_stand_beside_the_print_where_accuracies_do_not(runs, text):
    model = {"_target_": "titn.models.cnn.vgg16_bn", "stem": "imagenet"}
    record = {"parameters": 134_309_962}
    margins = {"top1": 0.01, "parameters_m": 0.01}
    question = runs.question(["VGG16-BN"], printed="table3", margins=margins)
    cells = runs.row("VGG16-BN", A, changes={"model": model}, record=record)
    levels = fold(text(*cells, question=question), "The printed numbers, one by one")
    row = line(levels, "parameters (M) of VGG16-BN (table 3)")
    assert row[1:] == ["138.36", "138.37", "–", "138.35 to 138.37", "full", "**agrees**"]
    assert "The paper counts VGG16-BN with 1000 classes, and so do we." in levels
    assert "Not comparable: 1 other number of the table (digits, not CIFAR-100)." in levels


def test_a_size_beside_the_print_is_that_of_the_printed_classes(runs, text):
    network = {"_target_": "titn.models.titn.TITN", "distillation_token": True, "patch_dim": 192}
    cells = runs.row(
        "TITN", [4], changes={"epochs": 0, "model": network}, record={"parameters": 5_817_440}
    )
    question = runs.question(["TITN"], printed="table1", margins={"parameters_m": 0.01})
    said = text(*cells, question=question)
    # As it was built, of ten classes, it has 5.82M.
    assert line(fold(said, "The paper's numbers"), "TITN") == ["TITN", "5.85", "5.85"]


# Learning


def test_learning_is_a_mean_over_seeds(runs, text, tmp_path):
    seeds = {0: (30, (0.1, 0.75)), 1: (32, (0.8, 0.8))}
    train = {"train": {"top1": 0.9}}
    cells = [runs.cell("a", s, n, curve=curve, record=train) for s, (n, curve) in seeds.items()]
    said = text(*cells)
    # Nine tenths of 0.775 is 0.6975: reached in the second epoch and in the first.
    after = fold(said, "Learning and cost")
    assert line(after, "a")[1:4] == ["1.5", "90.00", "+12.50"]
    assert line(after.partition("| MACs (M) |")[2], "a")[1:] == ["0.1", "0.01", "2.3", "100"]


def test_a_seed_that_never_got_there_is_in_no_mean_of_epochs_and_one_without_curve_uncounted(
    runs, text
):
    cells = [
        runs.cell("a", 0, curve=(0.1, 0.75)),
        runs.cell("a", 1, curve=(0.1, 0.2)),
        runs.cell("a", 2, curve=()),
    ]
    row = line(fold(text(*cells), "Learning and cost"), "a")
    assert row[1] == "1 of 2 reached it"


def test_agreement_with_the_teacher_needs_all_seeds(runs, text):
    cells = [runs.cell("a", 0), runs.cell("a", 1, kept=False)]
    row = line(fold(text(*cells), "Learning and cost"), "a")
    assert row[6] == "–"


# Provenance


def test_smoothed_labels_are_said_beside_the_optimizer(runs, text):
    loss = {"_target_": "titn.losses.supervised.Supervised", "label_smoothing": 0.1}
    assert "; adamw at 0.001; 32-true; label smoothing 0.1." in text(
        *runs.row("a", A, changes={"loss": loss})
    )


def test_a_page_says_where_it_comes_from(runs, text):
    other = runs.row("b", B, threads=2, record={"git_commit": "beef" * 10})
    said = text(*runs.row("a", A), *other)
    origin = fold(said, "Where this comes from")
    assert "- Command: `python -m titn.train --multirun +ablation=own`" in origin
    assert "- Source digest `d1d1d1d1d1d1`, commits `beefbeefbeef`, `c0ffeec0ffee`" in origin
    assert "- Hardware: A CPU, 1 thread; A CPU, 2 threads" in origin
    # 140 seconds a cell.
    assert "- 6 cells with a record: 14.0 minutes" in origin


@pytest.mark.parametrize("setting", [DIGEST, "0" * 64])
def test_cells_of_one_digest_need_no_rows(runs, text, setting):
    cells = [replace(cell, source_digest=DIGEST) for cell in runs.row("a", A)]
    said = text(*cells, digest=setting)
    assert "- Source digest `d1d1d1d1d1d1`, commit `c0ffeec0ffee`" in said
    assert line(said, "**a**")[1] == "77.50"


def test_rows_of_different_code_are_named_beside_their_digests(runs, text):
    other = "e2" * 32
    cells = [
        *runs.row("a", A),
        *(replace(cell, source_digest=other) for cell in runs.row("b", B, digest=other)),
        *runs.row("c | d", A),
    ]
    said = text(*cells)
    assert (
        r"- Source digests: `d1d1d1d1d1d1` (a, c \| d), `e2e2e2e2e2e2` (b); commit `c0ffeec0ffee`"
    ) in said
    assert line(said, "b")[1] == "39.17"


def test_every_cell_can_be_traced_to_its_record(runs, text, tmp_path):
    cells = [*runs.row("a", A), runs.cell("a", 3, state="missing")]
    text(*cells)
    frame = csv(tmp_path, "cells")
    assert list(frame.config_hash) == [cell.config_hash for cell in cells]
    assert list(frame.state) == ["recorded"] * 3 + ["missing"]


def test_a_dataset_of_any_name_has_its_files(runs, text, tmp_path):
    own = {"choices": {"model": "titn", "dataset": "my own/set (1)"}}
    text(*runs.row("a", A, changes=own))
    names = {path.name for path in (tmp_path / "ablation" / "own").iterdir()}
    assert "my-own-set-1--abababab-accuracy.csv" in names


def test_a_plan_is_read_as_it_was_written(runs):
    sweep = runs.ask(*runs.row("a", A))
    assert json.loads((sweep.path / "sweep.json").read_text())["sweep"] == "ablation/own"


# How rows were trained


def test_each_row_says_its_epochs_steps_seeds_hours_and_hardware(runs, text, tmp_path):
    cells = [*runs.row("a", A, taught=runs.teacher()), runs.cell("b", 0, 14)]
    # A run that failed before its first step has no number of epochs.
    said = text(*cells, runs.cell("b", 1, state="missing"), runs.cell("c", 0, state="failed"))
    after = fold(said, "How each row was trained")
    # 80 images in batches of 8, twice; 140 seconds a cell.
    assert line(after, "a")[1:] == [
        r"vgg16\_bn, 90.00%", "adamw at 0.001", "2 epochs, 20 steps of 8", "0, 1, 2", "0.12",
        "A CPU, 1 thread",
    ]  # fmt: skip
    assert line(after, "b")[4:] == ["0; 1 of 2 missing", "0.04", "A CPU, 1 thread"]
    assert csv(tmp_path, "protocols")["steps"].tolist()[:2] == [20, 20]


def test_a_row_says_what_was_done_to_its_gradients_and_weights(runs, text):
    changes = {"clip_grad": 1.0, "ema_decay": 0.99, "accumulate": 4, "patience": 3}
    said = text(*runs.row("a", A, changes=changes))
    after = fold(said, "How each row was trained")
    done = (
        "adamw at 0.001, gradients clipped at 1, weights averaged with decay 0.99, "
        "batches in 4 micro-batches"
    )
    assert line(after, "a")[2] == done
    assert f"{done}; 32-true; early stop (patience 3)." in said
    assert "On digits, up to 2 epochs." in said


def test_a_row_that_was_not_begun_says_nothing_of_its_training(runs, text):
    said = text(*runs.row("a", A), runs.cell("b", 0, state="missing"))
    after = fold(said, "How each row was trained")
    assert line(after, "b")[1:] == ["–", "–", "–", "–; 1 of 1 missing", "–", "–"]


def test_a_row_that_diverged_says_with_what_it_was_to_be_trained(runs, text):
    said = text(*runs.row("a", A), runs.cell("b", 0, state="diverged"))
    after = fold(said, "How each row was trained")
    assert line(after, "b")[1:] == [
        "none", "adamw at 0.001", "2 epochs", "–; 1 of 1 diverged", "–", "–",
    ]  # fmt: skip


@pytest.mark.parametrize(("found", "expected"), [([0.8, 0.9], [0.9]), ([0.8, 0.7], [0.8])])
def test_of_a_teachers_records_that_one_counts_which_the_students_had(runs, found, expected):
    evidence = runs.one(*runs.row("a", A, taught=runs.teacher()))  # it had 0.9
    hash_ = evidence.row("a").runs[0]["teacher.config_hash"]
    first, other = ({"config_hash": hash_, "top1": top1} for top1 in found)
    index = {(hash_, DIGEST): first | {"others": [other]}}
    assert [one["top1"] for one in teachers_of(evidence, index)] == expected
    assert teachers_of(evidence, {}) == []
