"""ViT and DeiT in timm: built by timm from the folder alone, with the same logits."""

import pytest
import timm
import torch

import titn
from titn.exporting.timm_folder import check_convertible, write_timm_folder
from titn.system.errors import ConfigError
from titn.training import build
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=5, size=16, mean=(0.1, 0.5, 0.9), std=(0.3, 0.2, 0.1))
SMALL = ["model.depth=3", "model.patch_dim=24", "model.patch_size=4", "dataset.image_size=16"]


@pytest.mark.parametrize("model", ["vit", "deit"])
@pytest.mark.parametrize(
    "overrides", [[], ["model.qkv_bias=true", "model.mlp_ratio=2.5", "model.heads=2"]]
)
def test_timm_builds_it_and_answers_the_same(model, overrides, tmp_path):
    run = titn.compose([f"model={model}", *SMALL, *overrides])
    torch.manual_seed(0)
    ours = build.instantiate(run, "model", images=SPEC).eval()
    with torch.no_grad():
        # Small values, by which the constant of a layer normalisation counts.
        for name in ("cls_token", "dist_token", "token_pos"):
            getattr(ours, name).mul_(0.003)
        for parameter in ours.patch_embed.parameters():
            parameter.mul_(0.003)
    write_timm_folder(ours, run, ["a", "b", "c", "d", "e"], tmp_path)

    theirs = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    images = torch.rand(4, 3, 16, 16)
    mean, std = (torch.tensor(values).reshape(-1, 1, 1) for values in (SPEC.mean, SPEC.std))
    with torch.no_grad():
        output = ours(images)
        found = theirs((images - mean) / std)
        torch.testing.assert_close(found, (output.cls + output.dist) / 2, rtol=1e-4, atol=1e-5)
        if model == "deit":
            theirs.set_distilled_training(True)
            theirs.train()
            cls, dist = theirs((images - mean) / std)
            torch.testing.assert_close(cls, output.cls, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(dist, output.dist, rtol=1e-4, atol=1e-5)


def test_timm_knows_how_images_are_made_for_it(tmp_path):
    run = titn.compose(["model=deit", *SMALL])
    network = build.instantiate(run, "model", images=SPEC)
    write_timm_folder(network, run, ["a", "b", "c", "d", "e"], tmp_path)
    theirs = timm.create_model(f"local-dir:{tmp_path}", pretrained=True)
    config = timm.data.resolve_data_config({}, model=theirs)
    assert config["input_size"] == (3, 16, 16)
    assert config["mean"] == pytest.approx(SPEC.mean)
    assert config["std"] == pytest.approx(SPEC.std)
    assert theirs.pretrained_cfg["label_names"] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            ["model=titn"],
            "--to=timm: timm has no titn, only vit and deit; choose --to=onnx, torch.export or hub",
        ),
        (
            ["model=vit", "model.conv_mlp=true"],
            "--to=timm: timm has no model.conv_mlp=true; choose --to=onnx, torch.export or hub",
        ),
        (
            ["model=vit", "model.patch_embed=conv"],
            "--to=timm: timm has no model.patch_embed=conv; choose --to=onnx, torch.export or hub",
        ),
        (
            ["model=deit", "teacher=vit", "loss.token=cls"],
            "--to=timm: timm answers with the mean of both heads, and this loss has not trained "
            "that of the distillation token; choose --to=onnx, torch.export or hub",
        ),
        (
            ["model=deit", "teacher=vit", "loss.alpha=0"],
            "--to=timm: timm answers with the mean of both heads, and this loss has not trained "
            "that of the class token; choose --to=onnx, torch.export or hub",
        ),
        (
            ["model=timm", "model.name=resnet10t"],
            "--to=timm: timm resnet10t is timm's own: take titn.load(RUN).model.net",
        ),
    ],
)
def test_what_timm_has_not_is_one_line(overrides, line):
    with pytest.raises(ConfigError) as caught:
        check_convertible(titn.compose(overrides))
    assert str(caught.value) == line


def test_a_vit_has_one_head_whatever_its_loss_weighs():
    check_convertible(titn.compose(["model=vit", "teacher=vit", "loss.alpha=1"]))
