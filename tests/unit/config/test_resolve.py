"""What the command line may say, what it means, and what makes two runs the same."""

import hashlib
import subprocess
import sys

import pytest

from titn.config.identity import ADDED_LATER, config_hash
from titn.config.keys import GROUPS
from titn.config.resolve import resolve_recorded
from titn.data.paths import expand_root
from titn.system.errors import ConfigError

HASHED = {"precision": "32-true", "data": "d", "origin": None, "teacher": None}


def identity(run: dict, **changed: str) -> str:
    return config_hash(run, **{**HASHED, **changed})


def test_the_default_loss_follows_the_teacher(composed):
    assert composed()["loss"]["_target_"].endswith("Supervised")
    assert composed("teacher=vgg16_bn")["loss"]["_target_"].endswith("HardDistillation")


def test_a_teacher_is_a_whole_run_on_the_students_data(composed):
    run = composed("teacher=vgg16_bn", "dataset=cifar100", "dataset.root=here")
    teacher = run["teacher"]
    assert teacher["dataset"] == run["dataset"]
    assert teacher["teacher"] is None
    assert set(teacher) == set(run)


def test_a_teacher_does_not_follow_the_students_seed_mix_or_augmentation(composed):
    plain = composed("teacher=vgg16_bn")["teacher"]
    changed = composed("teacher=vgg16_bn", "seed=7", "mix=cutmix", "augment=none", "epochs=3")
    assert changed["teacher"] == plain


def test_each_kind_of_model_has_a_recipe_of_its_own(composed):
    assert (
        composed("model=titn")["optimizer"]["lr"] != composed("model=vgg16_bn")["optimizer"]["lr"]
    )


def test_a_teachers_recipe_is_that_of_the_same_model_run_alone(composed):
    alone = composed("model=vgg16_bn", "mix=none")
    teacher = composed("teacher=vgg16_bn")["teacher"]
    assert identity(alone) == identity(teacher)


@pytest.mark.parametrize("override", ["teacher.optimizer.lr=1", "teacher.seed=1"])
def test_a_teacher_of_its_own_settings_is_another_teacher(composed, override):
    plain = composed("teacher=vgg16_bn")["teacher"]
    assert identity(composed("teacher=vgg16_bn", override)["teacher"]) != identity(plain)


@pytest.mark.parametrize("key", ["run_dir", "runs_dir", "checkpoint", "weights", "dataset.root"])
def test_a_tilde_is_the_home_directory_in_every_key(composed, monkeypatch, tmp_path, key):
    monkeypatch.setenv("HOME", str(tmp_path))
    run = composed("dataset=folder", "dataset.root=x", f'{key}="~/there"')
    if key == "dataset.root":
        assert expand_root(run["dataset"]["root"]) == tmp_path / "there"
    else:
        assert run[key] == str(tmp_path / "there")


def test_cifar_has_the_papers_mix_and_augmentation(composed):
    run = composed("dataset=cifar100")
    assert run["mix"] == {"_target_": "titn.data.mixing.CutMix", "alpha": 0.5, "probability": 1.0}
    assert run["augment"]["autoaugment"] is True


def test_sgd_is_the_papers(composed):
    node = composed("optimizer=sgd")["optimizer"]
    assert (node["lr"], node["momentum"], node["weight_decay"]) == (0.1, 0.9, 1e-4)


