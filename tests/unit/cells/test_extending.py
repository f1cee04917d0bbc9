"""A finished run, trained longer: what is planned, what is recorded, what is refused."""

import copy
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import titn
from tests.conftest import TINY
from titn.cells.ensure import ensure
from titn.cells.extending import FOLLOWING, plan_extension
from titn.cells.planning import Planner
from titn.config.assignments import parse_assignments
from titn.config.paths import conf_dir
from titn.config.respell import overrides_of
from titn.config.spelling import for_hydra
from titn.extend import explained
from titn.records.collation import load
from titn.records.run_dir import RunDir
from titn.system.errors import ConfigError
from titn.training import build

TAUGHT = ("teacher=vit", "teacher.model.patch_size=2", "teacher.model.depth=1", "teacher.epochs=1")


@pytest.fixture(scope="module")
def finished(composed, tmp_path_factory):
    """A directory of runs that has a finished one and its teacher."""
    runs_dir = tmp_path_factory.mktemp("finished") / "runs"
    run = composed(*TINY, f"runs_dir={runs_dir}", "seed=3", "epochs=1", "ema_decay=0.5", *TAUGHT)
    run["teacher"]["choices"]["model"] = "little"
    return ensure(run)


@pytest.fixture
def alone(finished, tmp_path):
    """The same in a directory of its own, for a test that adds to it."""
    directory, result = finished
    shutil.copytree(directory.path.parent, tmp_path / "runs")
    return RunDir(tmp_path / "runs" / directory.path.name), result


def test_an_extension_is_the_same_run_from_its_weights_by_another_seed(finished):
    directory, _ = finished
    extension = plan_extension(directory.path, 2, {})
    run, before = extension.run, extension.parent.run
    changed = {key for key in run if run[key] != before[key]}
    assert changed <= {"epochs", "seed", "checkpoint", "choices", "teacher", "force"}
    assert (run["epochs"], run["seed"], run["checkpoint"]) == (2, 1003, str(directory.path))
    parts = build.parts(run, extension.parent.spec)
    found, recorded = parts.model.state_dict(), load_file(directory.weights)
    assert all(torch.equal(found[name], value) for name, value in recorded.items())


def test_an_extension_is_recorded_beside_its_parent_and_names_it(alone):
    directory, result = alone
    runs_dir = directory.path.parent
    extended, record = ensure(plan_extension(directory.path, 1, {}).run)
    assert extended.path.parent == runs_dir
    assert record["parent"] == {
        key: result[key] for key in ("config_hash", "source_digest", "top1", "epochs")
    }
    assert record["teacher"] == result["teacher"]  # which was not trained again
    runs = load(runs_dir)
    assert len(runs) == 3
    (found,) = runs[runs["parent.config_hash"] == result["config_hash"]].to_dict("records")
    assert (found["teacher"], found["status"]) == ("little", "recorded")


