"""The index of all pages."""

from dataclasses import replace

import pytest

from titn.records.collation import load
from titn.records.postponed import Postponed
from titn.records.question import parse_question
from titn.reporting.claims_page import claims_frame, claims_page
from titn.reporting.evidence.run_index import index_runs
from titn.reporting.index import index_page
from titn.reporting.pages import told_apart, write_page

A, B = [30, 32, 31], [14, 17, 16]


@pytest.fixture
def pages(runs, tmp_path, without_figures):
    """The page of all settings, after these cells were asked for."""

    def make(*cells, **asked):
        runs.ask(*cells, **asked)
        found = runs.evidence()
        index = index_runs(load(runs.root))
        return [write_page("ablation/own", found[-1].question, found, index, tmp_path)]

    return make


def line(text: str, begin: str) -> list[str]:
    (found, *_) = [one for one in text.splitlines() if one.startswith(f"| {begin} |")]
    return [cell.strip() for cell in found.strip("|").split(" | ")]


def judged(runs, between, **more):
    return runs.question(["a", "b"], claims=[runs.claim(["a", "b"], between, says="so", **more)])


def test_a_question_has_a_line_with_figure_and_verdict(runs, pages):
    text = index_page(pages(*runs.row("a", A), *runs.row("b", B)), {})
    row = line(text, "[Which one?](ablation/own.md)")
    assert row[1] == "digits, 2 epochs"
    assert row[2] == "![differences](ablation/own/digits-abababab-small.svg)"
    assert row[3] == "b worse by 38.3"


def elsewhere(runs, pages, name):
    """A page of a data set that is not the digits."""
    changes = {"choices": {"model": "titn", "dataset": name}}
    return pages(*runs.row("a", A, changes=changes), *runs.row("b", B, changes=changes))


@pytest.mark.parametrize(
    ("topic", "heading"),
    [("cost", "## What does it cost?"), (None, "## Other questions")],
)
def test_a_question_stands_under_its_topic(runs, pages, topic, heading):
    text = index_page(elsewhere(runs, pages, "cifar100"), {"ablation/own": topic})
    heads = [one for one in text.splitlines() if one.startswith("## ")]
    assert heads == ["## What was found", heading]


def test_what_was_found_is_said_first_and_in_full(runs, pages):
    text = index_page(elsewhere(runs, pages, "cifar100"), {})
    (found,) = [one for one in text.splitlines() if one.startswith("- [Which one?]")]
    assert "](ablation/own.md), on cifar100, 2 epochs: Worse than a: b by 38.3 points (" in found


def test_where_nothing_is_decided_nothing_was_found(runs, pages):
    changes = {"choices": {"model": "titn", "dataset": "cifar100"}}
    cells = [runs.cell(label, 0, changes=changes) for label in "ab"]
    assert "## What was found" not in index_page(pages(*cells), {})


def test_digits_stand_last_whatever_their_topic(runs, pages):
    text = index_page(pages(*runs.row("a", A)), {"ablation/own": "cost"})
    heads = [one for one in text.splitlines() if one.startswith("## ")]
    assert heads == ["## On digits"]


@pytest.mark.parametrize(("compares", "order"), [(True, 1), (False, -1)])
def test_more_data_comes_first_unless_nothing_is_compared(runs, pages, compares, order):
    (small,) = elsewhere(runs, pages, "cifar100")
    setting = _larger(small.settings[0])
    setting = setting if compares else replace(setting, differences=[])
    text = index_page([small, replace(small, name="ablation/large", settings=[setting])], {})
    assert (text.index("ablation/own.md") - text.index("ablation/large.md")) * order > 0


def _larger(setting):
    evidence = setting.evidence
    rows = [
        replace(row, runs={seed: run | {"num_train": 50_000} for seed, run in row.runs.items()})
        for row in evidence.rows
    ]
    return replace(setting, evidence=replace(evidence, rows=rows))


def test_without_any_question_there_is_no_table():
    assert "| question |" not in index_page([], {})


def test_a_question_that_was_not_asked_is_listed_with_its_claims(runs, pages):
    cells = [runs.cell(label, 0, state="missing") for label in "ab"]
    runs.cell("c", 0)
    made = pages(*cells, question=judged(runs, [0, None]))
    assert "- [Which one?](ablation/own.md)" in index_page(made, {})
    text = claims_page(made)
    assert line(text, "so")[1:4] == ["section 4", "–", "not run"]


def test_tested_claims_come_first_and_printed_numbers_last(runs, pages):
    claims = [
        runs.claim(["a", "b"], [None, 0], says="a below b"),
        runs.claim(["a"], [0.5, 1], says="a has 80"),
        runs.claim(["a", "c"], [0, None], says="a above c"),
    ]
    cells = [*runs.row("a", A), *runs.row("b", B), runs.cell("c", 0, state="missing")]
    text = claims_page(pages(*cells, question=runs.question(["a", "b", "c"], claims=claims)))
    assert "1 agrees, 1 disagrees" in text
    tested, _, others = text.partition("<summary>Claims about rows that have no record (1)")
    without_record, _, printed = others.partition("<summary>The numbers that the paper prints")
    parts = {"a below b": tested, "a above c": without_record, "a has 80": printed}
    for claim, part in parts.items():
        assert text.count(f"| {claim} |") == part.count(f"| {claim} |") == 1


