"""The main table in a README."""

from dataclasses import replace

import pytest

from titn.records.collation import load
from titn.records.postponed import Postponed
from titn.reporting.evidence.run_index import index_runs
from titn.reporting.pages import write_page
from titn.reporting.readme_table import fill_readme
from titn.system.errors import ConfigError

A, B = [30, 32, 31], [14, 17, 16]
MARKS = "before\n<!-- titn.report: ablation/own -->\n{}<!-- titn.report: end -->\nafter\n"


@pytest.fixture
def pages(runs, tmp_path):
    runs.ask(*runs.row("a", A), *runs.row("b", B))
    evidence, index = runs.evidence(), index_runs(load(runs.root))
    out = tmp_path / "reports"
    return [write_page("ablation/own", evidence[0].question, evidence, index, out)]


@pytest.fixture
def filled(pages, tmp_path):
    """The file's text, after it was filled."""

    def write(text: str) -> str:
        file = tmp_path / "README.md"
        file.write_text(text)
        fill_readme(file, pages, tmp_path / "reports")
        return file.read_text()

    return write


def test_only_what_stands_between_the_marks_is_replaced(filled):
    text = filled(MARKS.format("old\n"))
    before, after = MARKS.split("{}")
    assert text.startswith(before)
    assert text.endswith(after)
    assert "old" not in text


def test_filling_again_changes_nothing(filled):
    once = filled(MARKS.format(""))
    assert filled(once) == once


def test_the_files_own_line_ends_rights_and_place_stay(pages, tmp_path):
    kept, link = tmp_path / "kept.md", tmp_path / "README.md"
    kept.write_bytes(MARKS.format("").replace("\n", "\r\n").encode())
    kept.chmod(0o640)
    link.symlink_to(kept)
    fill_readme(link, pages, tmp_path / "reports")
    content = kept.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n") > 10
    assert (link.is_symlink(), kept.stat().st_mode & 0o777) == (True, 0o640)


def test_each_row_has_its_level_and_its_seeds(filled):
    (line,) = [one for one in filled(MARKS.format("")).splitlines() if one.startswith("| **a** |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert (cells[1], cells[-1]) == ("77.50", "3")  # 31 of 40


def test_page_and_figure_are_found_from_the_file(filled, tmp_path):
    text = filled(MARKS.format(""))
    assert "(reports/ablation/own.md)" in text
    figure = text.partition("![")[2].partition("](")[2].partition(")")[0]
    assert figure.endswith("-accuracy.svg")
    assert (tmp_path / figure).is_file()


@pytest.mark.parametrize(("said", "told"), [([], True), (["epochs=9"], False)])
def test_a_gap_in_the_table_has_its_reason_and_no_other_settings(pages, tmp_path, said, told):
    note = Postponed(said, ["b"], [3], reason="no time", command="titn-train x", num_cells=1)
    file = tmp_path / "README.md"
    file.write_text(MARKS.format(""))
    fill_readme(file, [replace(pages[0], postponed=[note])], tmp_path / "reports")
    assert ("Not run yet: b, seed 3 (1 cell)." in file.read_text()) == told


def test_a_question_that_was_not_run_says_so(tmp_path, runs):
    from titn.records.question import parse_question

    file = tmp_path / "README.md"
    file.write_text(MARKS.format(""))
    empty = write_page(
        "ablation/own", parse_question(runs.question(["a"])), [], {}, tmp_path / "reports"
    )
    fill_readme(file, [empty], tmp_path / "reports")
    assert "Not run yet: [the page](reports/ablation/own.md)." in file.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing here\n", "has no place for a table"),
        (MARKS.partition("{")[0] + MARKS.format(""), "ablation/own has no <!-- titn.report: end"),
        ("<!-- titn.report: paper/table9 -->\n<!-- titn.report: end -->\n", "no page paper/table9"),
    ],
)
def test_a_file_without_a_place_is_named_and_left(filled, tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        filled(text)
    assert (tmp_path / "README.md").read_text() == text
