"""What changes of a generated ablation do, and what their page says of it."""

import pytest

from titn.records.collation import load
from titn.reporting.comparisons.differences import differences_from_baseline
from titn.reporting.comparisons.effects import ablation_effects
from titn.reporting.evidence.run_index import index_runs
from titn.reporting.pages import write_page

NAME = "ablate/own-12345678"
A, B = (True, False), (False, True)
BOTH, NONE = (True, True), (False, False)
# Right images of 40 for seeds 0, 1 and 2.
WORSE, MIDDLE, BEST = [20, 21, 22], [29, 30, 31], [35, 36, 37]


def asked(design: str, states: dict, **more) -> dict:
    changes = [{"name": name, "before": [], "after": [f"{name}=1"]} for name in ("mix", "width")]
    ablation = {"design": design, "begin": [], "end": ["mix=1", "width=1"], "changes": changes,
                "states": states, **more}  # fmt: skip
    rows = {row: [f"seen={i}"] for i, row in enumerate(states)}
    baseline = "to" if design == "leave_one_out" else "from"
    return {"title": "Which?", "asks": "This.", "rows": rows, "baseline": baseline,
            "ablation": ablation}  # fmt: skip


@pytest.fixture
def effects(runs):
    """Of a design whose rows have these right images; costs: row -> changes of its records."""

    def find(design: str, rows: dict, records: dict | None = None, **more):
        node = asked(design, {row: state for row, (state, _) in rows.items()}, **more)
        cells = [
            cell
            for row, (_, rights) in rows.items()
            for cell in runs.row(row, rights, record=(records or {}).get(row))
        ]
        evidence = runs.one(*cells, question=node, name=NAME)
        return ablation_effects(evidence, differences_from_baseline(evidence))

    return find


FACTORIAL = {
    "from": (NONE, [20, 21, 22]), "mix": (A, [24, 25, 26]),
    "width": (B, [22, 23, 24]), "to": (BOTH, [34, 35, 36]),
}  # fmt: skip


def test_main_effects_and_interaction_of_a_factorial_design_by_hand(effects):
    # Means 21, 25, 23, 35 of 40: mix (4 + 12) / 2, width (2 + 10) / 2, both (12 - 4) / 2.
    found = effects("factorial", FACTORIAL)
    assert {one.name: one.estimate for one in (*found.changes, *found.pairs)} == pytest.approx(
        {"mix": 8 / 40, "width": 6 / 40, "mix × width": 4 / 40}
    )


def test_main_effects_add_up_to_the_whole_way(effects):
    found = effects("factorial", FACTORIAL)
    assert sum(one.estimate for one in found.changes) == pytest.approx(found.total.estimate)
    assert found.rest is None


def test_what_is_taken_back_is_what_is_lost_without_it(effects):
    found = effects(
        "leave_one_out",
        {"to": (BOTH, BEST), "to without mix": (B, MIDDLE), "to without width": (A, BEST),
         "from": (NONE, WORSE)},
    )  # fmt: skip
    assert [one.estimate for one in found.changes] == pytest.approx([6 / 40, 0])
    assert found.rest.estimate == pytest.approx((15 - 6) / 40)


def test_an_effect_of_one_row_has_the_interval_of_the_pages_table(effects):
    rows = {"from": (NONE, WORSE), "from with mix": (A, MIDDLE), "from with width": (B, WORSE),
            "to": (BOTH, BEST)}  # fmt: skip
    found = effects("add_one_in", rows)
    mix = found.changes[0]
    (evidence,) = [row for row, weight in mix.weights if weight > 0]
    assert evidence.label == "from with mix"
    assert mix.interval.low < 9 / 40 < mix.interval.high


def test_steps_of_a_path_are_held_against_the_one_before(effects):
    rows = {"from": (NONE, WORSE), "step 1: width": (B, MIDDLE), "to": (BOTH, BEST)}
    found = effects("path", rows)
    assert {one.name: one.estimate for one in found.changes} == pytest.approx(
        {"width": 9 / 40, "mix": 6 / 40}
    )


def test_costs_are_added_as_top1_is(effects):
    rows = {"from": (NONE, WORSE), "step 1: width": (B, MIDDLE), "to": (BOTH, BEST)}
    records = {"from": {"macs": 100}, "step 1: width": {"macs": 130}, "to": {"macs": 125}}
    found = effects("path", rows, records)
    assert [one.added("macs") for one in (*found.changes, found.total)] == [30, -5, 25]


def test_a_change_whose_row_has_no_record_is_missing(effects):
    rows = {"from": (NONE, WORSE), "from with mix": (A, MIDDLE), "from with width": (B, []),
            "to": (BOTH, BEST)}  # fmt: skip
    assert effects("add_one_in", rows).missing == ["width"]


def test_two_seeds_are_no_verdict(effects):
    rows = {"from": (NONE, WORSE), "step 1: width": (B, [30, 31]), "to": (BOTH, BEST)}
    assert effects("path", rows).changes[0].unjudged == "2 seeds, 3 needed"


def test_one_seed_leaves_an_interval_for_other_images(effects, page):
    rows = {"from": (NONE, WORSE[:1]), "mix": (A, MIDDLE[:1]), "to": (BOTH, BEST[:1])}
    rows["width"] = (B, [24])
    (mix, _), found = effects("factorial", rows).changes, page("factorial", rows)
    assert mix.interval is None
    assert mix.images_alone.low < mix.estimate < mix.images_alone.high
    assert "(images): covers the choice of test images alone" in found
    assert "Intervals are for other seeds" not in found


def test_a_change_that_the_network_does_not_heed_is_said_to_change_nothing(effects):
    rows = {"from": (NONE, WORSE), "step 1: width": (B, WORSE), "to": (BOTH, BEST)}
    width, mix = effects("path", rows).changes
    assert width.unjudged == "changed nothing: the same numbers with and without it"
    assert mix.unjudged is None


def test_an_end_without_a_record_leaves_nothing_to_attribute(effects):
    assert effects("path", {"from": (NONE, WORSE), "to": (BOTH, [])}) is None


@pytest.fixture
def page(runs, without_figures, tmp_path):
    def write(design: str, rows: dict, *candidates) -> str:
        node = asked(design, {row: state for row, (state, _) in rows.items()})
        cells = [cell for row, (_, rights) in rows.items() for cell in runs.row(row, rights)]
        evidence = runs.one(*cells, *candidates, question=node, name=NAME)
        index = index_runs(load(runs.root))
        return write_page(NAME, evidence.question, [evidence], index, tmp_path / "out").text

    return write


def test_a_page_begins_with_who_did_the_work(page):
    text = page("factorial", FACTORIAL)
    answer = text.splitlines()[2]
    assert answer.startswith("**From 52.5% to 87.5%: +35.0 points (")
    assert "The work is done by mix +20.0 (" in answer


def test_a_page_has_both_configurations_as_command_lines(page):
    text = page("factorial", FACTORIAL)
    assert "to `python -m titn.train mix=1 width=1`" in text


def test_a_page_shows_how_a_path_was_chosen(page, runs):
    rows = {"from": (NONE, WORSE), "step 1: width": (B, MIDDLE), "to": (BOTH, BEST)}
    candidates = [
        runs.cell("step 1: mix", 0, 24, role="candidate"),
        runs.cell("step 1: width", 0, 28, role="candidate"),
    ]
    text = page("path", rows, *candidates)
    assert "| step 1 | width | 70.00 | chosen |" in text
    assert "| step 1 | mix | 60.00 |  |" in text
