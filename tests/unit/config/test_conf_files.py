"""Every YAML composes, builds, and says what it is."""

import pytest
import torch
import yaml

from titn.config.keys import GROUPS
from titn.config.paths import conf_dir, config_root
from titn.config.schema import configurable_keywords
from titn.training import build
from titn.types import ImageSpec

CONF = config_root() / "conf"
FILES = sorted(CONF.rglob("*.yaml"))
CHOICES = [(f.parent.name, f.stem) for f in FILES if f.parent.parent == CONF]
# How the fixture `hugging_face` has to write what each of these is.
WITH_ROOT = {
    "mnist": {"of": "mnist", "shape": (28, 28), "names": tuple("0123456789")},
    "cifar10": {"of": "cifar10", "names": tuple("0123456789")},
    "cifar100": {"of": "cifar100", "names": tuple(map(str, range(100)))},
    "parquet": {},
    "huggingface": {},
}
IMAGES = ImageSpec(num_classes=10)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_a_file_begins_with_what_it_is(file):
    lines = [line for line in file.read_text().splitlines() if not line.startswith("# @package")]
    assert lines[0].startswith("# ")


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_a_choice_composes(composed, group, name):
    teacher = ["teacher=vgg16_bn"] if group == "loss" else []
    run = composed(f"{group}={name}", *teacher)
    assert run["seed"] == 0


@pytest.mark.parametrize(("group", "name"), [c for c in CHOICES if c[0] in GROUPS])
def test_a_choice_lists_every_keyword_of_its_constructor(group, name):
    content = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
    node = content.get(group, content)
    keys = {key for key in node if key[0] != "_"}
    assert keys == set(configurable_keywords(node["_target_"], group))


@pytest.mark.parametrize(
    ("group", "name"), [c for c in CHOICES if c[0] in ("augment", "mix", "loss", "schedule")]
)
def test_a_choice_builds(composed, group, name):
    assert build.instantiate(composed(f"{group}={name}", "teacher=vgg16_bn"), group) is not None


@pytest.mark.parametrize("name", [name for group, name in CHOICES if group == "model"])
def test_a_model_gives_two_logits_for_each_class(composed, name):
    model = build.instantiate(composed(f"model={name}"), "model", images=IMAGES).eval()
    with torch.no_grad():
        output = model(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    assert output.cls.shape == output.dist.shape == (2, 10)
    assert (output.cls is output.dist) == (not model.has_distillation_token)


@pytest.mark.parametrize("name", [name for group, name in CHOICES if group == "dataset"])
def test_a_dataset_has_a_recipe_for_each_kind_of_model_and_the_papers(composed, name):
    run = composed(f"dataset={name}", "teacher=vgg16_bn")
    paper = composed(f"dataset={name}", "teacher=vgg16_bn", "protocol=paper")
    assert len({run["epochs"], run["teacher"]["epochs"], paper["epochs"]}) == 3


@pytest.mark.parametrize("name", ["digits", *WITH_ROOT])
def test_a_dataset_builds(composed, hugging_face, name):
    where = [] if name == "digits" else [f"dataset.root={hugging_face(**WITH_ROOT[name])[0]}"]
    dataset = build.dataset(composed(f"dataset={name}", *where))
    assert dataset.name == name
    assert dataset.train.pixels.shape[1:] == (3, 32, 32)


@pytest.mark.parametrize("name", [name for group, name in CHOICES if group == "teacher"])
def test_a_teacher_builds(composed, name):
    teacher = composed(f"teacher={name}")["teacher"]
    assert (teacher is None) == (name == "none")
    if teacher:
        model = build.instantiate(teacher, "model", images=IMAGES)
        assert model.has_distillation_token is (name in ("deit", "titn"))


@pytest.mark.parametrize("name", [name for group, name in CHOICES if group == "optimizer"])
def test_an_optimizer_takes_every_parameter_once(composed, name):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.LayerNorm(2))
    optimizer = build.instantiate(composed(f"optimizer={name}"), "optimizer", model=model)
    taken = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(taken) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize(
    "override",
    ["model.patch_size=4", "model.pixel_size=4", "model.depth=2", "model.inner_depth=2",
     "model.patch_dim=96", "model.pixel_dim=24", "model.outer_heads=6", "model.inner_heads=4",
     "model.mlp_ratio=2", "model.drop_path=0.1"],
)  # fmt: skip
def test_titn_can_be_resized_from_the_command_line(composed, override):
    model = build.instantiate(composed(override), "model", images=IMAGES).train()
    output = model(torch.rand(2, 3, 32, 32))
    (output.cls.sum() + output.dist.sum()).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("size", ["patch_size=4", "depth=2", "patch_dim=96", "heads=6"])
def test_vit_can_be_resized_from_the_command_line(composed, size):
    model = build.instantiate(composed("model=deit", f"model.{size}"), "model", images=IMAGES)
    assert model(torch.rand(2, 3, 32, 32)).dist.shape == (2, 10)


def test_conf_is_found(monkeypatch):
    assert (config_root() / "conf" / "config.yaml").is_file()
    assert (config_root() / "sweeps").is_dir()
    assert conf_dir().endswith("conf")