@pytest.mark.parametrize("place", ["runs", "of mine, and 'yours'"])
def test_the_longer_run_in_one_goes_where_the_first_lies(tiny, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("titn.cells.extending.overrides_of", lambda run: ["model=vit"])
    directory, _ = ensure(tiny("epochs=0", f"runs_dir={for_hydra(place)}"))
    overrides = plan_extension(directory.path, 1, {}).from_the_start()
    assert titn.compose(overrides)["runs_dir"] == place
    assert ("runs_dir" in " ".join(overrides)) == (place != "runs")


def test_a_run_may_be_extended_from_within(alone, monkeypatch):
    path = alone[0].path
    monkeypatch.chdir(path)
    run = plan_extension(Path(), 1, {}).run
    assert (run["checkpoint"], run["runs_dir"]) == (str(path), str(path.parent))


def test_an_extension_is_extended_from_where_it_ended(alone):
    extended, _ = ensure(plan_extension(alone[0].path, 1, {}).run)
    again = plan_extension(extended.path, 2, {})
    assert (again.run["seed"], again.run["checkpoint"]) == (2003, str(extended.path))
    first, second, _ = explained(again)
    assert f"trained for 1 epoch from the weights of {alone[0].path} to a top1" in first
    assert f"a run of 3 epochs from the weights of {alone[0].path} would be" in second


def test_what_is_changed_of_a_student_is_changed_of_a_teacher_that_follows(finished):
    changes = parse_assignments(["optimizer.lr=1e-4", "deterministic=true", "seed=7"])
    run = plan_extension(finished[0].path, 1, changes).run
    assert (run["optimizer"]["lr"], run["seed"], run["teacher"]["seed"]) == (1e-4, 7, 0)
    assert run["teacher"]["optimizer"]["lr"] != 1e-4
    assert run["deterministic"] is run["teacher"]["deterministic"] is True


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"epochs": 3}, "^epochs=3: --more says how many; leave it out$"),
        ({"model": "vit"}, "^model=vit: the weights are those of the run's network; leave it out"),
        ({"optimizer": "sgd"}, "^optimizer=sgd: an extension has the parts of its run; "),
        ({"optimizer.rate": 1}, "^optimizer.rate=1: there is no such key; did you mean opt"),
        ({"optimizer.lr": -1}, "^optimizer.lr=-1: "),
        ({"model._target_": "os.system"}, "^model._target_=os.system: the run's model has no such"),
        ({"mix.alpha": 1}, "^mix.alpha=1: the run's mix has no such key, and .*; leave it out$"),
    ],
)
def test_a_key_that_cannot_be_changed_is_told(finished, changes, line):
    with pytest.raises(ConfigError, match=line):
        plan_extension(finished[0].path, 1, changes)


def test_what_is_no_finished_run_with_weights_is_told(finished, tmp_path):
    directory, _ = finished
    copied = tmp_path / "copied"
    shutil.copytree(directory.path, copied)
    (copied / "weights.safetensors").unlink()
    with pytest.raises(ConfigError, match="copied: has a record but no weights; put weights"):
        plan_extension(copied, 1, {})
    (copied / "result.json").unlink()
    with pytest.raises(ConfigError, match="copied: holds no finished run"):
        plan_extension(copied, 1, {})
    with pytest.raises(ConfigError, match="nowhere: no such directory"):
        plan_extension(Path("nowhere"), 1, {})


@pytest.mark.parametrize("text", ["a", "a=1,2", "+a=1", "~a", "a=range(1,3)"])
def test_a_change_is_one_key_with_one_value(text):
    with pytest.raises(ConfigError, match="is not KEY=VALUE with one value"):
        parse_assignments([text])


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["model=titn", "teacher=resnet18", "dataset=cifar100", "dataset.num_classes=10", "seed=3"],
        ["protocol=paper", "teacher=vgg16_bn", "mix=cutmix", "mix.alpha=0.3", "optimizer.lr=3e-4"],
        ["model=timm", "model.name=vit_tiny_patch16_224", "model.patch_size=4", "accumulate=2"],
        ["teacher=deit", "optimizer@teacher.optimizer=sgd", "teacher.epochs=7", "loss=soft"],
    ],
)
def test_a_run_is_spelled_as_overrides_that_compose_to_it(overrides):
    run = titn.compose(overrides)
    found = overrides_of(copy.deepcopy(run))
    assert found is not None
    assert titn.compose(found) == run
    assert len(found) <= len(overrides)


def test_a_run_of_files_of_ones_own_is_not_spelled():
    run = titn.compose([])
    run["model"]["_target_"] = "mine.Network"
    assert overrides_of(run) is None


def test_the_keys_that_follow_are_those_of_every_teacher():
    """conf/base_teacher.yaml says which of a teacher's keys are its student's."""
    lines = (Path(conf_dir()) / "base_teacher.yaml").read_text().splitlines()
    follow = {key for line in lines for key in re.findall(r"^  (\w+): \$\{\1\}", line)}
    assert set(FOLLOWING) == follow - {"dataset"}


@pytest.mark.parametrize("file", ["", "weights.safetensors"])
def test_a_run_does_not_take_the_place_of_its_first_weights(finished, file):
    """With force=true it would have removed them before they were read."""
    parent = finished[0].path
    run = plan_extension(parent, 1, {}).run
    run |= {"checkpoint": str(parent / file), "run_dir": str(parent), "force": True}
    with pytest.raises(
        ConfigError, match=r"^run_dir=.*: holds the weights of checkpoint=.*choose an"
    ):
        Planner().plan(run)
