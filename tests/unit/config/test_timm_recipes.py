"""What a configuration says of a network of timm before any is built."""

import pytest

from titn.config.identity import config_hash
from titn.config.resolve import resolve_recorded

KNOWN = {"precision": "32-true", "data": "", "teacher": None}


@pytest.mark.parametrize(
    ("name", "epochs", "rate"),
    [("resnet18", 5, 1e-3), ("vit_tiny_patch16_224", 15, 5e-4), ("swin_tiny", 15, 5e-4),
     ("mobilevit_s", 5, 1e-3), ("convnext_atto", 5, 1e-3)],
)  # fmt: skip
def test_a_networks_recipe_follows_from_its_name(composed, name, epochs, rate):
    run = composed("model=timm", f"model.name={name}")
    assert (run["epochs"], run["optimizer"]["lr"]) == (epochs, rate)


def test_a_recipe_can_be_set(composed):
    run = composed("model=timm", "model.name=resnet18", "model._recipe_=transformer")
    assert (run["epochs"], run["optimizer"]["lr"]) == (15, 5e-4)


def test_a_teachers_recipe_is_its_own(composed):
    run = composed("model=timm", "model.name=vit_x", "teacher=timm", "teacher.stem=cifar")
    teacher = run["teacher"]
    assert (run["epochs"], teacher["epochs"], teacher["model"]["stem"]) == (15, 5, "cifar")


def test_networks_are_told_apart_by_their_names(composed):
    assert composed("model=timm", "model.name=vit_x")["choices"]["model"].endswith(" vit_x")


def test_pretrained_weights_are_first_weights(composed):
    run = composed("model=timm", "model.pretrained=true")
    assert run["weights"] == "pretrained"
    assert resolve_recorded(run)["weights"] == "pretrained"


def test_a_file_or_a_checkpoint_takes_their_place(composed):
    with_file = composed("model=timm", "model.pretrained=true", "weights=x.pth")
    assert with_file["weights"] == "x.pth"
    assert composed("model=timm", "model.pretrained=true", "checkpoint=x")["weights"] is None


def test_fetched_weights_and_the_same_file_are_one_run(composed):
    fetched = composed("model=timm", "model.pretrained=true")
    given = composed("model=timm", "model.pretrained=true", "weights=x.pth")
    first, second = (config_hash(run, origin="digest", **KNOWN) for run in (fetched, given))
    assert first == second
    assert first != config_hash(fetched, origin="another", **KNOWN)
    assert first != config_hash(composed("model=timm", "weights=x.pth"), origin="digest", **KNOWN)
