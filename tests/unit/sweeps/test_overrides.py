"""What a sweep's command line asks for: which cells, in which order, and what it may not set."""

import subprocess
import sys

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from titn.records.question import parse_question
from titn.sweeps.overrides import (
    CellRequest,
    as_given,
    cell_overrides,
    defer_to_cells,
    parse_requests,
    quote_for_hydra,
)
from titn.system.errors import ConfigError


@pytest.fixture
def asked():
    """The askings of a command line, as the sweeper has them."""

    def ask(*overrides: str, question=None, rows=None):
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        return parse_requests(parsed, question, rows)

    return ask


def question(**more):
    rows = {"no mix": ["mix=none"], "CutMix": ["mix=cutmix"], "MixUp": ["mix=mixup"]}
    return parse_question({"title": "t", "asks": "a", "paper": "p", "rows": rows} | more)


def cells(*several) -> list[tuple[str, str | None]]:
    return [(one.row, one.seed) for asking in several for one in asking.cells()]


def arguments(asking) -> list[list[str]]:
    return [one.job_overrides() for one in asking.cells()]


# With a question


def test_rows_times_seeds_come_seed_by_seed(asked):
    (asking,) = asked("seed=0,1", question=question())
    assert cells(asking) == [
        ("no mix", "0"), ("CutMix", "0"), ("MixUp", "0"),
        ("no mix", "1"), ("CutMix", "1"), ("MixUp", "1"),
    ]  # fmt: skip


def test_a_cells_overrides_are_the_common_ones_its_rows_and_its_seed(asked):
    (asking,) = asked("+ablation=mix", "epochs=3", "seed=4", question=question())
    assert arguments(asking)[1] == ["+ablation=mix", "epochs=3", "mix=cutmix", "seed=4"]


def test_without_a_seed_the_configuration_decides(asked):
    (asking,) = asked("epochs=3", question=question())
    assert arguments(asking)[0] == ["epochs=3", "mix=none"]


def test_a_seed_that_is_named_twice_is_asked_once(asked):
    (asking,) = asked("seed=1,0,1", question=question())
    assert asking.seeds == ("1", "0")


def test_a_range_is_a_list_of_seeds(asked):
    (asking,) = asked("seed=range(0,3)", question=question())
    assert asking.seeds == ("0", "1", "2")


def test_the_command_line_replaces_what_the_sweeps_file_says(asked):
    (asking,) = asked("seed=0,1,2", "epochs=3", "seed=7", "epochs=4", question=question())
    assert asking.seeds == ("7",)
    assert asking.shared == ("epochs=4",)


def test_another_swept_key_makes_an_asking_of_each_value(asked):
    both = asked("epochs=3", "dataset=mnist,cifar10", "seed=0", question=question())
    assert [asking.shared for asking in both] == [
        ("epochs=3", "dataset=mnist"),
        ("epochs=3", "dataset=cifar10"),
    ]
    assert all(cells(asking) == cells(both[0]) for asking in both)


def test_two_other_swept_keys_make_an_asking_of_each_combination(asked):
    four = asked("dataset=mnist,cifar10", "epochs=1,2", question=question())
    assert [asking.shared for asking in four] == [
        ("dataset=mnist", "epochs=1"), ("dataset=mnist", "epochs=2"),
        ("dataset=cifar10", "epochs=1"), ("dataset=cifar10", "epochs=2"),
    ]  # fmt: skip


@pytest.mark.parametrize("override", ["mix=cutmix", "mix=cutmix,mixup", "+mix=cutmix"])
def test_a_key_that_the_rows_differ_in_is_refused(asked, override):
    with pytest.raises(ConfigError, match=r"^\+?mix=cutmix: the rows differ in it .*rows=\["):
        asked(override, question=question())


def test_a_key_that_only_a_later_row_sets_is_refused(asked):
    rows = {"as it is": [], "deep": ["+model.depth=12"]}
    with pytest.raises(ConfigError, match=r"^model\.depth=6: the rows differ in it \(deep: "):
        asked("model.depth=6", question=question(rows=rows))


