"""What is said of a run that is hardly meant so."""

import pytest

from titn.cells.planning import Planner
from titn.config.notices import notices

NEVER_FALLS = (
    "schedule.warmup_epochs=5: the rate grows through all of epochs=5 and never falls; give less, "
    "as schedule.warmup_epochs=1"
)
MIRRORED = (
    "augment.flip=0.5: mirrors the images of mnist, and a mirrored digit is none; give "
    "augment.flip=0"
)


IDLE = "loss.inter=2: changes nothing with two classes; give loss.inter=0"


def run(warmup=0.0, epochs=5, dataset="cifar100", flip=0.5, schedule="Cosine", inter=2.0):
    return {
        "schedule": {"_target_": f"titn.optim.schedules.{schedule}", "warmup_epochs": warmup},
        "epochs": epochs, "choices": {"dataset": dataset}, "augment": {"flip": flip},
        "loss": {"_target_": "titn.losses.correlation.CorrelationDistillation", "inter": inter},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        ({"warmup": 4.9}, []),
        ({"warmup": 5}, [NEVER_FALLS]),
        ({"warmup": 5, "schedule": "Own"}, []),
        ({"warmup": 5, "epochs": 0}, []),
        ({"dataset": "mnist"}, [MIRRORED]),
        ({"dataset": "mnist", "flip": 0.0}, []),
    ],
)
def test_the_line_has_the_key_and_what_to_give_it(asked, lines):
    assert list(notices(run(**asked), num_classes=3)) == lines


@pytest.mark.parametrize(
    ("num_classes", "inter", "lines"), [(2, 2.0, [IDLE]), (2, 0.0, []), (3, 2.0, [])]
)
def test_a_weight_of_nothing_is_named(num_classes, inter, lines):
    assert list(notices(run(inter=inter), num_classes)) == lines


def test_keys_of_a_teacher_are_those_of_the_command_line():
    (line,) = notices(run(warmup=5), 3, "teacher.")
    assert line.startswith("teacher.schedule.warmup_epochs=5: the rate grows through all of teach")


@pytest.mark.parametrize(("checked", "times"), [(False, 1), (True, 0)])
def test_it_is_said_once_for_all_cells(composed, capsys, checked, times):
    planner = Planner(checked)
    small = ("model=vit", "model.depth=1", "model.patch_dim=12", "model.heads=1", "epochs=1")
    for seed in (0, 1):
        planner.plan(composed(*small, f"seed={seed}", "schedule.warmup_epochs=2"))
    assert capsys.readouterr().err.count("never falls") == times
