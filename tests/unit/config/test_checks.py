"""What keywords have to do with each other is said without torch, and as constructors say it."""

import ast

import pytest
from hydra import compose, initialize_config_dir

from titn.config import resolve
from titn.config.annotations import Count
from titn.config.checks import check_places
from titn.config.constraints import grid_side
from titn.config.paths import conf_dir
from titn.config.schema import (
    built_class,
    class_attribute,
    configurable_keywords,
    may_have_attribute,
)
from titn.data import layouts, torchvision_layout
from titn.system.errors import ConfigError
from titn.training import build
from titn.types import ImageSpec

IMAGES = {size: ImageSpec(num_classes=10, size=size) for size in (16, 32)}


def job(*overrides: str) -> dict:
    """As a command resolves it that is going to read its files."""
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        return resolve.resolve(compose("config", list(overrides)), {})


# --- the same sentence, asked of the configuration and of the constructor -------------------------


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("titn", "patch_size", 5), ("titn", "pixel_size", 3), ("titn", "outer_heads", 5),
        ("titn", "inner_heads", 5), ("deit", "patch_size", 3), ("deit", "heads", 5),
    ],
)  # fmt: skip
def test_a_model_says_what_its_configuration_said(composed, name, key, value):
    run = composed(f"model={name}")
    run["model"][key] = value
    with pytest.raises(ConfigError) as built:
        build.instantiate(run, "model", images=IMAGES[32])
    with pytest.raises(ConfigError) as asked:
        composed(f"model={name}", f"model.{key}={value}")
    assert str(asked.value) == str(built.value)


def test_a_network_says_what_its_configuration_said_of_small_images(composed):
    with pytest.raises(ConfigError) as built:
        build.instantiate(composed("model=resnet18"), "model", images=IMAGES[16])
    with pytest.raises(ConfigError) as asked:
        composed("model=resnet18", "dataset.image_size=16")
    assert str(asked.value) == str(built.value)


def test_an_optimizer_says_what_its_configuration_said(composed):
    run = composed("optimizer=sgd")
    run["optimizer"] |= {"nesterov": True, "momentum": 0.0}
    with pytest.raises(ConfigError) as built:
        build.instantiate(run, "optimizer", model=None)
    with pytest.raises(ConfigError) as asked:
        composed("optimizer=sgd", "optimizer.nesterov=true", "optimizer.momentum=0")
    assert str(asked.value) == str(built.value)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("batch_size=8", "accumulate=9"), r"accumulate=9: a batch of 8 images cannot be cut into"),
        (
            ("teacher=deit", "teacher.batch_size=8", "teacher.accumulate=9"),
            r"teacher\.accumul",
        ),
        (("patience=3",), r"patience=3: .* add dataset\.split=validation, or leave patience out$"),
        (
            ("patience=3", "dataset.split=validation", "eval_every=2"),
            r"patience=3: counts epochs, and eval_every=2 .* set eval_every=1$",
        ),
        (
            ("teacher=deit", "teacher.patience=3"),
            r"teacher\.patience=3: .* leave teacher\.pat",
        ),
    ],
)
def test_what_a_run_counts_has_to_be_there(composed, overrides, line):
    with pytest.raises(ConfigError, match=f"^{line}"):
        composed(*overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ("dataset.num_classes=11",), ("dataset=mnist",), ("dataset=cifar10", "dataset.root=no"),
        ("dataset=folder",), ("dataset=folder", "dataset.root=no"), ("dataset=parquet",),
    ],
)  # fmt: skip
def test_a_data_set_says_what_its_configuration_said(composed, overrides):
    with pytest.raises(ConfigError) as built:
        build.dataset(composed(*overrides))
    with pytest.raises(ConfigError) as asked:
        job(*overrides)
    assert str(asked.value) == str(built.value)