def test_a_teacher_from_a_checkpoint_is_not_trained(composed):
    run = composed("teacher=vgg16_bn", "teacher.checkpoint=weights.safetensors")
    assert run["teacher"]["epochs"] == 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs=1e3", "epochs=1000.0: should be an integer; write epochs=1000"),
        ("epochs='3'", "epochs='3': should be an integer; write epochs=3"),
        ("epochs=007", "epochs=007: should be an integer; write epochs=7"),
        ("seed=[0,1]", "seed=[0,1]: should be an integer; for a sweep write --multirun seed=0,1"),
        ("seed=0-2", "seed=0-2: should be an integer; for a sweep write --multirun seed=0,1,2"),
        ("seed=1..20", "integer; for a sweep write --multirun 'seed=range(1,21)'"),
        ("force=yes", "force=yes: should be true or false; write force=true"),
        ("force=0", "force=0: should be true or false; write force=false"),
        ("clip_grad=None", "clip_grad=None: should be a number; write clip_grad=null"),
        ("run_dir=7", "run_dir=7: should be a text; write 'run_dir=\"7\"'"),
        ("run_dir=1e3", "run_dir=1000.0: should be a text; write 'run_dir=\"TEXT\"', in both"),
        ("~model", "model=null: choose a file of conf/model with model=NAME"),
        ("recipe=x", "recipe=x: takes the place of the data set's recipes; set one of their keys"),
        ("+dataset.root=x", "dataset.root=x: the chosen dataset has no such key; choose dataset=c"),
        ("seed=${oc.env:TITN_NO}", "seed: the variable TITN_NO is not set; set it, or write ${oc"),
        ("run_dir=???", "run_dir=???: has no value yet; give run_dir=VALUE"),
        (
            "run_dir=None",
            "run_dir=None: is a text; write run_dir=null for nothing, or run_dir=./No",
        ),
        ("epochs=-1", "epochs=-1: should be greater than or equal to 0"),
        ("seed=1.5", "seed=1.5: should be an integer"),
        ("seed=true", "seed=true: should be an integer"),
        ("batch_size=0", "batch_size=0: should be greater than or equal to 1"),
        ("precision=fp8", "precision=fp8: should be 'auto', '32-true' or 'bf16-mixed'"),
        ("optimizer.lr=0", "optimizer.lr=0: should be greater than 0"),
        ("model.depth=many", "model.depth=many: should be an integer"),
        ("model.drop_path=1", "model.drop_path=1: should be less than 1"),
        ("+modle=titn", "modle=titn: there is no such key; did you mean model?"),
        ("+model.dept=3", "model.dept=3: there is no such key; did you mean model.depth?"),
        ("model.init=he", "model.init=he: should be 'torch' or 'trunc_normal'"),
        ("model._target_=no.such.Thing", "model._target_=no.such.Thing: there is no module"),
        ("model._target_=titn.models.vit.Vit", "titn.models.vit defines no Vit"),
        ("optimizer.lr=nan", "optimizer.lr=nan: should be a finite number"),
        ("schedule.warmup_epochs=-1", "schedule.warmup_epochs=-1: should be greater than or equal"),
        (
            "epochs=1" + 30 * "0",
            "epochs=1" + 30 * "0" + ": should be less than or equal to 1000000000",
        ),
        ("optimizer.lr=1e40", "optimizer.lr=1e+40: should be less than or equal to 1e+36"),
        ("checkpoint=", "checkpoint=: should be a text of at least 1 character"),
        ("runs_dir=null", "runs_dir=null: should be a text"),
        ("epochs={a:[1,true,null]}", "epochs={a:[1,true,null]}: should be an integer"),
        ("+model._lr=1", "model._lr=1: there is no such key"),
        ("+model._args_=[1]", "model._args_=[1]: there is no such key"),
        ("+modle.depth=3", "modle.depth=3: there is no such key; did you mean model.depth?"),
        ("epochs=${nothing}", "epochs: Interpolation key 'nothing' not found; give a value, or"),
        ("epochs=${epochs}", "epochs: Recursive interpolation detected; give a value, or"),
        ("model._recipe_=no", "model._recipe_=no: there is no such recipe; choose one of fast_"),
        ("teacher={}", "teacher.model: no teacher is chosen; add teacher=NAME"),
        ("rows=[a]", "rows=[a]: a question has rows; ask one"),
        ("model.depth=10001", "model.depth=10001: makes 10001 blocks; 10000 are the most"),
        (
            "model.inner_depth=1000",
            "model.inner_depth=1000: makes 12000 blocks; 10000 are the most",
        ),
        (
            "augment.padding=33",
            "augment.padding=33: is more than the image's size 32; choose no more",
        ),
        (
            "model._target_=os.system",
            "model._target_=os.system: there is no module 'os' with Python",
        ),
        ("model._target_=..x", "model._target_=..x: is no name of Python's; name a class"),
        ("optimizer._target_=torch.optim.Adagrad", "Adagrad: is called with model=..., which it"),
        ("loss._target_=json.dumps", "json.dumps takes "),
    ],
)
def test_a_bad_value_names_key_value_and_remedy(composed, override, message):
    with pytest.raises(ConfigError) as raised:
        composed(override)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_large_and_can_be_is_accepted(composed):
    """A batch of all images, a network that nobody has tried, a checkpoint as good as never."""
    run = composed("batch_size=1000000000", "model.depth=9999", "checkpoint_secs=1e12")
    assert (run["batch_size"], run["model"]["depth"]) == (10**9, 9999)


