"""Weights from files: whole, for fine-tuning, and what does not fit."""

import hashlib
import json
import os
import pickle
import struct
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from titn.models.cnn import squeezenet
from titn.models.titn import TITN
from titn.models.wide_resnet import wide_resnet28_10
from titn.system import tensor_files
from titn.system.errors import ConfigError
from titn.training import published, weights
from titn.types import ImageSpec

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
    weights.load_pretrained(model, str(imagenet))
    published = torch.load(imagenet, weights_only=True)
    for name, value in model.net.state_dict().items():
        if not name.startswith("classifier"):
            assert torch.equal(value, published[name]), name
    assert torch.equal(model.net.classifier[1].weight, head)


def test_a_stem_that_imagenet_does_not_have_stays_new(imagenet):
    model = squeezenet(images=TEN, stem="cifar")
    stem = model.net.features[0].weight.clone()
    weights.load_pretrained(model, str(imagenet))
    assert torch.equal(model.net.features[0].weight, stem)


def test_fine_tuning_says_what_is_new(imagenet):
    new_layers = weights.load_pretrained(squeezenet(images=TEN, stem="cifar"), str(imagenet))
    assert new_layers == ("net.classifier.1", "net.features.0")


def test_fine_tuning_keeps_the_normalisation_of_the_data_set(imagenet):
    model = squeezenet(images=ImageSpec(num_classes=10, mean=(0.1, 0.2, 0.3)))
    weights.load_pretrained(model, str(imagenet))
    assert model.normalise.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])


@pytest.fixture
def fetched(imagenet, tmp_path, monkeypatch):
    """The file where torchvision keeps it, published under its own digest."""

    class Published:
        digits = hashlib.sha256(imagenet.read_bytes()).hexdigest()[:8]
        url = f"https://example.org/squeezenet1_1-{digits}.pth"

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(published, "get_model_weights", lambda _: {"IMAGENET1K_V1": Published})
    place = tmp_path / "hub" / "checkpoints" / Published.url.rpartition("/")[2]
    place.parent.mkdir(parents=True)
    place.write_bytes(imagenet.read_bytes())
    return place


def test_imagenet_takes_the_same_path_once_the_file_is_there(imagenet, fetched):
    ours, same = squeezenet(images=TEN), squeezenet(images=TEN)
    same.load_state_dict(ours.state_dict())
    assert weights.load_pretrained(ours, "imagenet") == weights.load_pretrained(same, str(imagenet))
    for name, value in ours.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])


def test_a_fetched_file_that_has_changed_is_refused(fetched):
    content = fetched.read_bytes()
    fetched.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ConfigError, match=r"^weights=imagenet: .*its SHA-256 differs\); remove it"):
        weights.load_pretrained(squeezenet(images=TEN), "imagenet")


def test_a_download_that_cannot_be_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def refused(url, path, hash_prefix):
        assert hash_prefix == "b8a52dc0"
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refused)
    with pytest.raises(ConfigError, match=r"^weights=imagenet: .*no route.*; fetch it elsewhere"):
        weights.load_pretrained(squeezenet(images=TEN), "imagenet")


def test_a_network_without_imagenet_weights_says_so():
    with pytest.raises(ConfigError, match="torchvision has none for TITN"):
        weights.load_pretrained(tiny(), "imagenet")
    with pytest.raises(ConfigError, match="torchvision has none for CNN"):
        weights.load_pretrained(wide_resnet28_10(images=TEN), "imagenet")


def test_weights_of_another_network_are_refused(imagenet):
    with pytest.raises(ConfigError, match=r"^weights=.*: are of another network: "):
        weights.load_pretrained(squeezenet(images=TEN, version="1.0"), str(imagenet))


def test_a_transformer_can_be_fine_tuned_to_other_classes(tmp_path):
    source, model = tiny(images=ImageSpec(num_classes=7)), tiny()
    save_file(source.state_dict(), tmp_path / "source.safetensors")
    weights.load_pretrained(model, str(tmp_path / "source.safetensors"))
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


# --- files that are not what they should be -------------------------------------------------------


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def archived(trap, path):
    torch.save({"weight": trap}, path)


def old(trap, path):
    torch.save({"weight": trap}, path, _use_new_zipfile_serialization=False)


def plain(trap, path):
    path.write_bytes(pickle.dumps({"weight": trap}))


@pytest.mark.parametrize("write", [archived, old, plain])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors", ""])
def test_a_pickle_that_runs_code_is_not_opened(tmp_path, write, suffix, recwarn):
    path = tmp_path / f"trap{suffix}"
    write(Trap(tmp_path / "sprung"), path)
    recwarn.clear()
    with pytest.raises(ConfigError, match="cannot be read as weights") as raised:
        weights.load(tiny(), path)
    assert not (tmp_path / "sprung").exists()
    assert str(raised.value).isprintable()
    assert not recwarn.list


def test_a_trap_is_one(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()


NAME = "heads.cls.bias"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (torch.full((10,), float("nan")), f"{NAME} has values that are not finite"),
        (torch.tensor([float("inf")] * 10), f"{NAME} has values that are not finite"),
        # Finite, but not in float32.
        (torch.full((10,), 1e300, dtype=torch.float64), f"{NAME} has values that are not finite"),
        (torch.arange(10), f"{NAME} is torch.int64, the model's torch.float32"),
        (torch.ones(10, dtype=torch.bool), f"{NAME} is torch.bool, the model's torch.float32"),
        (torch.ones(10) + 1j, f"{NAME} is torch.complex64, the model's torch.float32"),
    ],
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_values_that_are_no_weights_are_named(tmp_path, value, reason, suffix):
    path = tmp_path / f"odd{suffix}"
    save = torch.save if suffix == ".pt" else save_file
    save(tiny().state_dict() | {NAME: value}, path)
    with pytest.raises(ConfigError, match=rf"^checkpoint={path}: does not fit the model: {reason}"):
        weights.load(tiny(), path)