# --- what is asked, and of whom -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("dataset.image_size=48", "model.patch_size=12"), None),
        (("dataset.image_size=48", "model.patch_size=32"), "model.patch_size=32: does not divide"),
        (("model.conv_mlp=true", "model.depth=2"), None),
        (("model.conv_mlp=true", "model.depth=1"), "model.conv_mlp=true: all layers but the last"),
        (
            ("model=tnt", "model.patch_size=32", "model.local_attention=true"),
            "model.local_attention=true: a token looks at all others, and with one patch there is",
        ),
        (
            ("teacher=vit", "teacher.model.patch_size=32", "teacher.model.local_attention=true"),
            "teacher.model.local_attention=true: a token looks at all others",
        ),
        # Two other tokens each: there is something to learn.
        (("model=deit", "model.patch_size=32", "model.local_attention=true"), None),
        (("model=vit", "model.patch_size=16", "model.local_attention=true"), None),
        (
            ("model=deit", "model.patch_size=32", "model.conv_mlp=true"),
            "model.conv_mlp=true: looks at other patches, and there is one; take a patch_",
        ),
        (("model.drop_path=0.1", "model.depth=2"), None),
        (("model=airbench94", "model.depth=1", "model.residual=false"), None),
        (
            ("model=airbench94", "model.depth=1"),
            "model.residual=true: goes around the last convolution of a group but its first",
        ),
        (
            ("teacher=deit", "teacher.model.drop_path=0.1", "teacher.model.depth=1"),
            "teacher.model.drop_path=0.1: is the rate of the last layer, grows to it from 0 at the",
        ),
        (("mix=cutmix_mixup", "batch_size=1"), "batch_size=1: has no other image to mix with"),
        (("mix=none", "batch_size=1"), None),
        (("model.patch_dim=100",), "model.outer_heads=3: does not divide patch_dim 100; choose "),
        (("optimizer=sgd", "optimizer.nesterov=true"), None),
        (("augment=mnist", "augment.shear=90"), "augment.shear=90: should be less than 90"),
        (("device=cuda:12",), None),
        (("device=cuda:01",), "device=cuda:01: choose auto, cpu, cuda, cuda:INDEX or mps"),
        (("device=gpu",), "device=gpu: choose auto, cpu, cuda, cuda:INDEX or mps"),
        (("loss=soft",), "loss=SoftDistillation: needs a teacher; choose one, as teacher="),
        (("teacher=vgg16_bn", "loss=supervised"), None),
        (("~model.distillation_token",), "model.distillation_token: missing; give model.dist"),
        (
            ("teacher=wide_resnet28_10", "dataset.image_size=16"),
            "teacher.model._target_=wide_resnet28_10: needs images of 32x32 or more, these are 16",
        ),
    ],
)
def test_values_that_do_not_fit_each_other_are_named_in_full(composed, overrides, message):
    if message is None:
        composed(*overrides)
        return
    with pytest.raises(ConfigError) as raised:
        composed(*overrides)
    assert str(raised.value).startswith(message)


SMALL_IMAGES = ("model=vit", "model.patch_size=1", "augment.padding=1")


@pytest.mark.parametrize(
    ("augment", "named"),
    [
        ("augment=cifar", "augment.autoaugment=true"),
        ("augment=randaugment", "augment._target_=titn.data.policies.RandAugment"),
        ("augment=trivialaugment", "augment._target_=titn.data.policies.TrivialAugment"),
    ],
)
def test_policies_need_images_of_three_pixels(composed, augment, named):
    composed(augment, *SMALL_IMAGES, "dataset.image_size=3")
    with pytest.raises(ConfigError) as raised:
        composed(augment, *SMALL_IMAGES, "dataset.image_size=2")
    assert str(raised.value).startswith(f"{named}: looks at the 3x3 around each pixel, and images")
    composed("augment=crop_flip", *SMALL_IMAGES, "dataset.image_size=2")


def test_only_a_job_looks_for_its_files(composed):
    overrides = ("dataset=cifar100", "dataset.root=no")
    assert composed(*overrides)["dataset"]["root"] == "no"
    with pytest.raises(ConfigError, match=r"^dataset\.root=no: no such directory"):
        job(*overrides)


def test_a_record_is_read_though_it_would_not_be_made_any_more(composed):
    run = composed("mix=cutmix") | {"batch_size": 1}
    assert resolve.resolve_recorded(run) == run


def test_a_record_is_read_where_its_files_are_not(composed):
    run = composed("dataset=cifar100", "dataset.root=no", "checkpoint=no.pt")
    assert resolve.resolve_recorded(run) == run


