"""torchvision's networks for grey images, and for images with transparency."""

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from titn.models import cnn
from titn.system.errors import ConfigError
from titn.training.weights import load, load_pretrained
from titn.types import ImageSpec


def spec(channels: int, num_classes: int = 10) -> ImageSpec:
    middle = (0.5,) * channels
    return ImageSpec(
        num_classes=num_classes, size=32, channels=channels, mean=middle, std=(0.25,) * channels
    )


def network(name: str, channels: int, num_classes: int = 10, **keys) -> cnn.CNN:
    torch.manual_seed(0)
    return getattr(cnn, name)(images=spec(channels, num_classes), **keys).eval()


NETWORKS = [
    ("vgg16_bn", {"stem": "cifar"}),
    ("mobilenet_v3", {"size": "small"}),
    ("mobilenet_v3", {"stem": "cifar"}),
    ("resnet18", {"stem": "imagenet"}),
    ("resnet18", {"stem": "cifar"}),
    ("squeezenet", {}),
    ("densenet121", {}),
]


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize(("name", "keys"), NETWORKS)
def test_a_network_answers_for_its_channels_and_so_does_its_folded_form(name, keys, channels):
    images = torch.rand(3, channels, 32, 32)
    model = network(name, channels, **keys)
    expected = model(images).cls
    assert expected.shape == (3, 10)
    torch.testing.assert_close(model.folded()(images).cls, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "keys"), [one for one in NETWORKS if one[1].get("stem") != "cifar"]
)
def test_a_grey_image_gives_what_its_copy_in_three_channels_gave(name, keys):
    """The first weights are the same draws, summed over the colours."""
    grey = torch.rand(2, 1, 32, 32)
    colours = network(name, 3, **keys)(grey.expand(-1, 3, -1, -1)).cls
    torch.testing.assert_close(network(name, 1, **keys)(grey).cls, colours, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "width"), [("vgg16_bn", 64), ("vgg16", 64), ("mobilenet_v3", 16)])
def test_only_the_first_convolution_changes_its_size(name, width):
    keys = {} if name == "mobilenet_v3" else {"stem": "cifar"}
    sizes = [
        sum(value.numel() for value in network(name, channels, **keys).parameters())
        for channels in (1, 3, 4)
    ]
    assert [size - sizes[1] for size in sizes] == [-2 * 9 * width, 0, 9 * width]


@pytest.mark.parametrize("channels", [1, 4])
def test_weights_of_torchvision_are_adapted_to_the_channels(channels, tmp_path):
    theirs = get_model("mobilenet_v3_small").state_dict()
    save_file(theirs, tmp_path / "theirs.safetensors")
    model = network("mobilenet_v3", channels, size="small")
    new = load_pretrained(model, str(tmp_path / "theirs.safetensors"))
    assert new == ("net.classifier.3",)
    first, colours = model.net.features[0][0].weight, theirs["features.0.0.weight"]
    if channels == 1:
        expected = colours[:, :1] + colours[:, 1:2] + colours[:, 2:]
    else:  # red, green, blue, and red again
        expected = 0.75 * torch.cat([colours, colours[:, :1]], 1)
    torch.testing.assert_close(first, expected)


def test_weights_of_a_run_keep_its_channels(tmp_path):
    grey = network("mobilenet_v3", 1, size="small")
    save_file(grey.state_dict(), tmp_path / "grey.safetensors")
    other = network("mobilenet_v3", 1, num_classes=5, size="small")
    torch.nn.init.zeros_(other.net.features[0][0].weight)
    load_pretrained(other, str(tmp_path / "grey.safetensors"))
    assert torch.equal(other.net.features[0][0].weight, grey.net.features[0][0].weight)


@pytest.mark.parametrize("loading", [load, load_pretrained])
def test_weights_for_grey_images_are_none_for_colours(loading, tmp_path):
    grey = network("mobilenet_v3", 1, size="small")
    file = tmp_path / "grey.safetensors"
    save_file({n: v for n, v in grey.state_dict().items() if "normalise" not in n}, file)
    line = r"net\.features\.0\.0\.weight is \(16, 1, 3, 3\), the model's \(16, 3, 3, 3\)$"
    with pytest.raises(ConfigError, match=line):
        loading(network("mobilenet_v3", 3, size="small"), file if loading is load else str(file))
