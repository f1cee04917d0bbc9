"""The teachers against torchvision's own and against published counts."""

from pathlib import Path

import pytest
import thop
import torch
from torchvision.models import get_model, get_model_weights

from titn.config.compose_run import compose_run
from titn.config.paths import config_root
from titn.models import cnn
from titn.models.airbench import airbench
from titn.models.resnet9 import resnet9
from titn.models.wide_resnet import wide_resnet28_10
from titn.training import build
from titn.training.metrics import macs, num_parameters
from titn.types import ImageSpec

# Ours, and torchvision's name of it.
TORCHVISION = [
    (cnn.densenet121, {}, "densenet121"),
    (cnn.mobilenet_v3, {"size": "large"}, "mobilenet_v3_large"),
    (cnn.mobilenet_v3, {"size": "small"}, "mobilenet_v3_small"),
    (cnn.resnet18, {}, "resnet18"),
    (cnn.resnet50, {}, "resnet50"),
    (cnn.wide_resnet50, {}, "wide_resnet50_2"),
    (cnn.squeezenet, {"version": "1.1"}, "squeezenet1_1"),
    (cnn.squeezenet, {"version": "1.0"}, "squeezenet1_0"),
    (cnn.vgg16, {}, "vgg16"),
    (cnn.vgg16_bn, {}, "vgg16_bn"),
    (cnn.vgg19, {}, "vgg19"),
]
NAMES = [name for _, _, name in TORCHVISION]
IMAGENET = ImageSpec(num_classes=1000)


@pytest.mark.parametrize(("make", "options", "name"), TORCHVISION, ids=NAMES)
def test_with_the_imagenet_stem_it_is_torchvisions(make, options, name):
    ours = make(images=IMAGENET, stem="imagenet", **options).eval()
    # With the channels last, as ours: other kernels round otherwise.
    theirs = get_model(name).eval().to(memory_format=torch.channels_last)
    theirs.load_state_dict(ours.net.state_dict())
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(ours(images).cls, theirs(ours.normalise(images)))
    counted, parameters = thop.profile(theirs, (torch.zeros(1, 3, 32, 32),), verbose=False)
    assert (macs(ours, IMAGENET)[0], num_parameters(ours)) == (counted, parameters)
    assert num_parameters(ours) == get_model_weights(name)["IMAGENET1K_V1"].meta["num_params"]


# Parameters in millions of the usual networks for 32x32, from public code for CIFAR; of WRN-28-10
# from its paper's table 4, of airbench94 and ResNet-9 from their authors.
PUBLISHED = [
    (cnn.resnet18, 10, 11.17),
    (cnn.resnet50, 100, 23.71),
    (cnn.densenet121, 100, 7.05),
    (cnn.vgg16_bn, 100, 15.30),
    (cnn.vgg19, 100, 20.60),
    (wide_resnet28_10, 10, 36.48),
    (airbench, 10, 1.97),
    (resnet9, 10, 6.57),
]


@pytest.mark.parametrize(("make", "num_classes", "millions"), PUBLISHED)
def test_with_the_cifar_stem_it_has_the_published_parameters(make, num_classes, millions):
    stem = {} if make in (wide_resnet28_10, airbench, resnet9) else {"stem": "cifar"}
    model = make(images=ImageSpec(num_classes=num_classes), **stem)
    assert num_parameters(model) / 1e6 == pytest.approx(millions, abs=0.006)


def test_the_parameters_of_wrn_28_10_by_hand():
    def block(inside, width, shortcut):
        norms = 2 * inside + 2 * width
        return norms + 9 * inside * width + 9 * width * width + shortcut * inside * width

    groups = sum(
        block(inside, width, 1) + 3 * block(width, width, 0)
        for inside, width in ((16, 160), (160, 320), (320, 640))
    )
    everything = 3 * 16 * 9 + groups + 2 * 640 + 640 * 10 + 10
    assert num_parameters(wide_resnet28_10(images=ImageSpec(num_classes=10))) == everything


# Height and width of the last feature map at 32x32; what stands before the head.
LAST_MAPS = [
    (cnn.resnet50, "layer4", 1, 4),
    (cnn.densenet121, "features", 1, 4),
    (cnn.mobilenet_v3, "features", 1, 4),
    (cnn.squeezenet, "features", 1, 8),
    (cnn.vgg16, "features", 1, 1),
]


@pytest.mark.parametrize(("make", "layer", "imagenet", "cifar"), LAST_MAPS)
def test_a_stem_for_32x32_leaves_a_larger_last_map(make, layer, imagenet, cifar):
    for stem, side in (("imagenet", imagenet), ("cifar", cifar)):
        model = make(images=ImageSpec(num_classes=10), stem=stem).eval()
        seen = []
        model.net.get_submodule(layer).register_forward_hook(lambda *a, s=seen: s.append(a[2]))
        with torch.no_grad():
            model(torch.zeros(1, 3, 32, 32))
        assert seen[0].shape[-2:] == (side, side)


def test_wrn_28_10_ends_in_8x8():
    model = wide_resnet28_10(images=ImageSpec(num_classes=10)).eval()
    with torch.no_grad():
        x = model.net.blocks(model.net.stem(torch.zeros(1, 3, 32, 32)))
    assert x.shape == (1, 640, 8, 8)


# --- the table of docs/networks.md ----------------------------------------------------------------

TABLE = Path(__file__).parents[2] / "docs" / "networks.md"
ROWS = [
    [cell.strip().strip("`") for cell in line.split("|")[1:-1]]
    for line in TABLE.read_text().splitlines()
    if line.startswith("| `") and line.count("|") == 10
]
ORIGINAL = {"wide_resnet50": "wide_resnet50_2", "mobilenet_v3": "mobilenet_v3_large",
            "squeezenet": "squeezenet1_1"}  # fmt: skip
OURS_ALONE = ("airbench94", "airbench96", "resnet9", "wide_resnet28_10")


def test_the_table_has_every_network_but_the_students():
    models = {file.stem for file in (config_root() / "conf" / "model").glob("*.yaml")}
    assert {row[0] for row in ROWS} == models - {
        "vit",
        "deit",
        "tnt",
        "titn",
        "titn_large_patch",
        "titn_plus",
        "timm",
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_of_the_table_is_what_is_counted(row):
    name, *printed = row
    counted = []
    if name not in OURS_ALONE:
        theirs = get_model(ORIGINAL.get(name, name)).eval()
        counted += thop.profile(theirs, (torch.zeros(1, 3, 32, 32),), verbose=False)[::-1]
        counted += ours(name, 1000, "model.stem=imagenet") + ours(name, 100, "model.stem=imagenet")
    counted += ours(name, 100, *(["model.stem=cifar"] if counted else []))
    assert [cell for cell in printed if cell != "-"] == [f"{n / 1e6:.2f}" for n in counted]


def ours(name: str, num_classes: int, *overrides: str) -> list[int]:
    spec = ImageSpec(num_classes=num_classes)
    with torch.device("meta"):  # a hundred million weights need not be drawn to be counted
        model = build.instantiate(compose_run([f"model={name}", *overrides]), "model", images=spec)
    return [num_parameters(model), macs(model, spec)[0]]
