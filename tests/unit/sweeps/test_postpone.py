"""What a question that is put off would cost."""

from types import SimpleNamespace

import pytest

from titn.records.question import parse_question
from titn.sweeps.overrides import SweepRequest
from titn.sweeps.postpone import num_train, postponed_note
from titn.system.errors import ConfigError


def node(**more):
    known = {"_target_": "titn.data.sources.published", "num_classes": None, "fraction": 1.0,
             "split": "test", "validation_fraction": 0.1}  # fmt: skip
    return known | more


@pytest.mark.parametrize(
    ("dataset", "images"),
    [
        (node(name="mnist"), 60_000),
        (node(name="cifar100", num_classes=10), 5_000),
        (node(name="cifar10", fraction=0.25, split="validation"), 11_250),
        (node(_target_="titn.data.sources.digits"), 1_437),
    ],
)
def test_training_images_of_what_is_published(dataset, images):
    assert num_train(dataset) == images


def test_of_other_data_nothing_is_known():
    with pytest.raises(ConfigError, match=r"^postpone: how many images dataset=folder has"):
        num_train(node(_target_="titn.data.sources.folder"))


def test_its_seeds_are_those_asked_for_and_not_its_candidates(composed, tmp_path):
    tune = {"optimizer.lr": {"SGD": [0.1, 0.2]}}
    asks = {"title": "t", "asks": "a", "rows": {"SGD": ["optimizer=sgd"]}, "tune": tune}
    sweep = SimpleNamespace(
        question=parse_question(asks), runs_dir=tmp_path, command="titn-train",
        compose=lambda overrides: composed(*overrides),
    )  # fmt: skip
    request = SweepRequest(("model=vit", "patience=2"), dict(sweep.question.rows), ("3", "4"))
    note = postponed_note(sweep, request, "no time")
    assert (note.seeds, note.num_cells) == ([3, 4], 4)
