"""Tables of pages as LaTeX: what is written here was compiled once by hand."""

import re
import sys

import pytest

from titn import report
from titn.reporting.latex.page_tables import PageTable, tables_with_csv
from titn.reporting.latex.table_file import Source, table_file
from titn.reporting.latex.tabular import tabular
from titn.reporting.latex.text import escape, latex, needs_unicode_engine
from titn.reporting.markdown import code, link, table
from titn.reporting.markdown import escape as escape_markdown

SOURCE = Source(
    title="Which mix?",
    asks="Three mixes,\nall else the same.",
    setting="digits, 15 epochs, 10 classes, 3 seeds a row",
    baseline="no_mix",
    commands=["python -m titn.train --multirun +ablation=mix"],
    page="ablation/mix.md",
)
PAGE = r"""# Which mix?

## digits, 15 epochs

### Accuracy

![figure](mix/digits-accuracy.svg)

| row | top-1 (%) | 95% | seeds |  |
| :-- | --: | --: | --: | --: |
| **no\_mix** | 97.04 | 96.10 to 97.98 | 3 |  |
| CutMix & MixUp | 98.10 | – | 1 |  |

Means over seeds; 95% over *seeds*. [accuracy.csv](mix/digits-accuracy.csv)
"""
GOLDEN = r"""% Which mix? Accuracy
% Three mixes, all else the same.
% digits, 15 epochs, 10 classes, 3 seeds a row
% Command: python -m titn.train --multirun +ablation=mix
% Rounded as on the page ablation/mix.md; in full in mix/digits-accuracy.csv. Written by titn.report.
% In the preamble: \usepackage{booktabs}; here: \input{mix/digits-accuracy}
\begin{table}[t]
\centering
\caption[{Which mix? Accuracy}]{Which mix? Accuracy (digits, 15 epochs, 10 classes, 3 seeds a row). In bold: the baseline. Means over seeds; 95\% over \emph{seeds}.}
\label{tab:mix-digits-accuracy}
\small
\begin{tabular}{lr@{~}lr}
\toprule
row & \multicolumn{2}{c}{top-1 (\%) {\scriptsize 95\%}} & \multicolumn{1}{c}{seeds} \\
\midrule
\textbf{no\_mix} & 97.04 & {\scriptsize [96.10, 97.98]} & 3 \\
CutMix \& MixUp & 98.10 &  & 1 \\
\bottomrule
\end{tabular}
\end{table}
"""  # noqa: E501


def test_a_table_of_a_page_as_a_file():
    (found,) = tables_with_csv(PAGE)
    assert table_file(found, SOURCE) == GOLDEN


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b & c # d % e $ f", r"a\_b \& c \# d \% e \$ f"),
        ("{~^\\}", r"\{\textasciitilde{}\textasciicircum{}\textbackslash{}\}"),
        ("a < b > c | d", "a $<$ b $>$ c $|$ d"),
        ("`x` \"y\" 'z'", r"\textasciigrave{}x\textasciigrave{} ''y'' 'z'"),
        ("train − test – 2", "train $-$ test -- 2"),
        ("-0.5 to +.5, −3", "$-$0.5 to $+$.5, $-$3"),
        ("lr 1e-05, seeds 0-4, x-1, --keep", "lr 1e-05, seeds 0-4, x-1, -{}-keep"),
        ("(-1) [+2]", "($-$1) [$+$2]"),
        ("32×32 ± 1 ≤ β†", r"32$\times$32 $\pm$ 1 $\leq$ $\beta$\dag{}"),
        ("Žluťoučký façade", "Žluťoučký façade"),
    ],
)
def test_a_text_prints_as_it_is(text, escaped):
    assert escape(text) == escaped


ODD = r"_%&#~^\{}$|<>`*@ [x](y) -1 − – www.a.b"


def test_what_markdown_escapes_comes_back_as_it_was():
    assert latex(escape_markdown(ODD)) == escape(ODD)


@pytest.mark.parametrize(
    ("markdown", "tex"),
    [
        ("**a\\_b** and *c*", r"\textbf{a\_b} and \emph{c}"),
        (code("a_b"), r"\texttt{a\_b}"),
        (code("a ` b"), r"\texttt{a \textasciigrave{} b}"),
        (link(escape_markdown("a [b]"), "c.md"), "a [b]"),
        ("one<br>two<sub>3</sub> &minus;1", "one two3 $-$1"),
    ],
)
def test_markup_stays(markdown, tex):
    assert latex(markdown) == tex


def test_a_list_below_a_table_becomes_sentences_of_its_caption():
    found = PageTable("a", "a.csv", 1, "A", ["row", "n"], [["x", "1"]], "- One.\n- Two - three.")
    assert " One. Two - three.}" in table_file(found, SOURCE)


def test_letters_beyond_latin_need_another_engine():
    assert needs_unicode_engine("猫")
    assert not needs_unicode_engine("façade − ±")


def test_the_file_says_which_engine_its_letters_need():
    found = PageTable("a", "a.csv", 1, "A", ["row", "n"], [["猫", "1"]], "")
    assert "% XeLaTeX or LuaLaTeX" in table_file(found, SOURCE)


