"""From two configurations to a question: changes, ties, rows, and what is impossible."""

from functools import cache

import pytest

from titn.config.compose import compose_config
from titn.config.resolve import resolve
from titn.sweeps.ablation.changes import cut
from titn.sweeps.ablation.feasible import mending_ties
from titn.sweeps.ablation.generate import Asked, generate, sweep_key
from titn.system.errors import ConfigError


# Composing takes a tenth of a second, and the designs ask for the same rows again.
@cache
def composed(overrides: tuple[str, ...]) -> dict:
    return resolve(compose_config(list(overrides)))


def compose(overrides) -> dict:
    return composed(tuple(overrides))


def changes(begin, end, ties=()) -> dict:
    found = cut(tuple(begin), tuple(end), ties, compose)
    return {change.name: (change.before, change.after) for change in found.changes}


def ablation(design, begin, end, *, ties=(), halvings=0, margin=0.01):
    asked = Asked(design, tuple(begin), tuple(end), [*ties], halvings, margin)
    return generate(asked, compose)


STRONGER = ["model.conv_mlp=true", "mix=mixup", "optimizer=muon"]


def test_a_group_and_a_key_are_a_change_each():
    assert changes(["mix=cutmix"], ["mix=mixup", "epochs=7"]) == {
        "mix": (("mix=cutmix",), ("mix=mixup",)),
        "epochs": ((), ("epochs=7",)),
    }


def test_keys_of_a_group_whose_choice_differs_belong_to_it():
    begin, end = ["model=deit", "model.qkv_bias=true"], ["model=titn", "model.inner_depth=2"]
    found = changes([*begin, "mix=none"], [*end, "mix=mixup"])
    assert found["model"] == (tuple(begin), tuple(end))


def test_what_both_have_is_shared_and_no_change():
    found = cut(("model=deit", "mix=cutmix"), ("model=deit", *STRONGER), (), compose)
    assert found.shared == ("model=deit",)


def test_a_default_that_is_typed_is_no_change():
    found = cut(("protocol=quick",), tuple(STRONGER), (), compose)
    assert found.idle == ("protocol",)
    assert [change.name for change in found.changes] == ["model.conv_mlp", "mix", "optimizer"]


def test_a_switch_is_no_change():
    assert "compile" not in changes([], [*STRONGER, "compile=none"])


def test_what_is_tied_is_one_change():
    found = changes([], STRONGER, [["optimizer", "mix"]])
    assert found["optimizer+mix"] == ((), ("optimizer=muon", "mix=mixup"))


@pytest.mark.parametrize(
    ("begin", "end", "ties", "said"),
    [
        ([], ["mix=mixup"], (), "fewer than two changes (mix)"),
        ([], STRONGER, [["mix", "loss"]], "ties: loss is no change; choose among"),
        ([], STRONGER, [["mix", "optimizer"], ["mix", "model.conv_mlp"]], "mix is tied twice"),
        ([], [*STRONGER, "dataset=mnist"], (), "differs from `from` in dataset, and so in the"),
        ([], [*STRONGER, "seed=3"], (), "to=[seed=3]: seeds are the same for all rows"),
        (["loss=dkd"], STRONGER, (), "from=[loss=dkd]: loss=DecoupledDistillation: needs"),
    ],
)  # fmt: skip
def test_two_configurations_that_cannot_be_compared_are_refused(begin, end, ties, said):
    with pytest.raises(ConfigError) as refused:
        changes(begin, end, ties)
    assert said in str(refused.value)


def test_leave_one_out_takes_each_change_back_and_holds_rows_against_the_better_one():
    question, _ = ablation("leave_one_out", [], STRONGER)
    assert question.baseline == "to"
    assert question.rows == {
        "to": tuple(STRONGER),
        "to without model.conv_mlp": ("mix=mixup", "optimizer=muon"),
        "to without mix": ("model.conv_mlp=true", "optimizer=muon"),
        "to without optimizer": ("model.conv_mlp=true", "mix=mixup"),
        "from": (),
    }


def test_add_one_in_makes_each_change_alone():
    question, _ = ablation("add_one_in", ["mix=cutmix"], STRONGER)
    assert question.rows["from with optimizer"] == ("mix=cutmix", "optimizer=muon")
    assert question.baseline == "from"


def test_a_factorial_design_has_all_combinations():
    question, _ = ablation("factorial", [], STRONGER)
    assert len(question.rows) == 8
    assert question.rows["mix + optimizer"] == ("mix=mixup", "optimizer=muon")


def test_an_end_that_a_fraction_lacks_is_beside_it():
    # The third is the product of the first two: without any of them it would be there.
    question, said = ablation("factorial", [], STRONGER, halvings=1)
    assert question.ablation.outside == ("from",)
    assert question.ablation.generators == ("optimizer = model.conv_mlp × mix",)
    assert any("resolution III" in line for line in said)


DISTILLED = ["teacher=resnet18", "loss=dkd", "mix=mixup"]


def test_an_impossible_row_is_left_out_and_named_with_the_tie_that_mends_it():
    question, said = ablation("leave_one_out", ["teacher=none"], DISTILLED)
    assert [*question.ablation.impossible] == ["to without teacher"]
    assert "to without teacher" not in question.rows
    assert any("ties=[[teacher,loss]]" in line for line in said)


def test_a_factorial_design_asks_to_tie_what_cannot_be_apart():
    with pytest.raises(ConfigError, match=r"needs a teacher.*add ties=\[\[teacher,loss\]\]"):
        ablation("factorial", ["teacher=none"], DISTILLED)


def test_the_tie_that_it_asks_for_works():
    question, _ = ablation("factorial", ["teacher=none"], DISTILLED, ties=[["teacher", "loss"]])
    assert len(question.rows) == 4


def test_a_path_may_pass_by_the_impossible():
    question, _ = ablation("path", ["teacher=none"], DISTILLED)
    assert [*question.rows] == ["from", "to"]
    assert [*question.ablation.impossible] == ["loss", "loss + mix"]


@pytest.mark.parametrize("design", ["leave_one_out", "add_one_in", "factorial"])
def test_the_ties_that_it_names_leave_nothing_out(design):
    # A network, which has nothing to do with it, comes first.
    begin, end = ["model=vit", "teacher=none"], ["model=deit", *DISTILLED]
    found = cut(tuple(begin), tuple(end), [], compose)
    ties = mending_ties([one.name for one in found.changes], design, found, compose)
    assert ties == "ties=[[teacher,loss]]"
    question, said = ablation(design, begin, end, ties=[["teacher", "loss"]])
    assert not question.ablation.impossible
    assert not [line for line in said if "left out" in line]


def test_a_fraction_that_is_too_small_is_answered_with_the_smallest_that_is_not():
    with pytest.raises(ConfigError, match="give fraction=1/2"):
        ablation("factorial", [], STRONGER, halvings=2)


def test_other_configurations_are_another_sweep_and_the_same_spelled_anew_are_not():
    keys = [
        sweep_key(ablation("add_one_in", begin, end)[0].ablation)
        for begin, end in (([], STRONGER), (["mix=cutmix"], STRONGER), (["seed=0"][1:], STRONGER))
    ]
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize("design", ["leave_one_out", "add_one_in"])
def test_a_design_of_single_changes_takes_many(design):
    """A factorial of 40 changes would have 10^12 rows."""
    from titn.sweeps.ablation.fractions import best_fraction

    fraction = best_fraction(40, 0)
    assert (fraction.num_free, fraction.resolution) == (40, None)
    question, _ = ablation(design, [], STRONGER)
    assert len(question.rows) == 5