def test_a_claim_is_counted_where_it_was_tested_and_one_about_sizes_once(runs, pages):
    claims = [
        runs.claim(["a", "b"], [None, 0], says="a below b"),
        runs.claim(["a"], [0, None], says="a is small", metric="parameters_m"),
    ]
    question = runs.question(["a", "b"], claims=claims)
    runs.ask(*runs.row("a", A), *runs.row("b", B), question=question)
    cells = runs.row("a", A, changes={"epochs": 3})
    cells.append(runs.cell("b", 0, state="missing", changes={"epochs": 3}))
    made = pages(*cells, question=question, key="ef" * 32)
    text = claims_page(made)
    assert "- accuracy and learning: 0 agree, 1 disagrees." in text
    assert "- sizes and work: 1 agrees, 0 disagree." in text
    assert [text.count(f"| {claim.says} |") for claim in made[0].question.claims] == [1, 1]
    assert len(claims_frame(made)) == 2


def test_a_claim_about_a_row_that_diverged_is_counted_as_that(runs, pages):
    cells = [*runs.row("a", A), runs.cell("b", 0, state="diverged")]
    text = claims_page(pages(*cells, question=judged(runs, [0, None])))
    assert "1 diverged." in text
    assert line(text, "so")[3] == "diverged"


def test_a_question_that_was_put_off_says_why(runs, pages, tmp_path):
    note = Postponed([], ["a"], [0], reason="no *time*", command="titn-train x", num_cells=2)
    asked = parse_question(runs.question(["a"]))
    empty = write_page("ablation/own", asked, [], {}, tmp_path, [note])
    assert r"(ablation/own.md): seed 0: no \*time\*; 2 cells" in index_page([empty], {})


def test_what_was_put_off_of_a_question_is_listed_apart_from_whole_questions(runs, pages):
    (asked,) = pages(*runs.row("a", A), *runs.row("b", B))
    note = Postponed([], ["b"], [3], reason="no time", command="titn-train x", num_cells=1)
    text = index_page([replace(asked, postponed=[note])], {})
    part, _, whole = text.partition("Questions that were not asked yet")
    assert "- [Which one?](ablation/own.md): b, seed 3: no time; 1 cell" in part
    assert "no time" not in whole


def test_a_claim_of_ones_own_about_one_row_is_no_number_of_the_paper(runs, pages):
    claims = [runs.claim(["a"], [0.1, None], says="so")]
    asked = pages(*runs.row("a", A), question=runs.question(["a"], paper="", claims=claims))
    text = claims_page(asked)
    assert text.startswith("# Claims\n")
    assert "the paper" not in text
    assert line(text, "so")[3] == "**agrees**"
    assert claims_frame(asked)["protocol"].tolist() == [None]


def test_pages_of_one_title_are_told_apart(runs, pages):
    (one,) = pages(*runs.row("a", A), *runs.row("b", B))
    other = replace(one, name="ablation/again", question=one.question)
    third = replace(one, question=None)
    titles = [page.title for page in told_apart([one, other, third])]
    assert titles == [
        "Which one? (ablation/own)", "Which one? (ablation/again)", "Sweeps without a question"
    ]  # fmt: skip


def test_a_finding_under_one_teacher_says_so(runs, pages):
    cells = [*runs.row("a", A, taught=runs.teacher()), *runs.row("b", B)]
    text = claims_page(pages(*cells, question=judged(runs, [0, None])))
    assert line(text, "so")[3] == "**agrees** (of one teacher)"


def test_a_finding_with_changed_bounds_says_so(runs, pages):
    cells = [*runs.row("a", A), *runs.row("b", B)]
    pages(*cells, question=judged(runs, [0.1, None]))
    text = claims_page(pages(*cells, question=judged(runs, [0, None])))
    assert line(text, "so")[3] == "**agrees** (bounds set late)"
    assert "1 agrees (1 with bounds set late), 0 disagree" in text


def test_the_index_does_not_repeat_commands(runs, pages):
    text = index_page(pages(*runs.row("a", A), commands=("first", "second")), {})
    origin = text.partition("Where the pages come from")[2]
    assert "Source digest `d1d1d1d1d1d1`" in origin
    assert "second" not in origin


def test_settings_of_two_digests_are_told_apart(runs, pages):
    new = "0" * 64
    runs.ask(runs.cell("a", 0, digest=new, directory="new"), digest=new)
    text = index_page(pages(*runs.row("a", A)), {})
    assert "| digits, 2 epochs (source d1d1d1d1) |" in text


def test_claims_as_numbers(runs, pages):
    cells = [*runs.row("a", A), *runs.row("b", B)]
    frame = claims_frame(pages(*cells, question=judged(runs, [0, None], printed=0.1)))
    (row,) = frame.to_dict("records")
    assert (row["finding"], row["num_seeds"], row["printed"]) == ("agrees", 3, 0.1)
    assert row["ours"] == pytest.approx(0.38333333)
    assert row["low"] < row["ours"] < row["high"]


def test_without_claims_the_file_has_its_columns():
    assert "finding" in claims_frame([]).columns


def test_pages_of_an_earlier_report_are_listed_by_their_titles(runs, pages):
    text = index_page(pages(*runs.row("a", A)), {}, kept={"paper/table3": "Table 3"})
    assert (
        "from an earlier report, whose sweeps are not among these\n\n- [Table 3](paper/table3.md)"
        in text
    )
