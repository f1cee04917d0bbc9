"""Tensors that come back as they were, or not at all."""

import pytest
import torch

from titn.records import checkpoints


def full_disk(*_):
    raise OSError("disk full")


TENSORS = {"a": torch.randn(3, 4), "b": torch.arange(5), "half": torch.ones(2).bfloat16()}


def test_tensors_and_facts_come_back_bit_for_bit(tmp_path):
    checkpoints.save(tmp_path / "x.safetensors", TENSORS, {"epoch": 3})
    tensors, facts = checkpoints.load(tmp_path / "x.safetensors")
    assert facts == {"epoch": 3}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize("cut", [1, 20])
def test_a_file_that_was_cut_short_is_refused(tmp_path, cut):
    path = tmp_path / "x.safetensors"
    checkpoints.save(path, TENSORS, {})
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(checkpoints.CheckpointError):
        checkpoints.load(path)


def test_a_file_with_a_changed_bit_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    checkpoints.save(path, TENSORS, {})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(checkpoints.CheckpointError, match="has changed"):
        checkpoints.load(path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    checkpoints.save(path, TENSORS, {"epoch": 1})
    monkeypatch.setattr(checkpoints.os, "replace", full_disk)
    with pytest.raises(OSError, match="disk full"):
        checkpoints.save(path, TENSORS, {"epoch": 2})
    assert checkpoints.load(path)[1] == {"epoch": 1}


def test_nested_states_come_back_from_tensors_and_json():
    tree = {"state": {0: {"step": torch.tensor(2.0), "betas": [0.9, 0.99]}}, "groups": [{"lr": 1}]}
    tensors, rest = checkpoints.flatten(tree)
    assert all(isinstance(tensor, torch.Tensor) for tensor in tensors.values())
    assert checkpoints.unflatten(rest, tensors) == tree
