from dataclasses import replace

import pytest

from tests.unit.reporting.conftest import NETWORK, config
from titn.reporting.answers import answer, cautions, warnings, why_unranked
from titn.reporting.comparisons.differences import (
    differences_from_baseline,
    differences_of_pairs,
)
from titn.reporting.pair_answers import pairs_answer
from titn.system.text import percent

A, B, C = [30, 32, 31], [14, 17, 16], [31, 30, 33]


@pytest.fixture
def said(runs):
    """The answer of a setting with these cells."""

    def say(*cells, **asked):
        found = runs.one(*cells, **asked)
        said = answer(found, differences_from_baseline(found))
        return f"{said.text} {said.aside}".rstrip()

    return say


@pytest.fixture
def short(runs):
    """The answer in a few words."""

    def say(*cells, **asked):
        found = runs.one(*cells, **asked)
        return answer(found, differences_from_baseline(found)).short

    return say


def taught(runs, follows: bool):
    """Two rows of three seeds whose teachers are of different networks."""
    return [
        runs.cell(label, seed, right + seed, taught=runs.teacher(follows * seed, f"cnn.{label}"))
        for label, right in (("vgg", 36), ("resnet", 10))
        for seed in range(3)
    ]


# The answer


def test_rows_are_named_by_verdict_with_their_intervals(runs):
    found = runs.one(*runs.row("a", A), *runs.row("b", B), *runs.row("c", C))
    differences = differences_from_baseline(found)
    # b less a: 15 and two thirds less than 31 of 40 images, 38.3 points.
    low, high = (percent(-getattr(differences[0].interval, end), 1) for end in ("high", "low"))
    excluded = percent(differences[1].excluded, 1)
    assert answer(found, differences).text == (
        f"Worse than a: b by 38.3 points ({low} to {high}). Undecided: c (up to {excluded} points)."
    )


def test_where_nothing_is_told_apart_it_says_what_remains_possible(runs, said):
    text = said(*runs.row("a", A), *runs.row("c", C))
    assert text.startswith("No row is told apart from a: differences of up to ")
    assert text.endswith(" points remain possible.")


def test_rows_within_the_margin_are_equal(runs, said):
    question = runs.question(["a", "c"], margin=0.5)
    text = said(*runs.row("a", A), *runs.row("c", C), question=question)
    assert text == "Equal to a within 50 points: c."


@pytest.mark.parametrize(
    ("pair", "margin", "begin", "end"),
    [
        (["a", "b"], 0.01, "Pair by pair: ROW\\_a is better than ROW\\_b by 38.3 points (", ")."),
        (["b", "a"], 0.01, "Pair by pair: ROW\\_a is better than ROW\\_b by 38.3 points (", ")."),
        (
            ["a", "c"],
            0.01,
            "Pair by pair: ROW\\_a and ROW\\_c are not told apart (up to ",
            " points).",
        ),
        (["a", "c"], 0.5, "Pair by pair: ROW\\_a equals ROW\\_c within 50 points.", "50 points."),
        (["a", "d"], 0.01, "", ""),
    ],
)
def test_each_pair_with_a_verdict_is_said_and_the_better_named_first(
    runs, pair, margin, begin, end
):
    cells = [*runs.row("a", A), *runs.row("b", B), *runs.row("c", C), runs.cell("d", 0)]
    question = runs.question(list("abcd"), pairs=[pair], margin=margin)
    found = differences_of_pairs(runs.one(*cells, question=question))
    text = pairs_answer(found, {label: f"ROW_{label}" for label in "abcd"})
    assert text.startswith(begin)
    assert text.endswith(end)
    assert bool(text) == bool(begin)
    if " is better" in begin:
        low, high = sorted(abs(edge) for edge in (found[0].interval.low, found[0].interval.high))
        assert text.endswith(f"({percent(low, 1)} to {percent(high, 1)}).")