def test_values_that_are_no_weights_are_not_fine_tuned(tmp_path):
    odd = {"norm.bias": torch.full((12,), float("nan"))}
    torch.save(tiny().state_dict() | odd, tmp_path / "odd.pt")
    with pytest.raises(
        ConfigError, match=r"^weights=.*: norm\.bias has values that are not finite"
    ):
        weights.load_pretrained(tiny(), str(tmp_path / "odd.pt"))


@pytest.mark.parametrize(
    "value", [torch.ones(10).to_sparse(), torch.ones(10, device="meta")], ids=["sparse", "meta"]
)
def test_tensors_that_are_not_dense_are_named(tmp_path, value):
    torch.save(tiny().state_dict() | {NAME: value}, tmp_path / "odd.pt")
    with pytest.raises(ConfigError, match=rf"\({NAME} is not a dense tensor on the CPU\)"):
        weights.load(tiny(), tmp_path / "odd.pt")


def test_other_floating_point_is_converted(tmp_path):
    model, same = tiny(), tiny()
    torch.save({name: value.double() for name, value in model.state_dict().items()}, tmp_path / "x")
    weights.load(same, tmp_path / "x")
    assert torch.equal(same.heads.cls.weight, model.heads.cls.weight)


def test_a_tensor_that_claims_to_be_enormous_takes_no_memory(tmp_path):
    value = torch.ones(1).expand(10**6, 10**6)
    torch.save(tiny().state_dict() | {"heads.cls.weight": value}, tmp_path / "x.pt")
    with pytest.raises(ConfigError, match=r"heads.cls.weight is \(1000000, 1000000\), the model's"):
        weights.load(tiny(), tmp_path / "x.pt")


@pytest.mark.parametrize("content", [{5: torch.ones(1)}, {"state_dict": 5}, [torch.ones(1)], 5])
def test_a_file_of_anything_else_has_no_weights(tmp_path, content):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(ConfigError, match=r"\(it holds no tensors by name, but "):
        weights.load(tiny(), tmp_path / "x.pt")


def test_a_tensors_name_does_not_reach_the_terminal_as_it_is(tmp_path):
    torch.save(tiny().state_dict() | {"\x1b[31m\n": torch.ones(1)}, tmp_path / "x.pt")
    with pytest.raises(ConfigError, match=r"it has \\x1b\[31m\\n, the model has not") as raised:
        weights.load(tiny(), tmp_path / "x.pt")
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("keep", [0, 1, 100, 5000, -1, -200])
def test_an_archive_that_was_cut_short_is_refused(tmp_path, keep):
    path = saved(tiny(), tmp_path / "x.pt")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ConfigError, match=rf"^checkpoint={path}: cannot be read as weights"):
        weights.load(tiny(), path)


def test_an_archive_with_a_changed_bit_is_refused(tmp_path):
    model = tiny()
    path = saved(model, tmp_path / "x.pt")
    content = path.read_bytes()
    at = content.index(model.state_dict()["tokens"].numpy().tobytes())
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(ConfigError, match=r"x/data/\d+ in it has changed since it was written"):
        weights.load(tiny(), path)


def test_an_archive_that_swells_is_refused(tmp_path):
    path = saved(tiny(), tmp_path / "x.pt")
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, part in parts.items():
            packed.writestr(name, part)
    with pytest.raises(ConfigError, match=r"it is compressed, as torch\.save writes none"):
        weights.load(tiny(), path)


def safetensors(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04.",
        struct.pack("<Q", 2**63) + b"{}",
        safetensors([]),
        safetensors({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors({"a": {"dtype": "F77", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(
        ConfigError, match=rf"^checkpoint={path}: cannot be read as weights"
    ) as raised:
        weights.load(tiny(), path)
    assert str(raised.value).isprintable()


def test_a_runs_weights_without_their_checksum_are_refused(tmp_path):
    save_file(tiny().state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(ConfigError, match="has changed since it was written"):
        weights.load(tiny(), tmp_path)
    weights.load(tiny(), tmp_path / "weights.safetensors")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    with pytest.raises(ConfigError, match=r"^weights=.*/pipe\.pt: is not a file; give a run"):
        weights.load_pretrained(tiny(), str(tmp_path / "pipe.pt"))


def test_a_directory_without_weights_says_what_it_has_not(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no such file as weights\.safetensors in it"):
        weights.load(tiny(), tmp_path)


def test_a_name_that_is_too_long_is_bad_input():
    with pytest.raises(ConfigError, match=r"cannot be read \(File name too long\)"):
        weights.load_pretrained(tiny(), "x" * 5000)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_disk_that_fails_is_named(tmp_path, monkeypatch, suffix):
    def fails(*_, **__):
        raise OSError(5, "Input/output error")

    path = tmp_path / f"x{suffix}"
    path.touch()
    monkeypatch.setattr(torch, "load", fails)
    monkeypatch.setattr(tensor_files, "load", fails)
    with pytest.raises(ConfigError, match=r"cannot be read as weights \(Input/output error\)"):
        weights.load(tiny(), path)