def test_a_key_that_the_rows_tune_is_refused(asked):
    tuned = question(tune={"optimizer.lr": [0.1, 0.2]})
    with pytest.raises(ConfigError, match=r"^optimizer\.lr=0\.3: the rows differ in it"):
        asked("optimizer.lr=0.3", question=tuned)


def test_a_part_of_what_the_rows_set_can_be_set(asked):
    (asking,) = asked("mix.alpha=0.5", question=question())
    assert asking.shared == ("mix.alpha=0.5",)


@pytest.mark.parametrize(
    ("patterns", "rows"),
    [
        (["CutMix"], ["CutMix"]),
        (["*Mix*"], ["CutMix", "MixUp"]),
        (["MixUp", "no*"], ["no mix", "MixUp"]),
        (["*", "CutMix"], ["no mix", "CutMix", "MixUp"]),
    ],
)
def test_rows_are_chosen_by_patterns_and_keep_their_order(asked, patterns, rows):
    (asking,) = asked(question=question(), rows=patterns)
    assert list(asking.rows) == rows


@pytest.mark.parametrize("pattern", ["cutmix", "Cut"])
def test_a_pattern_without_a_row_is_refused_with_the_rows_there_are(asked, pattern):
    with pytest.raises(ConfigError, match=rf"^rows={pattern}: .*no mix; CutMix; MixUp$"):
        asked(question=question(), rows=["MixUp", pattern])


def test_no_row_at_all_is_refused(asked):
    with pytest.raises(ConfigError, match=r"^rows=\[\]: there is no such row"):
        asked(question=question(), rows=[])


# Teachers

TAUGHT = {"taught": ["teacher=vgg16_bn"], "alone": ["teacher=none", "loss=supervised"]}


@pytest.mark.parametrize(
    "override",
    ["teacher.epochs=1", "+teacher.model.depth=1", "model@teacher.model=tnt", "~teacher.weights"],
)
def test_a_row_without_a_teacher_hears_nothing_of_one(asked, override):
    (asking,) = asked("epochs=3", override, question=question(rows=TAUGHT))
    assert arguments(asking) == [
        ["epochs=3", override, "teacher=vgg16_bn"],
        ["epochs=3", "teacher=none", "loss=supervised"],
    ]


def test_a_combination_without_a_teacher_hears_nothing_of_one_either(asked):
    (asking,) = asked("teacher=none,vgg16_bn", "teacher.epochs=1,2", "teacher.batch_size=8")
    assert arguments(asking) == [
        ["teacher=none"],
        ["teacher.batch_size=8", "teacher=vgg16_bn", "teacher.epochs=1"],
        ["teacher.batch_size=8", "teacher=vgg16_bn", "teacher.epochs=2"],
    ]


# Without a question


def test_without_a_question_the_rows_are_the_combinations(asked):
    (asking,) = asked("model=vit,tnt", "epochs=1", "model.depth=1,2", "seed=0")
    assert asking.shared == ("epochs=1",)
    assert asking.rows == {
        "model=vit, model.depth=1": ("model=vit", "model.depth=1"),
        "model=vit, model.depth=2": ("model=vit", "model.depth=2"),
        "model=tnt, model.depth=1": ("model=tnt", "model.depth=1"),
        "model=tnt, model.depth=2": ("model=tnt", "model.depth=2"),
    }


def test_seeds_alone_are_cells_of_one_row(asked):
    (asking,) = asked("epochs=1", "seed=0,1")
    assert cells(asking) == [("one row", "0"), ("one row", "1")]


def test_lists_are_values(asked):
    (asking,) = asked("loss.weights=[0,1],[1,0]")
    assert list(asking.rows) == ["loss.weights=[0,1]", "loss.weights=[1,0]"]


def test_rows_without_a_question_are_refused(asked):
    with pytest.raises(ConfigError, match=r"^rows=\[a,b\]: only a question has rows; add one"):
        asked("model=vit,tnt", rows=["a", "b"])


# What is refused whatever is asked


