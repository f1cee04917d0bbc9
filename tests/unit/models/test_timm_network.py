"""Networks of timm by their names: sizes, options, stems, weights, and what cannot be."""

import pytest
import timm
import torch
from torch import nn

from titn.models import timm_building, timm_weights
from titn.models.timm_network import TimmNetwork
from titn.system.errors import ConfigError
from titn.training import weights
from titn.types import ImageSpec

TEN = ImageSpec(num_classes=10)
IMAGES = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)


def network(name: str, images: ImageSpec = TEN, **settings) -> TimmNetwork:
    return TimmNetwork(images=images, name=name, **settings)


# --- building -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 48])
@pytest.mark.parametrize(
    "name", ["test_vit", "test_convnext", "swin_tiny_patch4_window7_224", "pvt_v2_b0"]
)
def test_a_network_is_built_for_the_size_of_the_images(name, size):
    images = torch.rand(2, 3, size, size)
    output = network(name, ImageSpec(num_classes=10, size=size))(images)
    assert output.cls.shape == (2, 10)


def test_grey_images_are_one_channel():
    grey = ImageSpec(num_classes=10, channels=1, mean=(0.5,), std=(0.2,))
    assert network("test_resnet", grey)(torch.rand(2, 1, 32, 32)).cls.shape == (2, 10)


def test_the_sizes_of_a_transformer_can_be_set():
    net = network("test_vit", patch_size=4, embed_dim=48, depth=3, num_heads=4).net
    assert (net.patch_embed.grid_size, net.embed_dim, len(net.blocks)) == ((8, 8), 48, 3)
    assert net.blocks[0].attn.num_heads == 4


def test_a_window_can_be_set():
    net = network("swin_tiny_patch4_window7_224", window_size=4).net
    assert net.layers[0].blocks[0].window_size == (4, 4)


def test_dropout_and_drop_path_reach_timm():
    net = network("test_vit", dropout=0.25, drop_path=0.125).net
    assert net.head_drop.p == 0.25
    assert net.blocks[-1].drop_path1.drop_prob == 0.125


def test_images_are_normalised_as_the_data_set_says_or_as_they_were_for_pretraining():
    assert network("test_vit").normalise.mean.flatten().tolist() == [0.5, 0.5, 0.5]
    pretrained = network("test_resnet", pretrained=True).normalise
    config = timm.get_pretrained_cfg("test_resnet")
    assert pretrained.mean.flatten().tolist() == pytest.approx(config.mean)
    assert pretrained.std.flatten().tolist() == pytest.approx(config.std)


def test_a_network_keeps_none_of_the_images_that_it_was_built_for():
    sampled = ImageSpec(num_classes=10, sample=torch.zeros(4, 3, 32, 32, dtype=torch.uint8)[::2])
    assert network("test_vit", sampled).spec.images.sample is None


def test_building_does_not_depend_on_what_was_asked_before():
    torch.manual_seed(0)
    first = network("test_vit", dropout=0.5).state_dict()
    torch.manual_seed(0)
    second = timm.create_model("test_vit", num_classes=10, img_size=32).state_dict()
    assert all(torch.equal(first[f"net.{name}"], value) for name, value in second.items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "resnt18"}, r"name=resnt18: timm has no such network; did you mean resnet18"),
        ({"name": "%"}, r"name=%: timm has no such network; timm\.list_models\(\) has them all"),
        ({"name": "hf_hub:timm/x"}, "name=hf_hub:timm/x: is a place, and nothing is fetched"),
        ({"name": "resnet18.no"}, "name=resnet18.no: timm has no weights no .*one of a1_in1k, "),
        ({"name": "vit_tiny_patch16_224_in21k"}, "no such network; did you mean vit_tiny_patch"),
        ({"name": "inception_v3"}, r"takes no images of 32x32 .*; set dataset.image_size=96"),
        ({"name": "test_vit", "patch_size": 5}, r"patch_size=5: does not divide the image's size"),
        ({"name": "test_resnet", "depth": 5}, "depth=5: test_resnet takes none; set it to null"),
        ({"name": "vgg11", "drop_path": 0.5}, "drop_path=0.5: vgg11 takes none; set it to 0"),
        ({"name": "test_vit", "num_heads": 5}, "num_heads=5: does not fit test_vit .* to null"),
        ({"name": "test_vit", "stem": "cifar"}, "stem=cifar: is for .*; set it to imagenet"),
    ],
)
def test_what_cannot_be_built_is_said_with_its_key(settings, message):
    with pytest.raises(ValueError, match=message):
        TimmNetwork(images=TEN, **settings)


def test_a_network_without_weights_has_none_to_begin_with():
    name = next(
        name
        for name in timm.list_models("resnet*")
        if not timm.list_pretrained(f"{name}.*") and timm.get_pretrained_cfg(name)
    )
    with pytest.raises(ValueError, match=r"^pretrained=true: timm has no weights of "):
        timm_building.check_name(name, pretrained=True)


# --- stems ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["test_resnet", "resnet18", "resnet26d", "test_efficientnet", "mobilenetv3_small_050"]
)
def test_with_the_stem_for_small_images_the_last_map_is_4x4(name):
    net = network(name, stem="cifar").net.eval()
    assert net.forward_features(torch.zeros(1, 3, 32, 32)).shape[-2:] == (4, 4)


# --- weights --------------------------------------------------------------------------------


