"""Two runs side by side: what differs, and whether their predictions do."""

import shutil
from pathlib import Path

import pytest

from titn import compare as door
from titn.reporting.two_runs import compare_runs
from titn.system.errors import ConfigError


def compared(runs, first, second):
    return compare_runs(runs.written[first.config_hash], runs.written[second.config_hash])


def part(found, name: str) -> dict[str, tuple[str, str]]:
    return {what: (a, b) for kind, what, a, b in found.lines if kind == name}


def test_settings_that_differ_are_listed_and_no_others(runs):
    optimizer = {"_target_": "titn.optim.optimizers.adamw", "lr": 0.01}
    loss = {"_target_": "titn.losses.distillation.Hard", "alpha": 0.5}
    first = runs.cell("a", 0)
    second = runs.cell(
        "b", 1, changes={"optimizer": optimizer, "loss": loss, "choices": {"loss": "hard"}},
        taught=runs.teacher(),
    )  # fmt: skip
    assert part(compared(runs, first, second), "setting") == {
        "optimizer.lr": ("0.001", "0.01"),
        "loss": ("supervised", "hard"),
        "seed": ("0", "1"),
        "teacher": ("none", "vgg16_bn"),
    }


def test_teachers_are_compared_by_their_keys(runs):
    first = runs.cell("a", 0, taught=runs.teacher(seed=1))
    second = runs.cell("a", 0, taught=runs.teacher(seed=2))
    assert part(compared(runs, first, second), "setting") == {"teacher.seed": ("1", "2")}


def test_equal_settings_are_said_to_be_so(runs, tmp_path):
    path = runs.written[runs.cell("a", 0).config_hash]
    found = compare_runs(path, Path(shutil.copytree(path, tmp_path / "again")))
    assert part(found, "setting") == {"all": ("the same", "the same")}


def test_one_run_is_not_compared_with_itself(runs, tmp_path):
    path = runs.written[runs.cell("a", 0).config_hash]
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(ConfigError, match=r"link: is one run, named twice; name two runs$"):
        compare_runs(path, link)


def test_a_key_that_was_added_later_has_the_value_of_then(runs):
    first = runs.cell("a", 0)
    later = {"accumulate": 1, "repeats": 2, "devices": 1}
    later["loss"] = {"_target_": "titn.losses.supervised.Supervised", "label_smoothing": 0.0}
    second = runs.cell("a", 0, changes=later)
    assert part(compared(runs, first, second), "setting") == {"repeats": ("1", "2")}


def test_the_code_and_the_machine_are_said_where_they_differ(runs):
    first = runs.cell("a", 0)
    second = runs.cell("b", 0, digest="e5" * 32, cpu="Another")
    assert part(compared(runs, first, second), "run") == {
        "source": ("d1" * 6, "e5" * 6),
        "machine": ("A CPU, 1 thread", "Another, 1 thread"),
    }


def test_a_run_that_stopped_early_is_said_to_have(runs):
    first = runs.cell("a", 0, changes={"epochs": 9}, record={"epochs": 9, "stopped_after": 2})
    found = compared(runs, first, runs.cell("b", 0))
    assert part(found, "run") == {"trained for": ("2 of 9 epochs (stopped early)", "2 epochs")}


def test_curves_have_the_last_epoch(runs):
    curve = tuple(0.1 + i / 100 for i in range(30))
    first = runs.cell("a", 0, curve=curve, changes={"epochs": 30})
    second = runs.cell("b", 0)
    found = part(compared(runs, first, second), "curve")
    assert found["epoch 30"] == ("0.3900", "")
    assert found["epoch 1"] == ("0.1000", "0.3000")
    assert len(found) == 8


def test_predictions_by_hand(runs):
    """Right on images 0 to 29, and on 3 to 22: alone on 10 and on none, so p is 2 / 2^10."""
    first, second = runs.cell("a", 0, 30), runs.cell("b", 1, 20)
    found = compared(runs, first, second)
    assert part(found, "predictions") == {
        "right": ("30", "20"),
        "right alone": ("10", "0"),
        "same class": ("30", "30"),
        "mcnemar_p": ("0.001953", "0.001953"),
    }
    assert found.verdict.startswith(
        "the accuracies on the same 40 images differ (McNemar, exact, p = 0.00195);"
    )


def test_accuracies_may_not_be_told_apart(runs):
    first, second = runs.cell("a", 0, 30), runs.cell("b", 1, 30)
    assert "are not told apart" in compared(runs, first, second).verdict


@pytest.mark.parametrize(
    ("record", "more", "reason"),
    [
        ({"data_digest": "0" * 64}, {}, "the runs were evaluated on different data"),
        (
            {"split": "validation"}, {},
            "the runs were evaluated on different splits (test and validation)",
        ),
        ({}, {"images": 50}, "the runs were evaluated on different images (40 and 50)"),
        ({}, {"kept": False}, "a run has no samples.parquet"),
        ({}, {"classes": 5}, "the images have different labels"),
    ],
)  # fmt: skip
def test_other_images_are_not_compared(runs, record, more, reason):
    first, second = runs.cell("a", 0), runs.cell("b", 1, record=record, **more)
    found = compared(runs, first, second)
    assert found.verdict == f"no test of the predictions: {reason}"
    assert part(found, "predictions") == {}


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda runs, path: path / "nowhere", "no such directory; give a run's"),
        (lambda runs, path: path, "holds no run; give a run's directory"),
        (
            lambda runs, path: runs.written[runs.cell("b", 0, state="failed").config_hash],
            "holds no finished run: failed (it has failed)",
        ),
    ],
)
def test_what_is_no_finished_run_is_one_line(runs, tmp_path, make, line):
    first = runs.written[runs.cell("a", 0).config_hash]
    with pytest.raises(ConfigError) as caught:
        compare_runs(first, make(runs, tmp_path))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_prints_a_table_and_a_sentence(runs, capsys):
    paths = [str(runs.written[runs.cell("a", seed).config_hash]) for seed in (0, 1)]
    assert door.compare(door._parser().parse_args(paths)) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[:2] == ["part,what,first,second", "setting,seed,0,1"]
    assert "McNemar" in said.err