@pytest.mark.parametrize("key", ["checkpoint", "weights"])
def test_a_teachers_files_are_looked_for_too(key):
    with pytest.raises(ConfigError, match=rf"^teacher\.{key}=no: there is no such file; give"):
        job("teacher=resnet50", f"teacher.{key}=no")


def test_a_run_directory_stands_for_the_weights_in_it(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        job(f"checkpoint={tmp_path}")
    (tmp_path / "weights.safetensors").touch()
    job(f"checkpoint={tmp_path}")


def test_torchvisions_networks_may_start_from_imagenet():
    job("model=resnet50", "weights=imagenet")


def test_files_that_are_there_are_accepted(hugging_face):
    root, _ = hugging_face()
    job("dataset=parquet", f"dataset.root={root}", "dataset.num_classes=2")


def test_classes_that_parquet_files_name_are_counted(hugging_face):
    root, _ = hugging_face()
    with pytest.raises(ConfigError, match=r"^dataset\.num_classes=3: parquet has 2; choose fewer"):
        job("dataset=parquet", f"dataset.root={root}", "dataset.num_classes=3")


def test_a_download_is_not_looked_for(composed):
    check_places(composed("dataset=mnist", "dataset.download=true"))


# --- what no machine has --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("dataset.image_size=1000000", "model.patch_size=1000"),
            "dataset.image_size=1000000: an image takes 1.12e+04 GiB, and this machine has ",
        ),
        # By hand: 12 blocks of (4 + 2 * 4) * 1e12 weights of 4 bytes are 5.36e5 GiB.
        (
            ("model=vit", "model.patch_dim=1000000", "model.heads=1"),
            "model: its weights take 5.36e+05 GiB, and this machine has ",
        ),
        (("model.mlp_ratio=1e20",), "model: its weights take "),
        (
            ("teacher=resnet18", "model@teacher.model=vit", "teacher.model.mlp_ratio=1e20"),
            "teacher.model: its weights take ",
        ),
    ],
)
def test_what_would_not_fit_into_any_memory_is_not_begun(overrides, message):
    with pytest.raises(ConfigError) as raised:
        job(*overrides)
    assert str(raised.value).startswith(message)


def test_the_remedy_names_what_makes_a_network_large():
    with pytest.raises(
        ConfigError, match=r"lower model\.depth=12, model\.patch_dim=1000000, model\.m"
    ):
        job("model=vit", "model.patch_dim=1000000", "model.heads=1")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run_dir=" + 300 * "x", "cannot be read (File name too long); give "),
        ("checkpoint=" + 300 * "x", "cannot be read (File name too long); give "),
    ],
)
def test_a_path_that_cannot_be_is_named(override, message):
    with pytest.raises(ConfigError) as raised:
        job(override)
    assert str(raised.value).startswith(override)
    assert message in str(raised.value)


def test_divisors_of_a_large_length_are_found_at_once():
    """By hand: 10^9 is 2^9 5^9, so 3 does not divide it and 100 numbers do."""
    with pytest.raises(ValueError, match="does not divide the whole 1000000000") as raised:
        grid_side(10**9, 3, "the whole", "part")
    assert str(raised.value).count(",") == 99


def test_a_home_of_nobody_is_named():
    with pytest.raises(ConfigError, match=r"^checkpoint=~no_user/x: .*\(there is no user no_user"):
        job("checkpoint='~no_user/x'")


# --- what is read from the source -----------------------------------------------------------------


