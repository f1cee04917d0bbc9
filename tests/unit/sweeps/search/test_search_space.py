"""The space of a search is what Hydra's syntax says."""

from random import Random

import pytest

from titn.records.search import Search
from titn.sweeps.search.space import Choice, Interval, read_space
from titn.system.errors import ConfigError


def space(expressions, when=None, **more):
    search = Search(title="T", asks="A", space=expressions, when=when or {}, **more)
    return read_space(search)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("interval(0, 1)", Interval(0.0, 1.0)),
        ("tag(log, interval(1e-4, 1e-2))", Interval(1e-4, 1e-2, None, True)),
        ("int(interval(1, 8))", Interval(1, 8)),
        ("range(1, 5)", Interval(1, 4, 1)),
        ("range(1, 6, 2)", Interval(1, 5, 2)),
        ("range(0, 0.3, 0.1)", Interval(0.0, 0.2, 0.1)),
        ("choice(deit, titn)", Choice(("deit", "titn"))),
        ("1,null,true,'a b'", Choice((1, None, True, "a b"))),
    ],
)
def test_an_expression_is_read_as_hydra_reads_it(text, domain):
    assert space({"k": text}).parameters == {"k": domain}


def test_a_number_of_a_long_range_is_drawn_without_listing_it():
    domain = space({"k": "range(0, 1000000000000, 2)"}).parameters["k"]
    assert domain.num_points() == 500_000_000_000
    drawn = domain.draw(Random(0))
    assert drawn % 2 == 0
    assert 0 <= drawn < 10**12


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3", "search.space.k=3: cannot be read"),
        ("interval(1", r"search.space.k=interval\(1: cannot be read"),
        ("interval(2, 1)", "is empty"),
        ("range(5, 5)", "is empty"),
        ("range(5, 1, -1)", "should go up"),
        ("tag(log, interval(0, 1))", "a log scale begins above 0"),
        ("choice([1], [2])", "texts and numbers only"),
    ],
)
def test_what_is_no_domain_is_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        space({"k": text})


@pytest.mark.parametrize("key", ["seed", "dataset.split", "run_dir", "device", "+force"])
def test_what_decides_no_number_or_judges_is_not_sought(key):
    with pytest.raises(ConfigError, match="is nothing to search for"):
        space({key: "1,2"})


MODELS = {"model": "choice(deit,titn,tnt)", "lr": "interval(0, 1)"}


def test_a_conditional_parameter_is_chosen_only_with_its_choice():
    found = space(MODELS, {"model=titn,tnt": {"model.inner_depth": "range(1, 3)"}})
    answers = {"model": "tnt", "lr": 0.5, "model.inner_depth": 2}
    assert found.choose(lambda key, _: answers[key]) == answers
    answers["model"] = "deit"
    assert found.choose(lambda key, _: answers[key]) == {"model": "deit", "lr": 0.5}


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"model=vit": {"k": "1,2"}}, "model is never 'vit'; name one of deit, titn, tnt"),
        ({"lr=0.5": {"k": "1,2"}}, "lr is none"),
        ({"model=titn": {"lr": "1,2"}}, "is in search.space already"),
        ({"model=titn": {"k": "1,2"}, "model=tnt": {"k": "3,4"}}, "write one condition"),
    ],
)
def test_a_condition_that_cannot_hold_is_refused(when, said):
    with pytest.raises(ConfigError, match=said):
        space(MODELS, when)


def test_cells_get_four_digits_of_a_fraction_and_whole_numbers_whole():
    found = space({"lr": "interval(0, 1)", "depth": "range(1, 5)"})
    assert found.values({"lr": 0.00123456, "depth": 3}) == {"lr": 0.001235, "depth": 3}


def test_draws_lie_in_their_domains():
    found = space({"log": "tag(log, interval(1e-4, 1e-2))", "step": "range(0, 10, 3)"})
    rng = Random(0)
    drawn = [found.draw(rng) for _ in range(200)]
    assert all(1e-4 <= one["log"] <= 1e-2 for one in drawn)
    # On a log scale half of them lie below the geometric mean.
    assert 70 < sum(one["log"] < 1e-3 for one in drawn) < 130
    assert {one["step"] for one in drawn} == {0, 3, 6, 9}


def test_a_grid_has_each_configuration_once_with_its_conditions():
    found = space({"model": "choice(a,b)"}, {"model=b": {"depth": "range(1, 3)"}})
    assert found.grid() == [
        {"model": "a"},
        {"model": "b", "depth": 1},
        {"model": "b", "depth": 2},
    ]


def test_a_grid_of_an_interval_is_refused():
    with pytest.raises(ConfigError, match="lr is an interval without steps"):
        space(MODELS).grid()


@pytest.mark.parametrize(
    ("domain", "drawn", "value"),
    [
        (Interval(0.0, 1.0), 0.123456, 0.1235),
        (Interval(0.99, 0.99999), 0.99998, 0.99999),  # four digits would be 1
        (Interval(0.10004, 1.0), 0.10004, 0.10004),
        (Interval(0.9, 1.0, 0.00002), 0.90002, 0.90002),  # one of those that are listed
        (Interval(1, 8), 3.0, 3),
    ],
)
def test_a_drawn_number_stays_within_its_ends(domain, drawn, value):
    assert domain.value(drawn) == value
