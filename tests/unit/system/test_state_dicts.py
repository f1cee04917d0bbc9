"""State dicts of other programs: what they are wrapped in, and what makes two of them the same."""

import argparse
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from titn.system.state_dicts import AmbiguityError, digest, read, unwrap
from titn.system.tensor_files import DamageError


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4)))


STATE = network().state_dict()


def named(prefix: str) -> dict:
    return {f"{prefix}{name}": value for name, value in STATE.items()}


class Lightning(nn.Module):
    """As a LightningModule holds a network, beside a loss with weights."""

    def __init__(self):
        super().__init__()
        self.model = network()
        self.criterion = nn.BCEWithLogitsLoss(weight=torch.ones(4))


def as_trained() -> dict:
    model = network()
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3, 5, 5)).sum().backward()
    optimizer.step()
    return {"model": STATE, "optimizer": optimizer.state_dict(), "epoch": 3}


@pytest.mark.parametrize(
    ("content", "prefix", "others"),
    [
        (STATE, "", 0),
        ({"model": STATE}, "model.", 0),
        ({"state_dict": named("module."), "epoch": 3}, "state_dict.module.", 0),
        (named("module._orig_mod."), "module.", 0),
        (named("_orig_mod."), "", 0),
        (as_trained(), "model.", 0),
        ({"state_dict": Lightning().state_dict()}, "state_dict.model.", 1),
        (torch.optim.swa_utils.AveragedModel(network()).state_dict(), "module.", 1),
        ({"ema": {"model": named("net.")}, "rng": torch.ones(2)}, "ema.model.net.", 1),
        (torch.compile(network()).state_dict(), "", 0),
        (nn.DataParallel(network()).state_dict(), "module.", 0),
    ],
    ids=str,
)
def test_weights_are_found_in_what_they_are_wrapped_in(tmp_path, content, prefix, others):
    torch.save(content, tmp_path / "x.pt")
    found = unwrap(read(tmp_path / "x.pt", own=False), STATE)
    assert (found.prefix, found.others) == (prefix, others)
    assert digest(found.tensors) == digest(STATE)


def test_a_layer_that_was_compiled_alone_has_its_own_name_again():
    inner = {"conv._orig_mod.weight" if n == "conv.weight" else n: v for n, v in STATE.items()}
    assert unwrap(inner, STATE).tensors.keys() == STATE.keys()


def test_names_that_the_network_itself_has_stay():
    own = named("module.")
    assert unwrap(own, own).tensors.keys() == own.keys()


@pytest.mark.parametrize("other", ["model_ema", "teacher"])
def test_of_two_networks_none_is_chosen(other):
    both = named("model.") | named(f"{other}.")
    with pytest.raises(AmbiguityError, match=rf"^has such weights under model and under {other}$"):
        unwrap(both, STATE)


def test_of_a_strange_networks_names_the_common_prefix_goes():
    found = unwrap({"model.a.x": torch.ones(1), "model.a.y": torch.ones(1)}, STATE)
    assert (found.prefix, [*found.tensors]) == ("model.a.", ["x", "y"])


def test_of_strange_names_that_begin_as_the_networks_own_nothing_goes():
    assert unwrap({"conv.strange": torch.ones(1)}, STATE).tensors.keys() == {"conv.strange"}


def test_other_names_for_the_same_are_known_too():
    inner = named("module.")
    assert unwrap(inner, {f"net.{name}" for name in STATE}, STATE).prefix == "module."
    assert unwrap(named("net."), {f"net.{name}" for name in STATE}, STATE).prefix == ""


def test_equal_tensors_have_one_digest_whatever_their_file(tmp_path):
    torch.save(STATE, tmp_path / "x.pt")
    save_file(dict(reversed(STATE.items())), tmp_path / "x.safetensors", {"a": "b", "c": "d"})
    digests = {digest(read(tmp_path / f"x{end}", own=False)) for end in (".pt", ".safetensors")}
    assert digests == {digest(STATE)}


@pytest.mark.parametrize(
    "change",
    [
        {"conv.bias": STATE["conv.bias"] + 1},
        {"conv.bias": STATE["conv.bias"].double()},
        {"conv.bias": STATE["conv.bias"].reshape(2, 2)},
        {"more": torch.ones(1)},
    ],
)
def test_other_tensors_have_other_digests(change):
    assert digest(STATE | change) != digest(STATE)


def test_a_view_has_the_digest_of_what_it_shows():
    value = torch.arange(6.0).reshape(2, 3)
    assert digest({"a": value.T}) == digest({"a": value.T.contiguous()})


@pytest.mark.parametrize(
    "beside", [argparse.Namespace(lr=0.1), np.float64(0.5), np.int64(3), np.float32(1), np.bool_(1)]
)
def test_what_scripts_save_beside_the_weights_is_no_reason_to_refuse_them(tmp_path, beside):
    torch.save({"model": STATE, "beside": beside}, tmp_path / "x.pt")
    assert digest(unwrap(read(tmp_path / "x.pt", own=False), STATE).tensors) == digest(STATE)


def test_an_object_that_could_run_code_is_named(tmp_path):
    torch.save(network(), tmp_path / "x.pt")
    with pytest.raises(DamageError, match=r"^it holds a torch\.nn\.\S*Sequential, and such"):
        read(tmp_path / "x.pt", own=False)


def test_a_file_is_read_as_what_it_is_and_not_as_what_it_is_called(tmp_path):
    torch.save(STATE, tmp_path / "pickled.safetensors")
    save_file(STATE, tmp_path / "safe.bin")
    for name in ("pickled.safetensors", "safe.bin"):
        assert digest(read(tmp_path / name, own=False)) == digest(STATE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"epoch": 3, "lr": 0.1}, "but epoch, lr"),
        ([torch.ones(1)], "but a list"),
        ({}, "but a dict"),
    ],
)
def test_what_is_there_in_place_of_weights_is_named(tmp_path, content, said):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(DamageError, match=rf"^it holds no tensors by name, {said}$"):
        read(tmp_path / "x.pt", own=False)


def test_an_archive_of_numpys_is_not_one_of_torchs(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.ones(2))
    with pytest.raises(DamageError, match=r"^it was not written by torch\.save$"):
        read(tmp_path / "x.npz", own=False)


def test_what_lies_deeper_than_anyone_saves_is_not_looked_for(tmp_path):
    deep: dict = {"x": torch.ones(1)}
    for _ in range(50):
        deep = {"d": deep}
    torch.save(deep, tmp_path / "x.pt")
    with pytest.raises(DamageError, match=r"no tensors by name, but d$"):
        read(tmp_path / "x.pt", own=False)
