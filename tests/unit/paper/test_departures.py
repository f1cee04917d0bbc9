import math

import pytest

import titn.models.cnn
import titn.models.titn
import titn.models.vit
from titn.paper.departures import COMPARE_IMAGES, IMAGE_BY_IMAGE, departures, in_one_line
from titn.paper.protocol import PROTOCOL
from titn.training import accumulation
from titn.types import ImageSpec


def flat(node: dict, prefix: str = "") -> dict:
    found = {}
    for key, value in node.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


@pytest.fixture
def run(composed):
    return lambda *overrides: flat(composed(*overrides))


@pytest.mark.parametrize(
    ("dataset", "model"),
    [
        ("cifar100", "titn"),
        ("cifar100", "titn_large_patch"),
        ("cifar10", "deit"),
        ("mnist", "tnt"),
        ("mnist", "vit"),
    ],
)
def test_the_papers_protocol_departs_in_nothing(run, dataset, model):
    config = run(f"dataset={dataset}", f"model={model}", "teacher=vgg16_bn", "protocol=paper")
    assert departures(config, dataset) == []


@pytest.mark.parametrize("mix", ["none", "cutmix"])
def test_a_teacher_of_table_2_needs_no_teacher_and_may_have_a_mix(run, mix):
    config = run("dataset=cifar100", "model=vgg16_bn", "protocol=paper", f"mix={mix}")
    assert departures(config, "cifar100") == []


FULL = ("dataset=cifar100", "teacher=vgg16_bn", "protocol=paper")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("dataset.num_classes=10", "10 of 100 classes"),
        ("dataset.fraction=0.5", "half of the training data"),
        ("dataset.fraction=0.3", "30% of the training data"),
        ("dataset.split=validation", "evaluated on a validation split"),
        ("dataset.image_size=64", "images of 64x64 instead of 32x32"),
        ("optimizer.lr=0.05", "learning rate 0.05 instead of 0.1"),
        ("optimizer.nesterov=true", "Nesterov's momentum"),
        ("schedule.warmup_epochs=1", "warm-up of 1 epoch"),
        ("schedule.warmup_epochs=0.5", "warm-up of 0.5 epochs"),
        ("clip_grad=1", "gradients clipped at 1"),
        ("ema_decay=0.99", "an average of the weights (decay 0.99)"),
        ("teacher.accumulate=8", "teacher: batches in 8 micro-batches"),
        ("teacher.ema_decay=0.9", "teacher: an average of the weights (decay 0.9)"),
        ("schedule=one_cycle", "one-cycle instead of cosine schedule"),
        ("epochs=10", "10 epochs instead of 600"),
        ("batch_size=32", "batches of 32 instead of 1024"),
        ("mix=mixup", "MixUp instead of CutMix"),
        ("mix=cutmix_mixup", "CutMix or MixUp by batch instead of CutMix"),
        ("mix=none", "no mix instead of CutMix"),
        ("mix.alpha=1", "mix from Beta(1, 1) instead of Beta(0.5, 0.5)"),
        (
            "augment.flip=0",
            "augmentation: random crop, AutoAugment"
            " instead of random crop, horizontal flip, AutoAugment",
        ),
        ("loss=soft", "soft labels instead of hard labels"),
        ("loss=sum", "the loss times 2"),
        ("loss.alpha=0.9", "alpha 0.9 instead of 0.5"),
        ("loss.label_smoothing=0.1", "label smoothing 0.1"),
        ("model.depth=4", "depth 4 instead of 12"),
        ("model.drop_path=0.1", "drop path 0.1"),
        ("teacher=resnet50", "teacher: ResNet-50 instead of VGG16-BN"),
        ("teacher=deit", "teacher: DeiT instead of VGG16-BN"),
        ("teacher=vit", "teacher: ViT instead of VGG16-BN"),
        ("teacher.stem=cifar", "teacher: the stem for 32x32 images"),
        ("teacher.epochs=20", "teacher: 20 epochs instead of 600"),
        ("teacher.optimizer.lr=0.01", "teacher: learning rate 0.01 instead of 0.1"),
        ("teacher.loss.label_smoothing=0.1", "teacher: label smoothing 0.1"),
        ("teacher.checkpoint=here.pt", "teacher: weights from a checkpoint"),
        ("teacher=none", "no teacher"),
    ],
)
def test_one_departure_is_said_once(run, override, said):
    # A list of overrides may not choose twice in one group.
    kept = [one for one in FULL if one.split("=")[0] != override.split("=")[0]]
    assert departures(run(*kept, override), "cifar100") == [said]