def test_the_rows_that_differ_most_are_named(runs, said):
    rows = {"b": 14, "c": 13, "d": 12, "e": 15, "f": 16}
    cells = [
        cell for row, right in rows.items() for cell in runs.row(row, [right, right + 1, right])
    ]
    text = said(*runs.row("a", [38, 37, 38]), *cells)
    assert text.startswith("Worse than a: d by ")
    assert ", b by " in text
    assert text.endswith(" and 2 more rows.")


def test_the_chosen_value_is_said(runs, said):
    cells = [*runs.row("a", A, tuned={"optimizer.lr": 0.001}), *runs.row("b", B)]
    assert said(*cells).startswith("Worse than a, lr 0.001: b by")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"b": B}, "b worse by 38.3"),
        ({"b": B, "c": C}, "b worse by 38.3; 1 undecided"),
        ({"b": B, "d": [15, 16, 17]}, "b worse by 38.3; 1 more worse"),
        ({"b": [7, 7, 7], "c": B}, "c worse by 38.3"),
    ],
)
def test_in_short(runs, short, rows, words):
    others = [cell for row, rights in rows.items() for cell in runs.row(row, rights)]
    assert short(*runs.row("a", A), *others) == words


def test_in_short_where_nothing_is_decided(runs, short):
    assert short(*runs.row("a", A), *runs.row("c", C)).startswith("No difference found (up to ")


def test_near_chance_nothing_is_compared(runs, said):
    text = said(*runs.row("a", A), *runs.row("b", [7, 7, 7]))
    assert text == "Nothing is compared: b stayed near chance, hardly trained if at all."


def test_beside_a_row_near_chance_the_others_are_compared(runs, said):
    text = said(*runs.row("a", A), *runs.row("b", B), *runs.row("c", [7, 7, 7]))
    assert "Worse than a: b by" in text
    assert text.endswith(" No verdict: c (near chance).")


def test_beside_a_baseline_near_chance_nothing_is_compared(runs, said):
    text = said(*runs.row("a", [7, 7, 7]), *runs.row("b", B), *runs.row("c", C))
    assert text == "Nothing is compared: a stayed near chance, hardly trained if at all."


def test_without_a_baseline_nothing_is_compared(runs, said):
    cells = [runs.cell("a", seed, state="diverged") for seed in (0, 1)]
    text = said(*cells, *runs.row("b", B))
    assert text == "The baseline, a, has no record (2 diverged): nothing is compared."


def test_a_single_row_is_compared_with_nothing(runs, said):
    assert said(*runs.row("a", A)) == "Only one row has records: nothing is compared."


@pytest.mark.parametrize("seeds", [1, 2])
def test_two_seeds_have_no_verdict(runs, said, seeds):
    text = said(*runs.row("a", A[:seeds]), *runs.row("b", B[:seeds]))
    have = f"{seeds} seed{'s' if seeds == 2 else ''}"
    assert text.startswith(f"No verdict: each row has {have}, and three are needed. The highest is")


def test_a_baseline_of_one_seed_judges_nothing(runs, said):
    text = said(*runs.row("a", A[:1]), *runs.row("b", B), *runs.row("c", C))
    assert text.startswith("No verdict: a has 1 seed, and three are needed.")


def test_a_row_of_one_seed_does_not_keep_others_from_being_compared(runs, said):
    text = said(*runs.row("a", A), *runs.row("b", B), *runs.row("c", C[:1]))
    assert "Worse than a: b" in text
    assert text.endswith("No verdict: c (1 seed, 3 needed).")


def test_without_any_record_it_says_what_became_of_the_cells(runs, said):
    states = ("diverged", "diverged", "failed")
    cells = [runs.cell("a", seed, state=state) for seed, state in enumerate(states)]
    assert said(*cells) == "No cell has a record: 2 diverged, 1 failed."


STOPPED = "stopped early"


def test_cells_that_stopped_early_have_a_record_of_less(runs):
    cells = [runs.cell("a", seed, state=state) for seed, state in enumerate((STOPPED, "failed"))]
    found = answer(runs.one(*cells), [])
    assert found.text == "No cell has a record of all its epochs: 1 stopped early, 1 failed."
    assert found.short == "No record of all its epochs."


