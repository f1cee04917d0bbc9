"""Weights from files: whole, for fine-tuning, and what does not fit."""

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from titn import weights
from titn.errors import ConfigError
from titn.models.cnn import squeezenet
from titn.models.titn import TITN
from titn.models.wide_resnet import wide_resnet28_10
from titn.outputs import ImageSpec

TEN = ImageSpec(num_classes=10)


def tiny(**changes) -> TITN:
    options = {"depth": 1, "patch_dim": 12, "outer_heads": 2} | changes
    images = options.pop("images", TEN)
    return TITN(images=images, distillation_token=True, **options)


@pytest.fixture
def imagenet(tmp_path):
    """A file as torchvision publishes it: its own names, 1000 classes, no normalisation."""
    torch.manual_seed(0)
    path = tmp_path / "squeezenet.pth"
    torch.save(get_model("squeezenet1_1").state_dict(), path)
    return path


def test_fine_tuning_takes_everything_but_the_head(imagenet):
    model = squeezenet(images=TEN)
    head = model.net.classifier[1].weight.clone()
    weights.start_from(model, str(imagenet))
    published = torch.load(imagenet, weights_only=True)
    for name, value in model.net.state_dict().items():
        if not name.startswith("classifier"):
            assert torch.equal(value, published[name]), name
    assert torch.equal(model.net.classifier[1].weight, head)


def test_a_stem_that_imagenet_does_not_have_stays_new(imagenet):
    model = squeezenet(images=TEN, stem="cifar")
    stem = model.net.features[0].weight.clone()
    weights.start_from(model, str(imagenet))
    assert torch.equal(model.net.features[0].weight, stem)


def test_fine_tuning_says_what_is_new(imagenet):
    start = weights.start_from(squeezenet(images=TEN, stem="cifar"), str(imagenet))
    assert start.new_layers == ("net.classifier.1", "net.features.0")


def test_fine_tuning_keeps_the_normalisation_of_the_data_set(imagenet):
    model = squeezenet(images=ImageSpec(num_classes=10, mean=(0.1, 0.2, 0.3)))
    weights.start_from(model, str(imagenet))
    assert model.normalise.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_the_digest_is_that_of_the_file(imagenet):
    start = weights.start_from(squeezenet(images=TEN), str(imagenet))
    assert start.digest == weights.digest(imagenet)


def test_imagenet_takes_the_same_path_once_the_file_is_there(imagenet, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    place = tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    place.parent.mkdir(parents=True)
    place.write_bytes(imagenet.read_bytes())
    ours, same = squeezenet(images=TEN), squeezenet(images=TEN)
    same.load_state_dict(ours.state_dict())
    assert weights.start_from(ours, "imagenet") == weights.start_from(same, str(imagenet))
    for name, value in ours.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])


def test_a_download_that_cannot_be_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def refused(url, path, hash_prefix):
        assert hash_prefix == "b8a52dc0"
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refused)
    with pytest.raises(ConfigError, match=r"^weights=imagenet: .*no route.*; fetch it elsewhere"):
        weights.start_from(squeezenet(images=TEN), "imagenet")


def test_a_network_without_imagenet_weights_says_so():
    with pytest.raises(ConfigError, match="torchvision has none for TITN"):
        weights.start_from(tiny(), "imagenet")
    with pytest.raises(ConfigError, match="torchvision has none for CNN"):
        weights.start_from(wide_resnet28_10(images=TEN), "imagenet")


def test_weights_of_another_network_are_refused(imagenet):
    with pytest.raises(ConfigError, match=r"^weights=.*: are of another network: "):
        weights.start_from(squeezenet(images=TEN, version="1.0"), str(imagenet))


def test_a_transformer_can_be_fine_tuned_to_other_classes(tmp_path):
    source, model = tiny(images=ImageSpec(num_classes=7)), tiny()
    save_file(source.state_dict(), tmp_path / "source.safetensors")
    weights.start_from(model, str(tmp_path / "source.safetensors"))
    assert torch.equal(model.tokens, source.tokens)
    assert model.heads.cls.weight.shape[0] == 10


def saved(model: torch.nn.Module, path) -> object:
    torch.save(model.state_dict(), path)
    return path


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"images": ImageSpec(num_classes=7)}, "it knows 7 classes, the data set has 10"),
        ({"depth": 2}, "it has layers.1.inner.attn.proj.bias, the model has not"),
        ({"patch_dim": 24}, r"is \(.*\), the model's \("),
    ],
)
def test_a_checkpoint_that_does_not_fit_says_why(tmp_path, other, reason):
    path = saved(tiny(**other), tmp_path / "other.pt")
    with pytest.raises(ConfigError, match=rf"^checkpoint=.*does not fit the model: .*{reason}"):
        weights.load(tiny(), path)


def test_a_checkpoint_of_another_kind_is_refused(tmp_path):
    path = saved(squeezenet(images=TEN), tmp_path / "cnn.pt")
    with pytest.raises(ConfigError, match="does not fit the model: it has no "):
        weights.load(tiny(), path)


def test_a_pickle_that_runs_code_is_not_opened(tmp_path):
    path = tmp_path / "trap.pt"
    torch.save({"weight": Trap(tmp_path / "sprung")}, path)
    with pytest.raises(ConfigError, match="cannot be read as weights"):
        weights.load(tiny(), path)
    assert not (tmp_path / "sprung").exists()


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))