@pytest.mark.parametrize("group", ["ablation", "paper"])
def test_two_questions_at_once_are_refused(asked, group):
    with pytest.raises(ConfigError, match=rf"^\+{group}=mix,depth: one question at a time$"):
        asked(f"+{group}=mix,depth")


def test_an_interval_is_refused_with_a_remedy(asked):
    with pytest.raises(ConfigError, match=r"^optimizer\.lr=interval\(0,1\): list the values, as "):
        asked("optimizer.lr=interval(0,1)")


# A cell


def test_what_a_row_has_chosen_comes_after_its_overrides():
    wanted = CellRequest("SGD", "2", ("optimizer=sgd",), {"optimizer.lr": 3e-05})
    assert wanted.job_overrides() == ["optimizer=sgd", "optimizer.lr=3e-05", "seed=2"]


def test_a_command_line_is_understood_without_torch():
    code = "import sys, titn.sweeps.overrides; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("swept", "values"),
    [
        ("range(0.1,0.35,0.1)", ["0.1", "0.2", "0.3"]),
        ("range(0.3,0.9,0.3)", ["0.3", "0.6"]),
        ("range(1,0,-0.25)", ["1.0", "0.75", "0.5", "0.25"]),
        ("range(1e-5,4e-5,1e-5)", ["1e-05", "2e-05", "3e-05"]),
        ("0.3,0.30,3e-1", ["0.3"]),
    ],
)
def test_a_range_of_fractions_has_the_fractions_that_one_would_type(asked, swept, values):
    (asking,) = asked(f"optimizer.lr={swept}", "epochs=1,2")
    assert [one for one in asking.rows if "epochs=1" in one] == [
        f"optimizer.lr={value}, epochs=1" if len(values) > 1 else "epochs=1" for value in values
    ]


def test_a_value_that_is_named_twice_is_one_setting_of_a_question(asked):
    assert len(asked("epochs=1,1", question=question())) == 1


# What no sweep can be


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=range(3,0)", "seed=range(3,0): has no values; list them"),
        ("optimizer.lr=range(0,1,0.0)", "optimizer.lr=range(0,1,0.0): has no end; list the values"),
        ("optimizer.lr=range(0,inf,0.5)", "optimizer.lr=range(0,inf,0.5): has no end; list "),
        ("seed=range(0,3,0)", "seed=range(0,3,0): range() arg 3 must not be zero; list the values"),
        (
            "seed=range(0,1000000000)",
            "seed: has 10001 values or more, and the sweep more than 10000",
        ),
        ("~seed", "~seed: a run has a seed; leave this out"),
    ],
)
def test_values_that_are_none_or_endless_are_named(asked, override, message):
    with pytest.raises(ConfigError) as raised:
        asked(override)
    assert str(raised.value).startswith(message)


def test_so_many_cells_that_nobody_could_wait_for_their_plan_are_refused(asked):
    with pytest.raises(ConfigError, match=r"^epochs: has 200 values or more, and the sweep more "):
        asked("seed=range(0,100)", "epochs=range(0,200)")


@pytest.mark.parametrize("arguments", [("seed=0,1", "run_dir=a"), ("model=vit,titn", "run_dir=a")])
def test_several_cells_cannot_be_in_one_directory(asked, arguments):
    with pytest.raises(ConfigError, match=r"^run_dir=a: is one directory, and these are 2 cells"):
        asked(*arguments)


def test_a_question_of_several_rows_cannot_be_in_one_directory(asked):
    with pytest.raises(ConfigError, match=r"^run_dir=a: is one directory, and these are 3 cells"):
        asked("run_dir=a", question=question())


def test_a_row_may_say_where_it_lives(asked):
    (asking,) = asked("run_dir=a", question=question(), rows=["CutMix"])
    assert asking.shared == ("run_dir=a",)


def test_what_is_said_to_the_sweep_is_not_swept():
    parsed = OverridesParser.create().parse_overrides(["dry_run=true,false", "epochs=3"])
    with pytest.raises(ConfigError, match=r"^dry_run=true,false: is an option of the whole sweep"):
        cell_overrides(parsed, ["dry_run"])


