"""Weights that do not fit: which override makes the network fit them."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from titn.cells.planning import Planner
from titn.records.run_dir import RunDir
from titn.system import tensor_files
from titn.system.errors import ConfigError
from titn.training import build

VIT = ("model=vit", "model.depth=1", "model.patch_dim=12", "model.heads=2", "epochs=1")


def plan(run: dict, prefix: str = "") -> None:
    Planner().plan(run, prefix)


@pytest.fixture
def digits(composed, tmp_path):
    def compose(*overrides: str) -> dict:
        options = ("device=cpu", "compile=none", "precision=32-true", "dataset.fraction=0.1")
        return composed(*options, f"runs_dir={tmp_path / 'runs'}", *overrides)

    return compose


@pytest.fixture
def written(digits, tmp_path):
    """The directory of a run of these overrides, as far as its network is concerned."""

    def write(*overrides: str) -> Path:
        run = digits(*overrides)
        directory = RunDir(tmp_path / f"run{len(list(tmp_path.iterdir()))}")
        directory.begin(run, {})
        model = build.initialise_model(run, build.dataset(run).spec)
        tensor_files.save(directory.weights, model.state_dict(), {})
        return directory.path

    return write


@pytest.fixture(params=["directory", "file"])
def made(request, written, tmp_path):
    """The same; or its weights alone, in a file that does not say what they are of."""

    def make(*overrides: str) -> Path:
        path = written(*overrides)
        if request.param == "directory":
            return path
        return Path(shutil.copy(path / "weights.safetensors", tmp_path / "alone.safetensors"))

    return make


@pytest.mark.parametrize(
    ("theirs", "ours", "override"),
    [
        (["model.depth=2"], [], "model.depth=2"),
        (["model.patch_size=16"], [], "model.patch_size=16"),
        (["model.qkv_bias=true"], [], "model.qkv_bias=true"),
        (["dataset.image_size=16"], [], "dataset.image_size=16"),
        (["dataset.image_size=16"], ["model.depth=1"], "dataset.image_size=16"),
    ],
)
@pytest.mark.parametrize("key", ["checkpoint", "weights"])
def test_the_override_that_fits_is_named(digits, made, theirs, ours, override, key):
    path = made(*VIT, *theirs)
    with pytest.raises(ConfigError, match=rf"^{key}=.*; it (was trained|fits) with {override}$"):
        plan(digits(*VIT, *ours, f"{key}={path}"))
    plan(digits(*VIT, *ours, f"{key}={path}", override))


def test_the_stem_that_fits_is_named(digits, made):
    path = made("model=resnet18", "model.stem=cifar", "epochs=0")
    run = digits("model=resnet18", "model.stem=imagenet", "epochs=0", f"checkpoint={path}")
    with pytest.raises(ConfigError, match=r"model.stem=cifar$"):
        plan(run)


def test_a_teachers_keys_are_named_in_full(digits, made):
    path = made(*VIT, "model.depth=2")
    run = digits(
        *VIT, "teacher=vit", f"teacher.checkpoint={path}", "teacher.model.depth=1",
        "teacher.model.patch_dim=12", "teacher.model.heads=2",
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"^teacher\.checkpoint=.* with teacher\.model\.depth=2$"):
        plan(run)


def test_weights_for_other_classes_can_be_trained_on(digits, made):
    path = made(*VIT, "dataset.num_classes=5")
    with pytest.raises(
        ConfigError, match=rf"5 classes.*; titn train weights={path} takes all but the last"
    ):
        plan(digits(*VIT, f"checkpoint={path}"))
    plan(digits(*VIT, f"weights={path}"))


def test_another_network_is_named(digits, made):
    path = made(*VIT)
    with pytest.raises(ConfigError, match=r"(model._target_=.*ViT|choose the model that.*)$"):
        plan(digits("model=resnet18", f"checkpoint={path}"))


# --- the identity of weights ----------------------------------------------------------------


def identity(run: dict) -> str:
    return Planner().plan(run).identity["config_hash"]


@pytest.fixture
def copies(written, tmp_path):
    """Files of one network: as recorded, in another order, and in three wrappers."""
    path = written(*VIT)
    state = load_file(path / "weights.safetensors")
    wrapped = {
        "reversed.pt": dict(reversed(state.items())),
        "timm.pt": {"model": state, "epoch": 3},
        "lightning.ckpt": {"state_dict": {f"model.{name}": v for name, v in state.items()}},
        "compiled.pt": {f"module._orig_mod.{name}": v for name, v in state.items()},
    }
    for name, content in wrapped.items():
        torch.save(content, tmp_path / name)
    return [path, *(tmp_path / name for name in wrapped)]


@pytest.mark.parametrize("key", ["checkpoint", "weights"])
def test_equal_weights_are_one_identity_in_whatever_file(digits, copies, key):
    assert len({identity(digits(*VIT, f"{key}={file}")) for file in copies}) == 1


def test_seeds_of_a_new_head_are_seeds_and_no_other_weights(digits, copies):
    """The identity has the seed, and of the weights only what the file had."""
    first, other = (digits(*VIT, f"weights={copies[0]}", f"seed={seed}") for seed in (0, 1))
    assert identity(first) != identity(other)
    assert identity(other | {"seed": 0}) == identity(first)


def test_other_weights_are_another_identity(digits, written):
    paths = [written(*VIT, f"seed={seed}") for seed in (0, 1)]
    ours = [identity(digits(*VIT, f"checkpoint={path}")) for path in paths]
    assert ours[0] != ours[1]