@pytest.mark.parametrize(
    ("row", "said_of_it"),
    [
        ("a", "The baseline, a, has no record of all its epochs (2 stopped early): nothing is "),
        ("b", "Only one row has records of all their epochs: nothing is compared."),
    ],
)
def test_a_row_whose_cells_stopped_early_is_not_said_to_have_no_record(runs, said, row, said_of_it):
    stopped = [runs.cell(row, seed, state=STOPPED) for seed in (0, 1)]
    other = runs.row("b" if row == "a" else "a", A)
    assert said(*(stopped + other if row == "a" else other + stopped)).startswith(said_of_it)


def test_untrained_networks_are_not_compared(runs, said):
    assert said(*runs.row("a", [4], changes={"epochs": 0})).startswith("The networks were not")


def test_of_networks_that_were_timed_the_quicker_ones_are_named(runs):
    cells = [runs.cell(label, 0, 4, changes={"epochs": 0}) for label in "abc"]
    rows = {
        "a": {"1": [0.004, 0.002, 0.009], "128": [0.128, 0.064, 0.256]},
        "b": {"1": [0.003, 0.003, 0.003], "128": [0.256, 0.256, 0.256]},
        "c": {"1": [0.020, 0.020, 0.020], "128": [0.032, 0.032, 0.032]},
    }
    found = replace(runs.one(*cells), timing={"how": "on a CPU", "rows": rows})
    text = answer(found, []).text
    # Medians: 4 ms and 1000 images/s; 3 and 500; 20 and 4000.
    assert "At batch 1 it takes 4.0 ms; faster: b (3.0)." in text
    assert "At batch 128 it classifies 1000 images/s; faster: c (4000)." in text


def test_teachers_of_one_seed_each_are_not_ranked(runs, said):
    assert said(*taught(runs, follows=False)).startswith("Teachers are not ranked")


def test_beside_rows_with_a_verdict_one_of_another_teacher_of_one_seed_has_none(runs, said):
    text = said(*taught(runs, follows=False), *runs.row("none", B))
    assert text.startswith("Worse than vgg: none (no teacher) by ")
    assert "No verdict: resnet (a teacher was trained once)." in text


def test_teachers_of_several_seeds_are_ranked(runs, said):
    assert "Worse than vgg: resnet" in said(*taught(runs, follows=True))


def test_a_ranking_has_no_reason_not_to_be_one(runs):
    assert why_unranked(runs.one(*runs.row("a", A), *runs.row("b", B))) is None


# What a reader has to know besides


def test_who_diverged_is_said_with_what_the_mean_is_of(runs):
    cells = [*runs.row("a", A), runs.cell("a", 3, state="diverged")]
    lines = cautions(runs.one(*cells))
    luck = "the mean is of the others, which are the luckier ones"
    assert f"a: 1 of 4 diverged; {luck}." in lines


def test_who_stopped_early_is_not_among_the_cells_without_a_record(runs):
    more = [
        runs.cell("a", 3 + index, state=state) for index, state in enumerate((STOPPED, "failed"))
    ]
    lines = cautions(runs.one(*runs.row("a", A), *more))
    assert "Cells that stopped early, and are in no mean: a (1 of 5)." in lines
    assert "Cells without a record: a (1 of 5 failed)." in lines


def test_where_all_diverged_there_are_no_luckier_ones(runs):
    cells = [*runs.row("a", A), runs.cell("b", 0, state="diverged")]
    assert "b: 1 of 1 diverged." in cautions(runs.one(*cells))


@pytest.mark.parametrize("state", ["missing", "failed", "unfinished"])
def test_cells_without_a_record_are_named(runs, state):
    cells = [*runs.row("a", A), runs.cell("a", 3, state=state)]
    assert f"Cells without a record: a (1 of 4 {state})." in cautions(runs.one(*cells))