def test_looking_for_a_class_runs_no_code(tmp_path, monkeypatch):
    package = tmp_path / "strangers"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "nets.py").write_text(
        "raise SystemExit('imported')\n"
        "def net(*, depth: Count, width: __import__('os').abort(), name: 'Count'): ..."
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert configurable_keywords("strangers.nets.net", "model") == {"depth": Count}


@pytest.mark.parametrize("source", [b"def net(:", b"\xff\xfe", b"\0"])
def test_source_that_is_not_python_is_named(tmp_path, monkeypatch, source):
    name = f"broken{len(source)}{source[0]}"
    (tmp_path / f"{name}.py").write_bytes(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ConfigError, match=rf"^model\._target_={name}\.net: the source of {name} can"
    ):
        configurable_keywords(f"{name}.net", "model")


def test_a_function_builds_the_class_that_it_says_to_return():
    assert built_class("titn.models.wide_resnet.wide_resnet28_10").name == "CNN"


def test_a_function_that_says_it_makes_nothing_is_no_part_of_a_run(composed):
    with pytest.raises(ConfigError, match=r"^mix\._target_=titn\.train\.main: makes nothing; name"):
        composed("mix._target_=titn.train.main")


def test_a_function_and_its_class_may_stand_in_modules_that_are_imported_from(
    tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "reexported"
    package.mkdir()
    (package / "__init__.py").write_text("from .made import make")
    (package / "base.py").write_text("class Own:\n    needs_teacher = True")
    (package / "made.py").write_text("from .base import Own\ndef make() -> Own: ...")
    assert built_class("reexported.make").name == "Own"
    assert class_attribute("reexported.make", "needs_teacher") is True


def test_a_class_of_another_package_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    source = "from titn.models.cnn import CNN\ndef network() -> CNN: ..."
    (tmp_path / "anyones.py").write_text(source)
    assert built_class("anyones.network") is None


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("titn.losses.supervised.Supervised", False),
        ("titn.losses.distillation.SoftDistillation", True),
        ("titn.models.titn.TITN", None),
    ],
)
def test_a_class_says_whether_it_needs_a_teacher(target, said):
    assert class_attribute(target, "needs_teacher") is said


@pytest.mark.parametrize(
    ("source", "said", "keywords"),
    [
        ("from titn.losses.distillation import HardDistillation\nclass Own(HardDistillation): ...",
         True, {"alpha", "scale", "token", "label_smoothing"}),
        ("from titn.losses import supervised\nclass Own(supervised.Supervised): ...",
         False, {"label_smoothing"}),
        ("class Base:\n    needs_teacher = True\n    def __init__(self, *, width: int): ...\n"
         "class Own(Base):\n    needs_teacher = False", False, {"width"}),
        # A class of the name of its parent.
        ("from titn.losses.distillation import HardDistillation as Own\nclass Own(Own): ...",
         True, {"alpha", "scale", "token", "label_smoothing"}),
        ("from torch.nn import Module\nclass Own(Module): ...", None, set()),
    ],
)  # fmt: skip
def test_what_a_class_derives_from_counts_as_its_own(
    tmp_path, monkeypatch, request, source, said, keywords
):
    # A name of its own for each case: what was parsed is kept.
    name = f"derived_{abs(hash(request.node.name))}"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{name}.py").write_text(source)
    assert class_attribute(f"{name}.Own", "needs_teacher") is said
    assert set(configurable_keywords(f"{name}.Own", "loss")) == keywords


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class Net(nn.Module):\n    depth = 3", False),
        ("class Net(nn.Module):\n    def __init__(self):\n        self.imagenet = 'x'", True),
        ("class Net(Other):\n    depth = 3", True),
    ],
)
def test_what_a_parent_may_have_is_left_open(source, expected):
    assert may_have_attribute(ast.parse(source).body[0], "imagenet") is expected


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_the_files_of_cifar_are_where_torchvision_keeps_them(name):
    theirs = torchvision_layout.TORCHVISION_CLASSES[name]
    names = [file for file, _ in (*theirs.train_list, *theirs.test_list)]
    assert layouts.TORCHVISION_FILES[name] == (
        theirs.base_folder,
        (*names, theirs.meta["filename"]),
    )


def test_the_files_of_mnist_are_what_torchvision_unpacks():
    names = [url.removesuffix(".gz") for url, _ in torchvision_layout.datasets.MNIST.resources]
    assert sorted(layouts.TORCHVISION_FILES["mnist"][1]) == sorted(names)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["dataset.channels=4", "teacher=none", "augment=cifar"], "take augment=crop_flip, or "),
        (["dataset.channels=4", "teacher=none", "augment=deit"], "take augment=crop_flip, or "),
        (["dataset.channels=2", "teacher=none"], "should be 1, 3 or 4"),
    ],
)
def test_what_cannot_have_the_channels_is_told(composed, overrides, said):
    with pytest.raises(ConfigError, match=said):
        composed("dataset=folder", *overrides)