def test_a_teachers_key_is_named_in_full(composed):
    with pytest.raises(ConfigError, match=r"^teacher\.model\.dropout=1\.5: should be less than 1"):
        composed("teacher=vgg16_bn", "teacher.model.dropout=1.5")


def test_what_the_build_supplies_cannot_be_configured(composed):
    with pytest.raises(ConfigError, match=r"model\.images=3: there is no such key"):
        composed("+model.images=3")


def test_checking_a_configuration_does_not_load_torch():
    code = (
        "import sys; from titn.config import resolve; from titn.config.paths import conf_dir\n"
        "from hydra import compose, initialize_config_dir\n"
        "with initialize_config_dir(conf_dir(), version_base='1.3'):\n"
        "    resolve.resolve(compose('config', ['teacher=vgg16_bn']))\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "override",
    [
        "seed=1", "epochs=7", "batch_size=8", "model.depth=3", "optimizer.lr=0.5", "mix=cutmix",
        "augment=none", "dataset.split=validation", "dataset.num_classes=5",
        "dataset.fraction=0.5",
    ],
)  # fmt: skip
def test_what_decides_numbers_changes_the_identity(composed, override):
    assert identity(composed(override)) != identity(composed())


@pytest.mark.parametrize(
    "override",
    ["run_dir=x", "runs_dir=x", "device=cpu", "eval_every=5", "tensorboard=true", "force=true",
     "retry=failed", "checkpoint_secs=1"],
)  # fmt: skip
def test_switches_do_not_change_the_identity(composed, override):
    assert identity(composed(override)) == identity(composed())


def test_where_the_data_lie_does_not_change_the_identity_but_what_they_are_does(composed):
    here = composed("dataset=mnist", "dataset.root=a")
    there = composed("dataset=mnist", "dataset.root=b", "dataset.download=true")
    assert identity(here) == identity(there)
    assert identity(here, data="d") != identity(here, data="e")


@pytest.mark.parametrize("changed", [{"precision": "bf16-mixed"}, {"teacher": "t"}])
def test_resolved_precision_and_teacher_are_part_of_the_identity(composed, changed):
    assert identity(composed(), **changed) != identity(composed())


@pytest.mark.parametrize("key", ["checkpoint", "weights"])
def test_what_first_weights_are_is_part_of_the_identity_and_not_where(composed, key):
    here, there = composed(f"{key}=a.pt"), composed(f"{key}=b.pt")
    assert identity(here, origin="x") == identity(there, origin="x")
    assert identity(here, origin="x") != identity(here, origin="y")
    assert identity(here, origin="x") != identity(composed())


def test_checkpoint_and_weights_are_two_things(composed):
    with pytest.raises(ConfigError, match=r"^weights=imagenet: checkpoint replaces all weights"):
        composed("weights=imagenet", "checkpoint=x.pt")


def test_a_teacher_can_have_another_augmentation(composed):
    run = composed("teacher=vgg16_bn", "augment@recipe.augment=cifar", "recipe.augment.padding=7")
    assert (run["augment"]["padding"], run["teacher"]["augment"]["padding"]) == (2, 7)


