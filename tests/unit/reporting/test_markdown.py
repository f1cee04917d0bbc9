import pandas as pd
import pytest

from titn.reporting.formats import fixed_point, number, p_value, without_paths
from titn.reporting.markdown import code, escape, link, table, write_csv
from titn.system.text import percent, points


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain, with (brackets) and 8/2", "plain, with (brackets) and 8/2"),
        ("a | b", r"a \| b"),
        ("*bold* _it_ `code`", r"\*bold\* \_it\_ \`code\`"),
        ("<script>", r"\<script\>"),
        ("&lt;", r"\&lt;"),
        ("$x$ and $y$", r"\$x\$ and \$y\$"),
        ("[text](url)", r"\[text\](url)"),
        ("two\n\nlines", "two lines"),
        ("- no bullet", r"\- no bullet"),
        ("1. no list", r"1\. no list"),
        ("12) no list", r"12\) no list"),
        ("-0.5", "-0.5"),
        ("1.5 points", "1.5 points"),
        ("http://a.example/b", r"http\://a.example/b"),
        ("www.a.example", r"www\.a.example"),
        ("a@b.example", r"a\@b.example"),
        ("a: b", "a: b"),
        ("\x1b[31m\u202e\x00", r"\\x1b\[31m\\u202e\\x00"),
        ("\ud800", r"\\ud800"),
    ],
)
def test_a_text_is_no_markup(text, escaped):
    assert escape(text) == escaped


@pytest.mark.parametrize(
    ("text", "fenced"),
    [
        ("a b", "`a b`"),
        ("a ` b", "`` a ` b ``"),
        ("a `` b", "``` a `` b ```"),
        ("\x1b\u202e", r"`\x1b\u202e`"),
    ],
)
def test_backticks_do_not_end_code(text, fenced):
    assert code(text) == fenced


def test_a_link_leads_to_a_file_of_any_name():
    assert link("text", "a b/(c).md") == "[text](a%20b/%28c%29.md)"


def test_a_table_has_text_on_the_left():
    assert table(["a", "b"], [["x", "1"]]).splitlines() == [
        "| a | b |",
        "| :-- | --: |",
        "| x | 1 |",
    ]


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0.12345, "12.35"), (1.0, "100.00"), (None, "–"), (float("nan"), "–"), (-1e-9, "0.00")],
)
def test_percent(fraction, shown):
    assert percent(fraction) == shown


@pytest.mark.parametrize(
    ("difference", "shown"), [(0.0111, "+1.11"), (-0.0111, "-1.11"), (-1e-9, "+0.00"), (None, "–")]
)
def test_points_have_a_sign(difference, shown):
    assert points(difference) == shown


@pytest.mark.parametrize("shown", [percent, points])
@pytest.mark.parametrize("value", [0.00185, 0.00355, 0.01235])
def test_halves_that_were_summed_in_another_order_are_rounded_alike(shown, value):
    assert len({shown(value * (1 + tiny)) for tiny in (-1e-15, 0, 1e-15)}) == 1


def test_csv_has_ten_digits_and_zero_no_sign(tmp_path):
    frame = pd.DataFrame({"a": [1 / 3, -0.0], "b": ["x, y", "z"]})
    write_csv(frame, tmp_path / "new" / "x.csv")
    assert (tmp_path / "new" / "x.csv").read_bytes() == b'a,b\n0.3333333333,"x, y"\n0,z\n'


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-x", "'-x"), ("@sum", "'@sum"), (" =1", "' =1"),
        ("a=1", "a=1"), ("–", "–"), ("\x1b", r"\x1b"), ("a\nb", r"a\nb"),
    ],
)  # fmt: skip
def test_a_text_in_csv_is_no_formula(tmp_path, text, cell):
    write_csv(pd.DataFrame({"a": [text, None], "b": [-1, 2]}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == f"a,b\n{cell},-1\n,2\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1_234_567.0, "1234567"),
        (1e-5, "1e-05"),
        (0.1, "0.1"),
        (3, "3"),
        ("no", "no"),
        (1e30, "1e+30"),
    ],
)
def test_a_number_of_a_configuration(value, shown):
    assert number(value) == shown


def test_what_is_not_a_number_is_a_dash():
    assert (fixed_point(float("nan")), fixed_point(None), p_value(None)) == ("–", "–", "–")


def test_a_small_p_is_not_zero():
    assert p_value(0.0) == "< 0.001"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No such file: '/a disk/a b/runs/x.yaml'", "No such file: 'x.yaml'"),
        ("dataset.root=/data/set: is empty", "dataset.root=set: is empty"),
        ("see /tmp/log.txt, line 3", "see log.txt, line 3"),
        ("https://host/page and/or 8/2", "https://host/page and/or 8/2"),
    ],
)
def test_a_message_does_not_say_where_a_machine_keeps_its_files(text, said):
    assert without_paths(text) == said