def test_what_is_said_to_the_sweep_is_not_said_to_its_cells():
    parsed = OverridesParser.create().parse_overrides(["dry_run=true", "epochs=3"])
    assert [one.input_line for one in cell_overrides(parsed, ["dry_run"])] == ["epochs=3"]


# What Hydra's parser would stumble over


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        ("rows=[TITN (MixUp), ViT]", 'rows=["TITN (MixUp)",ViT]'),
        ("rows=[TITN,up to*]", "rows=[TITN,up to*]"),
        ("rows=none", "rows=[none]"),
        ("rows=[1, true]", 'rows=["1","true"]'),
        ("rows=up to 0.2, café", 'rows=[up to 0.2,"café"]'),
        ("rows=[x = y]", 'rows=["x = y"]'),
        ("rows=null", "rows=null"),
        ('rows=["TITN (MixUp)"]', 'rows=["TITN (MixUp)"]'),
        ("postpone=no time; no disk", 'postpone="no time; no disk"'),
        ("postpone=null", "postpone=null"),
        ("model=vit", "model=vit"),
    ],
)
def test_labels_may_be_typed_as_they_are(typed, spelled):
    assert quote_for_hydra(typed) == spelled


@pytest.mark.parametrize(
    ("typed", "deferred"),
    [
        ("model.heads=2", "model.heads=choice(2)"),
        ("+model.sizes=[1,2]", "+model.sizes=choice([1,2])"),
        ('model.root="a, b"', 'model.root=choice("a, b")'),
        ("model.heads=null", "++model.heads=null"),
        ("model.root=a=b c", None),  # Hydra's line is to name it as it was typed
        ("model.heads=2,3", None),
        ("model.heads=choice(2,3)", None),
        ("~model.heads", None),
        ("mix.alpha=1", None),
        ("epochs=1", None),
    ],
)
def test_keys_of_what_is_swept_wait_for_a_choice(typed, deferred):
    arguments = ["--multirun", "model=vit,deit", typed]
    found = defer_to_cells(arguments)
    assert found == ["--multirun", "model=vit,deit", deferred or typed]
    if deferred and "choice" in deferred:
        assert [as_given(one) for one in found] == arguments


def test_a_choice_of_several_is_a_sweep_too():
    assert defer_to_cells(["mix=choice(cutmix,mixup)", "mix.alpha=1"])[1] == "mix.alpha=choice(1)"


def test_keys_of_one_choice_are_looked_up_at_once():
    arguments = ["--multirun", "model=vit", "model.heads=2", "seed=0,1"]
    assert defer_to_cells(arguments) == arguments


def test_a_label_is_read_as_it_was_typed():
    (parsed,) = OverridesParser.create().parse_overrides(
        [quote_for_hydra("rows=[TITN (large patch),VGG16-BN]")]
    )
    assert parsed.value() == ["TITN (large patch)", "VGG16-BN"]


@pytest.mark.parametrize(
    "reason",
    [
        "each optimizer's own",
        'a "quoted" word',
        "half an hour (or more), = 1",
        r"a\b",
        "a\\",
        r"\"b",
    ],
)
def test_a_reason_is_read_as_it_was_typed(reason):
    (parsed,) = OverridesParser.create().parse_overrides([quote_for_hydra(f"postpone={reason}")])
    assert parsed.value() == reason


def test_a_reason_that_is_in_quotes_already_is_left():
    assert quote_for_hydra('postpone="no time"') == 'postpone="no time"'


@pytest.mark.parametrize(
    ("typed", "quoted"),
    [
        ("from=[model=deit,mix=none]", 'from=["model=deit","mix=none"]'),
        ("to=[augment.sizes=[1,2], mix=mixup]", 'to=["augment.sizes=[1,2]","mix=mixup"]'),
        ('to=["model=deit"]', 'to=["model=deit"]'),
        ("from=[]", "from=[]"),
    ],
)
def test_overrides_in_a_list_are_quoted_for_hydra(typed, quoted):
    assert quote_for_hydra(typed) == quoted