@pytest.fixture
def published(tmp_path):
    """Writes a file as timm has it: its own names, 1000 classes, made for 160x160."""

    def write(name: str, **settings):
        torch.manual_seed(1)
        theirs = timm.create_model(name, **settings)
        path = tmp_path / f"{name}.pth"
        torch.save(theirs.state_dict(), path)
        return path, theirs

    return write


def test_weights_of_other_classes_keep_everything_but_the_head(published):
    path, theirs = published("test_resnet")
    ours = network("test_resnet")
    head = ours.net.fc.weight.clone()
    assert weights.load_pretrained(ours, str(path)) == ("net.fc",)
    for name, value in theirs.state_dict().items():
        if not name.startswith("fc."):
            assert torch.equal(ours.net.state_dict()[name], value), name
    assert torch.equal(ours.net.fc.weight, head)
    assert ours.normalise.mean.flatten().tolist() == [0.5, 0.5, 0.5]


def test_position_embeddings_are_resampled_as_timm_does(published):
    path, _ = published("test_vit")
    ours = network("test_vit")
    weights.load_pretrained(ours, str(path))
    expected = timm.create_model(
        "test_vit",
        pretrained=True,
        pretrained_cfg_overlay={"file": str(path)},
        num_classes=10,
        img_size=32,
    )
    assert ours.net.pos_embed.shape == (1, 5, 64)
    assert torch.equal(ours.net.pos_embed, expected.pos_embed)


def test_a_grey_networks_first_convolution_is_the_sum_of_three(published):
    path, theirs = published("test_resnet")
    ours = network("test_resnet", ImageSpec(num_classes=10, channels=1, mean=(0.5,), std=(0.2,)))
    weights.load_pretrained(ours, str(path))
    first = next(name for name in ours.net.state_dict() if name.startswith("conv1"))
    torch.testing.assert_close(
        ours.net.state_dict()[first], theirs.state_dict()[first].sum(1, keepdim=True)
    )


def test_a_new_stem_stays_new(published):
    path, _ = published("resnet18")
    ours = network("resnet18", stem="cifar")
    stem = ours.net.conv1.weight.clone()
    assert weights.load_pretrained(ours, str(path)) == ("net.conv1", "net.fc")
    assert torch.equal(ours.net.conv1.weight, stem)


def test_a_runs_weights_bring_their_stem(tmp_path):
    source = network("resnet18", ImageSpec(num_classes=7), stem="cifar")
    torch.save(source.state_dict(), tmp_path / "run.pt")
    ours = network("resnet18", stem="cifar")
    assert weights.load_pretrained(ours, str(tmp_path / "run.pt")) == ("net.fc",)
    assert torch.equal(ours.net.conv1.weight, source.net.conv1.weight)


@pytest.mark.parametrize(("pretrained", "new"), [(True, ()), (False, ("net.fc",))])
def test_a_pretrained_head_of_as_many_classes_is_kept(published, pretrained, new):
    path, theirs = published("test_resnet")
    ours = network("test_resnet", ImageSpec(num_classes=1000), pretrained=pretrained)
    assert weights.load_pretrained(ours, str(path)) == new
    assert torch.equal(ours.net.fc.weight, theirs.fc.weight) == pretrained


@pytest.mark.parametrize(
    ("other", "reason"),
    [("resnet34", "it has net.layer1.2"), ("test_vit", "it has no net."), ("resnet50", "")],
)
def test_weights_of_another_network_are_refused(published, other, reason):
    path, _ = published(other)
    with pytest.raises(ConfigError, match=rf"^weights=.*: are of another network: {reason}"):
        weights.load_pretrained(network("resnet18"), str(path))


def test_pretrained_weights_are_fetched_from_the_cache(published, monkeypatch):
    path, theirs = published("test_resnet")
    monkeypatch.setattr(timm_weights, "try_to_load_from_cache", lambda *_: str(path))
    ours = network("test_resnet", pretrained=True)
    weights.load_pretrained(ours, "pretrained")
    name = next(name for name in theirs.state_dict() if name.startswith("layer"))
    assert torch.equal(ours.net.state_dict()[name], theirs.state_dict()[name])


def test_a_download_that_cannot_be_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(timm_weights, "try_to_load_from_cache", lambda *_: None)

    def refused(url, timeout):
        assert timeout <= 10
        raise OSError("no route to host")

    monkeypatch.setattr(timm_weights, "get_hf_file_metadata", refused)
    with pytest.raises(
        ConfigError,
        match=r"^model\.pretrained=true: https://.*/timm/test_resnet\.r160_in1k/.* could "
        r"not be fetched \(no route to host\); fetch it elsewhere and add weights=FILE",
    ):
        weights.load_pretrained(network("test_resnet", pretrained=True), "pretrained")


# --- as a teacher ---------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "folds"), [("test_resnet", True), ("test_efficientnet", True), ("test_vit", False)]
)
def test_folded_it_answers_as_before(name, folds):
    torch.manual_seed(0)
    ours = network(name).eval()
    for module in ours.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    before = ours(IMAGES).cls
    after = ours.folded()(IMAGES).cls
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5 * before.abs().max().item())
    norms = [module for module in ours.modules() if isinstance(module, nn.BatchNorm2d)]
    assert (not norms) or not folds


def test_what_cannot_be_traced_stays_as_it_is():
    ours = network("vit_tiny_r_s16_p8_224", depth=1).eval()
    net = ours.net
    assert ours.folded().net is net


def test_two_heads_stay_two():
    ours = network("deit_tiny_distilled_patch16_224", depth=1).eval()
    before = ours(IMAGES)
    after = ours.folded()(IMAGES)
    assert torch.equal(after.dist, before.dist)
