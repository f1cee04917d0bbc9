"""A mistake in the file of a question is told with file, line and remedy."""

import pytest
from omegaconf import OmegaConf

from titn.records.question_files import _Loader, read_question_file
from titn.system.errors import ConfigError

GOOD = """\
# @package _global_
# Question: does it help?
question:
  title: Does it help?
  asks: With it and without.
  rows:
    none: []
    some: [model.drop_path=0.1]
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "own.yaml"


def test_a_question_needs_nothing_of_a_paper(file):
    file.write_text(GOOD)
    assert read_question_file(file)["rows"] == {"none": [], "some": ["model.drop_path=0.1"]}


def test_a_file_without_a_question_is_one_of_settings(file):
    file.write_text("# @package _global_\nepochs: 3\n")
    assert read_question_file(file) is None


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


CLAIM = """\
  claims:
  - {{says: it helps, source: mine, dataset: digits, rows: [some], between: {}}}
"""
HEADER = ("1: the first line is not '# @package _global_', without which Hydra does not find the "
          "question; add it")  # fmt: skip
MISTAKES = {
    "a label that is a boolean": (
        changed("some:", "on:"),
        "8: question.rows: on: is read as true or false; put it in quotes, 'on'",
    ),
    "a label that is a number": (
        changed("some:", "1e3:"),
        "8: question.rows: 1e3: is read as a number; put it in quotes, '1e3'",
    ),
    "a label that is octal": (
        changed("some:", "010:"),
        "8: question.rows: 010: is read as a number; put it in quotes, '010'",
    ),
    "a label that is nothing": (
        changed("some:", "null:"),
        "8: question.rows: null: is read as nothing; put it in quotes, 'null'",
    ),
    "a text that is a boolean": (
        changed("title: Does it help?", "title: yes"),
        "4: question.title: yes: is read as true or false; put it in quotes, 'yes'",
    ),
    "an override that is a number": (
        changed("[model.drop_path=0.1]", "[0.1]"),
        "8: question.rows.some.0: 0.1: is read as a number; put it in quotes, '0.1'",
    ),
    "an override that is no list": (
        changed("[model.drop_path=0.1]", "model.drop_path=0.1"),
        "8: question.rows.some: should be a list of overrides, as [model=titn]; [] for none",
    ),
    "no override": (
        changed("none: []", "none:"),
        "7: question.rows.none: should be a list of overrides, as [model=titn]; [] for none",
    ),
    "the same label twice": (
        changed("some:", "none:"),
        "8: question.rows: none: stands in line 7 too; remove one",
    ),
    "the same key twice": (
        GOOD + "epochs: 1\nepochs: 2\n", "10: epochs: stands in line 9 too; remove one"
    ),
    "a key that is missing": (
        changed("  asks: With it and without.\n", ""), "4: question.asks: is missing; add it"
    ),
    "a key that there is not": (
        changed("asks:", "ask:"), "5: question.ask: there is no such key; did you mean asks?"
    ),
    "a baseline that there is not": (
        GOOD + "  baseline: all\n",
        "4: question: baseline=all: there is no such row; name one of rows",
    ),
    "a comment before the package": (f"# mine\n{GOOD}", HEADER),
    "no package": (changed("# @package _global_\n", ""), HEADER),
    "another package": (changed("_global_", "mine"), HEADER),
    "a label without a letter": (
        changed("some:", '"":'), "8: question.rows: a key without a letter; name it"
    ),
    "a row twice": (
        changed("[model.drop_path=0.1]", "[]"),
        "8: question.rows.some: is the row none again; change one, or remove it",
    ),
    "a row with a seed": (
        changed("model.drop_path=0.1", "seed=3"),
        "8: question.rows.some: sets the seed, and each row is made with each seed; leave it out",
    ),
    "a row with an option of the sweep": (
        changed("model.drop_path=0.1", "fail_fast=true"),
        "8: question.rows.some: fail_fast is of all rows together; give it on the command line",
    ),
    "a question without keys": (
        "# @package _global_\nquestion:\n",
        "2: question: should have keys below it, as title and rows",
    ),
    "seeds as a list": (
        GOOD + "hydra:\n  sweeper:\n    params:\n      seed: [0, 1]\n",
        "12: hydra.sweeper.params.seed: should be values with commas between, as 0,1,2",
    ),
    "no seeds": (
        GOOD + "hydra:\n  sweeper:\n    params:\n      seed:\n",
        "12: hydra.sweeper.params.seed: should be values with commas between, as 0,1,2",
    ),
    "a default that overrides nothing": (
        GOOD + "defaults:\n  - /teacher: vgg16_bn\n",
        "10: defaults: /teacher: should be override /teacher",
    ),
    "a default of the question's own group": (
        GOOD + "defaults:\n  - override teacher: vgg16_bn\n",
        "10: defaults: override teacher: should be override /teacher",
    ),
    "nothing": ("", "1: is empty; write a question, as docs/sweeps.md shows"),
    "comments alone": (
        "# @package _global_\n# later\n", "1: is empty; write a question, as docs/sweeps.md shows"
    ),
    "a list": (
        "# @package _global_\n- a\n",
        "2: should be keys and values; write a question, as docs/sweeps.md shows",
    ),
    "a tab": (
        changed("    some", "\tsome"), "8: a tab; indent with spaces"
    ),
    "a colon in a text": (
        changed("Does it help?", "Help: does it?"),
        "4: mapping values are not allowed here; put a text with a colon, or with ' #', in quotes",
    ),
    "a label with what begins a comment": (
        changed("some:", "some #1:"),
        "9: could not find expected ':'; put a text with a colon, or with ' #', in quotes",
    ),
    "claims as text": (
        f"{GOOD}  claims: [some is better]\n",
        "9: question.claims.0: should be a claim's keys: says, source, dataset, rows and between",
    ),
    "a margin in percent": (
        f"{GOOD}  margin: 2\n",
        "9: question.margin: 2 is no fraction; write a point as 0.01",
    ),
    "a bracket that is open": (
        changed("0.1]", "0.1"), "9: expected ',' or ']', but got '<stream end>'; correct it"
    ),
    "a value that does not fit its tag": (
        changed("Does it help?", "!!bool x"),
        "4: question: a value does not fit its tag ('x'); write it plainly",
    ),
    "a number that is none": (
        changed("Does it help?", "!!float foo"),
        "4: question: could not convert string to float: 'foo'; write it plainly",
    ),
    "a tag of one's own": (
        changed("Does it help?", "!foo bar"),
        "4: could not determine a constructor for the tag '!foo'; correct it",
    ),
    "a node in itself": (
        "# @package _global_\nquestion: &a\n  asks: *a\n",
        "2: question.asks: is a part of itself; write it without *",
    ),
    "a claim without bounds": (
        f"{GOOD}{CLAIM.format('[null, null]')}",
        "10: question.claims.0.between: bounds nothing; give the least or the most, as [0, null]",
    ),
    "a bound that is no number": (
        f"{GOOD}{CLAIM.format('[.nan, 1]')}",
        "10: question.claims.0.between: nan is no number; null is for none",
    ),
    "bounds the wrong way round": (
        f"{GOOD}{CLAIM.format('[0.5, 0.1]')}",
        "10: question.claims.0.between: the least comes first; write [0.1, 0.5]",
    ),
    "a claim about one row twice": (
        f"{GOOD}{CLAIM.format('[0, null], rows: [some, some]')}".replace("rows: [some], ", ""),
        "10: question.claims.0.rows: some is compared with itself; name two rows, or one",
    ),
    "a claim about no metric": (
        f"{GOOD}{CLAIM.format('[0, null], metric: top_1')}",
        "10: question.claims.0.metric: there is no metric top_1; did you mean top1?",
    ),
    "a margin of no metric": (
        f"{GOOD}  margins: {{recal: 0.1}}\n",
        "9: question.margins.recal: there is no metric recal; did you mean recall?",
    ),
    "a mark in percent": (
        f"{GOOD}  reach: 90\n",
        "9: question.reach: 90 is no fraction; write 90% as 0.9",
    ),
    "a table that the paper has not": (
        f"{GOOD}  printed: table7\n",
        "9: question.printed: the paper has no table7; choose one of table1, table2, table3, "
        "table4, table5, figure5",
    ),
    "a key that a row sets itself": (
        f"{GOOD}  tune: {{model.drop_path: [0.1, 0.2]}}\n",
        "9: question.tune.model.drop_path: the row some sets it itself; leave one of them out, or "
        "write below the key which rows choose",
    ),
    "a seed that is chosen": (
        f"{GOOD}  tune: {{seed: [0, 1]}}\n",
        "9: question.tune.seed: a seed is not chosen; sweep it: seed=0,1,2",
    ),
    "a list as a key": (
        changed("some:", "? [a]\n    :"),
        "8: question.rows: a key should be text; put it in quotes",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_has_its_line_and_its_remedy(file, text, said):
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        read_question_file(file)
    assert str(raised.value) == f"{file}:{said}"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8-sig", "1: begins with a byte order mark, which hides the first line from Hydra; "
                      "save it as UTF-8 without BOM"),
        ("utf-16", "1: is not UTF-8; save it as UTF-8"),
        ("latin-1", "2: is not UTF-8; save it as UTF-8"),
    ],
)  # fmt: skip
def test_another_encoding_is_told(file, encoding, said):
    file.write_text(changed("Question", "Frage für später"), encoding=encoding)
    with pytest.raises(ConfigError) as raised:
        read_question_file(file)
    assert str(raised.value) == f"{file}:{said}"


def test_a_file_with_the_line_ends_of_windows_is_a_question(file):
    file.write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert read_question_file(file)["title"] == "Does it help?"


def test_an_interpolation_is_left_to_hydra(file):
    file.write_text(GOOD + "  margin: ${oc.env:MARGIN}\n")
    assert read_question_file(file)["margin"] == "${oc.env:MARGIN}"


@pytest.mark.parametrize(
    "scalar",
    ["on", "No", "~", "08", "010", "0x1f", "1e3", "1_000", "1:30", ".5", "1.", "2026-01-01", ".inf",
     "1e", "-1E-3", "+1", "'1'", "true ", "y"],
)  # fmt: skip
def test_a_scalar_has_the_type_that_hydra_gives_it(scalar, tmp_path):
    (tmp_path / "a.yaml").write_text(f"a: {scalar}\n")
    hydras = OmegaConf.load(tmp_path / "a.yaml")["a"]
    ours = _Loader(f"a: {scalar}\n").get_single_data()["a"]
    assert (ours, type(ours)) == (hydras, type(hydras))
