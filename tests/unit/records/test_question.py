"""A question is checked as a whole, and what is wrong with it is named."""

import pytest

from titn.records.question import parse_question
from titn.system.errors import ConfigError

NODE = {"title": "t", "asks": "a", "paper": "p", "rows": {"A": ["x=1"], "B": ["x=2"]}}
CLAIM = {"says": "s", "source": "s", "dataset": "d", "rows": ["A", "B"], "between": [0, None]}


def test_the_first_row_is_the_baseline():
    assert parse_question(NODE).baseline == "A"


def test_another_row_can_be_the_baseline():
    assert parse_question(NODE | {"baseline": "B"}).baseline == "B"


def test_a_question_comes_back_from_json_as_it_was():
    asks = parse_question(NODE | {"claims": [CLAIM], "tune": {"lr": [0.1], "wd": {"A": [1, 2]}}})
    assert parse_question(asks.model_dump(mode="json")) == asks


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": {}}, "question: rows: there is none"),
        ({"title": ""}, "question.title: string should have at least 1 character"),
        ({"tittle": "x"}, "question.tittle: "),
        ({"rows": {"A": "x=1"}}, "question.rows.A: "),
        ({"rows": {"A": ["x=1", 2]}}, "question.rows.A.1: "),
        ({"rows": ["A"]}, "question.rows: should be labels with overrides below"),
        ({"margins": {"top1": "wide"}}, "question.margins.top1: should be a number"),
        ({"margins": 0.1}, "question.margins: should be metrics with a distance each, as {top1"),
        ({"reach": "far"}, "question.reach: should be a number"),
        ({"claims": "better"}, "question.claims: should be a list of claims, each with says, sou"),
        ({"baseline": "C"}, "question: baseline=C: there is no such row"),
        ({"tune": {"lr": {"C": [1]}}}, "question: tune.lr=C: there is no such row"),
        ({"pairs": [["A", "C"]]}, "question: pairs=C: there is no such row"),
        ({"pairs": [["A", "A"]]}, "question: pairs=A: is compared with itself; name two rows"),
        ({"pairs": ["A", "B"]}, "question.pairs.0: should be a list of pairs of rows, as [[row"),
        ({"tune": {"lr": [[1]]}}, "question.tune.lr.0: should be a number, a word, true, false or"),
        ({"tune": {"lr": {"A": [{}]}}}, "question.tune.lr.A.0: should be a number, a word, true"),
        ({"tune": {"lr": 3}}, "question.tune.lr: should be a list of values, as [1e-4, 3e-4], or"),
    ],
)
def test_an_error_names_its_key(wrong, message):
    with pytest.raises(ConfigError) as raised:
        parse_question(NODE | wrong)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": ["C"]}, "question: claims.rows=C: there is no such row"),
        ({"rows": ["A", "C"]}, "question: claims.rows=C: there is no such row"),
        ({"rows": []}, "question.claims.1.rows: should be a list of one row or two, as [row, oth"),
        ({"rows": ["A", "B", "A"]}, "question.claims.1.rows: should be a list of one row or two"),
        ({"between": 0}, "question.claims.1.between: should be a list of the least and the most"),
        ({"between": ["a", 0]}, "question.claims.1.between.0: should be a number; write it plain"),
        ({"between": [0]}, "question.claims.1.between.1: is missing; add it"),
        ({"says": ""}, "question.claims.1.says: "),
        ({"betwixt": [0, 1]}, "question.claims.1.betwixt: "),
    ],
)
def test_an_error_names_its_claim_and_key(wrong, message):
    with pytest.raises(ConfigError) as raised:
        parse_question(NODE | {"claims": [CLAIM, CLAIM | wrong]})
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("node", [None, "mix", ["mix"]])
def test_what_is_no_question_is_refused(node):
    with pytest.raises(ConfigError, match=r"^question: "):
        parse_question(node)