def test_one_teacher_is_said(runs):
    lines = cautions(runs.one(*runs.row("a", A, taught=runs.teacher())))
    assert any("conditional on it" in line for line in lines)


@pytest.mark.parametrize(
    ("of_a", "of_b", "is_said"),
    [("titn", "vit", True), ("titn", "titn", False), ("titn", "vgg16_bn", False)],
)
def test_a_row_without_a_teacher_and_with_another_network_is_named(runs, of_a, of_b, is_said):
    choices = config()["choices"]
    cnn = {"model": {"_target_": NETWORK}} if of_b == "vgg16_bn" else {}
    cells = [
        *runs.row("a", A, taught=runs.teacher(), changes={"choices": choices | {"model": of_a}}),
        *runs.row("b", A, changes={"choices": choices | {"model": of_b}} | cnn),
    ]
    evidence = runs.one(*cells)
    aside = answer(evidence, differences_from_baseline(evidence)).aside
    assert ("differs from a both in network and in having no teacher" in aside) is is_said


def test_a_teacher_for_each_seed_needs_no_word(runs):
    cells = [runs.cell("a", seed, taught=runs.teacher(seed)) for seed in (0, 1)]
    assert not any("conditional" in line for line in cautions(runs.one(*cells)))


def test_digits_say_what_an_image_is_worth(runs):
    # 40 images: 2.5 points each.
    lines = warnings(runs.one(*runs.row("a", A)))
    assert any("40 images to evaluate on: one image is 2.50 points" in line for line in lines)


def test_digits_say_nothing_of_untrained_networks(runs):
    assert not any(
        "Digits" in line for line in warnings(runs.one(*runs.row("a", A, changes={"epochs": 0})))
    )


def test_changed_bounds_are_said(runs):
    cells = runs.row("a", A)
    before, after = (
        runs.question(["a"], claims=[runs.claim(["a"], [low, None])]) for low in (0.5, 0.7)
    )
    runs.ask(*cells, question=before)
    lines = warnings(runs.one(*cells, question=after))
    assert any("changed after the first asking" in line for line in lines)


@pytest.mark.parametrize(
    ("first_asked", "name", "is_said"),
    [
        ("", "ablation/own", False),
        ("2026-01-01T00:00:00.500+00:00", "ablation/own", False),  # in the same second
        ("2026-01-01T00:00:01.000+00:00", "ablation/own", True),
        ("2026-01-01T00:00:01.000+00:00", "ablation/mix", False),
    ],
)
def test_cells_that_are_older_than_a_question_of_ones_own_are_said(
    runs, first_asked, name, is_said
):
    question = runs.question(["a"], claims=[runs.claim(["a"], [0.5, None])])
    asked = {"question": question, "first_asked": first_asked, "name": name}
    lines = warnings(runs.one(*runs.row("a", A), **asked))
    assert any("first asked, 3 of 3 cells had begun already" in line for line in lines) == is_said


def test_cells_of_another_configuration_are_said(runs):
    other = runs.cell("a", 3, tuned={"optimizer.lr": 0.1})
    lines = cautions(runs.one(*runs.row("a", A), other))
    assert any(line.startswith("a: in none of its numbers is 1 more cell") for line in lines)


def test_several_records_of_a_cell_are_said(runs):
    runs.cell("a", 0, 20, directory="other", started="2026-02-01")
    lines = cautions(runs.one(runs.cell("a", 0, 30)))
    assert any(line.startswith("Several records, which differ, of 1 cell:") for line in lines)


def test_predictions_that_were_not_kept_are_said(runs):
    lines = cautions(runs.one(*runs.row("a", A, kept=False)))
    assert any("no interval that covers other images" in line for line in lines)


def test_a_damaged_file_is_said(runs):
    cell = runs.cell("a", 0)
    (runs.written[cell.config_hash] / "epochs.jsonl").write_text("{")
    lines = cautions(runs.one(cell))
    assert any("epochs.jsonl` cannot be used" in line for line in lines)