def test_a_teachers_stem_is_short_for_its_models(composed):
    long = composed("teacher=resnet50", "teacher.model.stem=cifar")["teacher"]
    assert composed("teacher=resnet50", "teacher.stem=cifar")["teacher"] == long


@pytest.mark.parametrize("name", ["wide_resnet28_10", "deit"])
def test_a_network_with_one_stem_says_so(composed, name):
    with pytest.raises(ConfigError, match=r"^teacher\.stem=cifar: this network has no choice of"):
        composed(f"teacher={name}", "teacher.stem=cifar")


@pytest.mark.parametrize(
    ("dataset", "epochs"), [("mnist", 350), ("cifar10", 600), ("cifar100", 600)]
)
def test_the_papers_protocol_is_for_student_and_teacher(composed, dataset, epochs):
    run = composed("protocol=paper", f"dataset={dataset}", "teacher=vgg16_bn")
    for part in (run, run["teacher"]):
        assert (part["epochs"], part["batch_size"]) == (epochs, 1024)
        assert part["optimizer"] == {
            "_target_": "titn.optim.optimizers.sgd", "lr": 0.1, "momentum": 0.9,
            "weight_decay": 1e-4, "nesterov": False, "decay": "all", "bias_factor": 1.0,
        }  # fmt: skip
        assert part["schedule"]["warmup_epochs"] == part["schedule"]["final"] == 0
    assert run["augment"] == run["teacher"]["augment"]


def test_a_protocol_yields_to_the_command_line(composed):
    run = composed("protocol=paper", "teacher=vgg16_bn", "optimizer=adam", "epochs=3")
    assert run["optimizer"]["_target_"].endswith("adam")
    assert run["teacher"]["optimizer"]["_target_"].endswith("sgd")
    assert (run["epochs"], run["teacher"]["epochs"]) == (3, 350)


def test_mnist_has_the_papers_augmentation_and_no_mix(composed):
    run = composed("dataset=mnist")
    assert run["augment"]["_target_"].endswith("AffineJitter")
    assert run["mix"]["_target_"].endswith("Unmixed")


def test_a_whole_number_and_its_float_are_the_same(composed):
    assert identity(composed("optimizer.lr=1")) == identity(composed("optimizer.lr=1.0"))


def test_a_key_added_later_keeps_old_identities_at_its_default(composed, monkeypatch):
    before = composed()
    after = composed()
    after["model"]["registers"] = 0
    monkeypatch.setitem(ADDED_LATER, "model.registers", 0)
    assert identity(after) == identity(before)
    after["model"]["registers"] = 4
    assert identity(after) != identity(before)


def test_a_default_of_the_constructors_own_is_not_that_of_the_key(composed):
    """loss=dist has scale=2.0; without the key its node must not pass for one with scale=1.0."""
    plain, halved, bare = (
        composed("teacher=vgg16_bn", "loss=dist", *one) for one in ((), ("loss.scale=1",), ())
    )
    del bare["loss"]["scale"]
    assert identity(bare) == identity(plain) != identity(halved)


def test_a_recorded_teachers_key_is_named_in_full(composed):
    run = composed("teacher=vgg16_bn")
    run["teacher"]["optimizer"]["lr"] = -1
    with pytest.raises(ConfigError, match=r"^teacher\.optimizer\.lr=-1: "):
        resolve_recorded(run)


# Digests that the code before these keys gave: loss.scale and loss.token, dataset.num_classes and
# dataset.fraction, model.stem, weights.
BEFORE = {
    (): "ece8e60c0f4cec595eec7ae4db9b7132a4cbb41efe00e31ebe9a8c78842fb913",
    ("teacher=vgg16_bn",): "235f736c899d24aa669739f6af96291344b475b576a7c6de342468da6361d331",
    ("model=vgg16_bn", "mix=none"): (
        "f15a909721f0a11028ecd1d284210e67fe84f7b213474f35026b9729c85f1efd"
    ),
}