def spec(lines: list[str]) -> str:
    return lines[0].removeprefix(r"\begin{tabular}{").removesuffix("}")


def test_an_interval_stands_beside_its_own_estimate_alone():
    heads = ["row", "difference", "95%", "p", "paired 95%"]
    lines, _ = tabular(heads, [["a", "-0.19", "-0.75 to +0.38", "0.3", "-0.98 to +0.61"]], None)
    assert spec(lines) == "lr@{~}lrr"
    assert lines[4] == (
        r"a & $-$0.19 & {\scriptsize [$-$0.75, $+$0.38]} & 0.3 & "
        r"{\scriptsize [$-$0.98, $+$0.61]} \\"
    )


def test_an_interval_that_does_not_hold_the_number_before_it_is_another_column():
    lines, _ = tabular(["row", "printed", "95%"], [["a", "74.71", "60.00 to 61.00"]], None)
    assert spec(lines) == "lrr"


def test_an_interval_in_the_cell_of_its_estimate():
    lines, _ = tabular(["row", "ms"], [["a", "1.25 (1.20 to 1.30)"]], None)
    assert lines[4] == r"a & 1.25 {\scriptsize [1.20, 1.30]} \\"


def test_a_row_that_begins_with_a_bracket_is_no_option_of_the_line_before():
    lines, _ = tabular(["row", "n"], [["[CLS]", "1"], [r"\*", "2"]], None)
    assert lines[4:6] == [r"{}[CLS] & 1 \\", r"{}* & 2 \\"]


def test_a_baseline_is_bold_where_the_page_leaves_it_plain():
    lines, has_baseline = tabular(["row", "n"], [["a\\_b", "1"], ["c", "2"]], "a_b")
    assert has_baseline
    assert lines[4:6] == [r"\textbf{a\_b} & 1 \\", r"c & 2 \\"]


def test_long_texts_are_broken_into_lines():
    lines, _ = tabular(["claim", "n"], [["a word " * 20, "1"]], None)
    assert spec(lines) == r">{\raggedright\arraybackslash}p{0.60\linewidth}r"


def test_a_bar_in_a_cell_is_text():
    page = "\n\n".join(
        ["# T", table(["row", "n"], [[escape_markdown(r"a|b\|"), "1"]]), "[n.csv](n.csv)"]
    )
    (found,) = tables_with_csv(page)
    assert found.rows == [[escape_markdown(r"a|b\|"), "1"]]


def test_tables_of_one_csv_have_numbers_and_those_without_one_are_left():
    one = table(["row", "n"], [["a", "1"]])
    blocks = ("# T", one, "## A", one, one, "Note. [n.csv](d/n.csv)", "Of seeds:", one)
    more = ("![f](f.svg)", "- P: long.", "More. [n.csv](d/n.csv)", "## B", one, "Text.")
    page = "\n\n".join([*blocks, *more])
    found = list(tables_with_csv(page))
    assert [(each.heading, each.number, each.note) for each in found] == [
        ("A", 1, "Note."),
        ("A", 2, "Note."),
        ("A", 3, "Of seeds. - P: long.\nMore."),
    ]


def test_a_fold_is_a_section():
    one = table(["row", "n"], [["a", "1"]])
    page = f"# T\n\n<details><summary>More</summary>\n\n{one}\n\n[n.csv](n.csv)\n\n</details>"
    (found,) = tables_with_csv(page)
    assert found.heading == "More"


def test_the_command_writes_a_file_beside_each_table(runs, tmp_path, monkeypatch):
    runs.ask(*runs.row("50% & more_data", [30, 31, 32]), *runs.row("#2", [20, 21, 22]))
    monkeypatch.setattr(
        sys, "argv", ["titn.report", str(runs.root), "--out", str(tmp_path / "out"), "--latex"]
    )
    with pytest.raises(SystemExit) as ended:
        report.main()
    assert ended.value.code == 0
    files = sorted((tmp_path / "out").rglob("*.tex"))
    assert {file.stem.rpartition("-")[2] for file in files} >= {"accuracy", "learning"}
    (main,) = (file for file in files if file.stem.endswith("accuracy"))
    assert (
        r"\caption[{Which one? Accuracy}]{Which one? Accuracy (digits, 2 epochs, "
        in main.read_text()
    )
    for file in files:
        csv = file.with_name(f"{file.stem.removesuffix('-2')}.csv")
        assert csv.exists()
        _check(file.read_text())


def _check(text: str) -> None:
    """Braces are balanced, no comment begins after the head, and each line has all its cells."""
    body = re.sub(r"\\[\\%&#_${}~]", "", text[text.index(r"\begin{table}") :])
    assert "%" not in body
    assert "#" not in body
    assert body.count("{") == body.count("}")
    assert body.count("$") % 2 == 0
    spec = re.search(r"\\begin\{tabular\}\{(.*)\}", text)[1]
    num_columns = len(re.findall("[lrp]", re.sub(r"@\{.*?\}|>\{.*?\}|\{.*?\}", "", spec)))
    for line in body[body.index(r"\toprule") :].splitlines():
        if "&" in line:
            spanned = sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d)\}", line))
            assert line.count("&") + 1 + spanned == num_columns