@pytest.mark.parametrize(
    ("overrides", "is_departure"),
    [
        (["model=titn"], False),
        (["model=titn", "model.outer_embed=linear"], False),
        (["model=titn", "model.outer_embed=conv"], True),
        (["model=deit", "model.patch_embed=conv"], True),
        (["model=titn", "teacher=vgg16_bn", "loss=dist"], True),
        (["model=titn", "teacher=vgg16_bn", "loss=rkd"], True),
        (["model=vgg16", "teacher=none"], False),
        (["model=resnet18", "teacher=none"], True),
        (["model=timm", "model.name=vit_tiny_patch16_224", "teacher=none"], True),
    ],
)
@pytest.mark.parametrize("varied", [(), ("model", "loss")])
def test_micro_batches_depart_where_several_images_are_seen_at_once(
    run, overrides, is_departure, varied
):
    found = departures(run("dataset=cifar100", "accumulate=8", *overrides), "cifar100", varied)
    assert ("batches in 8 micro-batches" in found) == is_departure


def test_an_early_stop_departs(run):
    config = run(*FULL, "dataset.split=validation", "patience=5")
    assert departures(config, "cifar100") == [
        "evaluated on a validation split", "an early stop (patience 5)"
    ]  # fmt: skip


def test_the_losses_that_compare_images_are_those_that_accumulation_knows():
    assert {one.__name__ for one in accumulation.COMPARE_IMAGES} == set(COMPARE_IMAGES)


@pytest.mark.parametrize("name", IMAGE_BY_IMAGE)
def test_networks_that_see_each_image_by_itself_have_no_batch_normalisation(name):
    models = {**vars(titn.models.vit), **vars(titn.models.titn), **vars(titn.models.cnn)}
    token = {"distillation_token": True} if name in ("ViT", "TITN") else {}
    model = models[name](images=ImageSpec(num_classes=10), **token)
    assert accumulation.whole_batch_is_seen(model, None) == []


def test_padding_is_not_printed(run):
    assert departures(run(*FULL, "augment.padding=2"), "cifar100") == []


def test_other_data(run):
    config = run("dataset=digits", "teacher=vgg16_bn", "protocol=paper")
    assert "digits instead of CIFAR-100" in departures(config, "cifar100")


def test_another_optimizer(run):
    config = run("dataset=mnist", "teacher=vgg16_bn")
    assert "AdamW instead of SGD" in departures(config, "mnist")
    assert "teacher: AdamW instead of SGD" in departures(config, "mnist")


def test_what_a_teacher_shares_with_its_student_is_said_once(run):
    found = departures(run(*FULL, "dataset.fraction=0.1"), "cifar100")
    assert found == ["a tenth of the training data"]


@pytest.mark.parametrize("varied", [("mix",), ("mix._target_",)])
def test_what_the_question_varies_is_no_departure(run, varied):
    assert departures(run(*FULL, "mix=mixup"), "cifar100", varied) == []


def test_a_varied_key_does_not_excuse_the_teachers(run):
    config = run(*FULL, "epochs=10", "teacher.epochs=10")
    assert departures(config, "cifar100", ("epochs",)) == ["teacher: 10 epochs instead of 600"]


def test_a_row_without_the_teacher_that_the_question_varies(run):
    config = run("dataset=cifar100", "teacher=none", "protocol=paper")
    assert departures(config, "cifar100", ("teacher", "loss")) == []


def test_a_varied_teacher_may_be_another_network_but_is_trained_as_the_papers(run):
    config = run("dataset=cifar100", "teacher=resnet50", "protocol=paper", "teacher.epochs=10")
    found = departures(config, "cifar100", ("teacher",))
    assert found == ["teacher: 10 epochs instead of 600"]


def test_the_teacher_is_named_once_and_last():
    found = ["no mix", "teacher: 10 epochs", "teacher: SGD", "depth 4"]
    assert in_one_line(found) == "no mix; depth 4; teacher: 10 epochs; SGD"


def test_a_part_of_an_augmentation_may_be_varied(run):
    config = run(*FULL, "augment.autoaugment=false")
    assert departures(config, "cifar100", ("augment.autoaugment",)) == []


def test_what_is_missing_is_not_judged():
    config = {"epochs": 600.0, "batch_size": None, "optimizer.lr": math.nan, "teacher.epochs": None}
    assert departures(config, "cifar100") == []


def test_what_else_a_record_has_is_not_judged():
    assert departures({"epochs": 350, "class_names": ["0", "1"]}, "mnist") == []


def test_whole_numbers_that_a_table_made_floats():
    assert departures({"epochs": 10.0}, "mnist") == ["10 epochs instead of 350"]


def test_a_data_set_that_is_not_the_papers():
    with pytest.raises(ValueError, match="dataset=digits: the paper has cifar100, cifar10, mnist"):
        departures({}, "digits")


def test_mnist_has_fewer_epochs():
    assert [PROTOCOL[dataset]["epochs"] for dataset in ("cifar100", "cifar10", "mnist")] == [
        600,
        600,
        350,
    ]