@pytest.mark.parametrize("overrides", BEFORE)
def test_the_defaults_have_the_identity_that_they_always_had(composed, overrides):
    assert identity(composed(*overrides)) == BEFORE[overrides]


def test_the_identity_is_the_hash_of_the_sorted_json_without_switches_and_places():
    node = {"_target_": "a.b"}
    run = {group: dict(node) for group in GROUPS} | {"dataset": node | {"root": "/x"}}
    run |= {"seed": 1, "epochs": 2, "batch_size": 3, "precision": "auto", "checkpoint": "/y"}
    run |= {"weights": None, "repeats": 1, "clip_grad": None, "ema_decay": 0.0}
    run |= {"accumulate": 1, "patience": None}
    run |= {"teacher": {"seed": 0}, "run_dir": "z", "device": "cpu", "choices": {"model": "b"}}
    text = (
        '{"augment": {"_target_": "a.b"}, "batch_size": 3, "checkpoint": "c", '
        '"dataset": {"_target_": "a.b", "digest": "d"}, "epochs": 2, "loss": {"_target_": "a.b"}, '
        '"mix": {"_target_": "a.b"}, "model": {"_target_": "a.b"}, '
        '"optimizer": {"_target_": "a.b"}, "precision": "32-true", '
        '"schedule": {"_target_": "a.b"}, "seed": 1, "teacher": "t"}'
    )
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert identity(run, origin="c", teacher="t") == expected


def test_no_teacher_is_said_and_not_left_out(composed):
    with pytest.raises(ConfigError, match=r"^teacher=\[\]: choose a file of conf/teacher, or"):
        composed("teacher=[]")


def test_a_teachers_stem_is_named_as_it_was_typed(composed):
    with pytest.raises(ConfigError, match=r"^teacher\.stem=tall: "):
        composed("teacher=resnet18", "teacher.stem=tall")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes a module of one's own, under a name that no other test has read."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(signature: str) -> str:
        name = f"own_{hashlib.sha256(signature.encode()).hexdigest()[:8]}"
        (tmp_path / f"{name}_inner.py").write_text(
            f"class Net:\n    def __init__(self, {signature}): ...\n"
        )
        (tmp_path / f"{name}.py").write_text(f"from {name}_inner import Net\n")
        return f"{name}.Net"

    return write


def leftovers(run: dict) -> list[str]:
    """Overrides that take the keys of the chosen file away."""
    return [f"~model.{key}" for key in run["model"] if key != "_target_"]


@pytest.mark.parametrize("signature", ["images, width: int = 3", "*, images, width: int"])
def test_keys_of_ones_own_are_arguments_by_position_too(composed, own, signature):
    target = own(signature)
    keys = leftovers(composed())
    run = composed(*keys, f"model._target_={target}", "+model.width=5")
    assert run["model"] == {"_target_": target, "width": 5}


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ("images, width=3", r"model\.width=5: is not annotated in .*; write width: int, float"),
        ("images, width: Size = 3", r"model\.width=5: is annotated Size in "),
        ("images, depth: int = 3", r"model\.width=5: .* takes depth, and the other keys are"),
        ("width: int = 3", r"model\._target_=.*: is called with images=\.\.\., which it does"),
    ],
)
def test_what_a_constructor_of_ones_own_lacks_is_said(composed, own, signature, reason):
    target = own(signature)
    keys = leftovers(composed())
    with pytest.raises(ConfigError, match=rf"^{reason}"):
        composed(*keys, f"model._target_={target}", "+model.width=5")


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("_lr_", r"^optimizer\.lr: follows model\._lr_, .*; add the line _lr_: 1e-3 to it"),
        ("_recipe_", r"model\._recipe_, .*; add the line _recipe_: transformer \(or cnn\) to it"),
    ],
)
def test_a_model_without_its_notes_says_which_line_to_add(composed, missing, line):
    with pytest.raises(ConfigError, match=line):
        composed(f"~model.{missing}")
