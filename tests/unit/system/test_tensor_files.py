"""Tensors that come back as they were, or not at all."""

import errno
import os
import struct
import zlib

import pytest
import torch
from safetensors.torch import save_file

from titn.system import files, tensor_files
from titn.system.tensor_files import DamageError

TENSORS = {"a": torch.randn(3, 4), "b": torch.arange(5), "half": torch.ones(2).bfloat16()}


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_tensors_and_facts_come_back_bit_for_bit(tmp_path):
    tensor_files.save(tmp_path / "x.safetensors", TENSORS, {"epoch": 3})
    tensors, facts = tensor_files.load(tmp_path / "x.safetensors")
    assert facts == {"epoch": 3}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_equal_tensors_and_facts_are_equal_bytes(tmp_path):
    # Eight files: three keys in random order would be in one order once in 6^7 times.
    for number in range(8):
        tensor_files.save(tmp_path / str(number), TENSORS, {"epoch": 3, "step": 1})
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("cut", [1, 20])
def test_a_file_that_was_cut_short_is_refused(tmp_path, cut):
    path = tmp_path / "x.safetensors"
    tensor_files.save(path, TENSORS, {})
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DamageError):
        tensor_files.load(path)


def test_a_file_with_a_changed_bit_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    tensor_files.save(path, TENSORS, {})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DamageError, match="has changed"):
        tensor_files.load(path)


@pytest.mark.parametrize(
    ("written", "edited"),
    [(b'"I64"', b'"F64"'), (b"[3,4]", b"[4,3]"), (b"crc32", b"crc23"), (b"epoch", b"epoca")],
)
def test_a_file_whose_header_was_changed_is_refused(tmp_path, written, edited):
    path = tmp_path / "x.safetensors"
    tensor_files.save(path, TENSORS, {"epoch": 1})
    content = path.read_bytes()
    assert written in content
    path.write_bytes(content.replace(written, edited))
    with pytest.raises(DamageError, match="has changed"):
        tensor_files.load(path)


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}',
        b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        b"[]",
    ],
)
def test_a_header_that_lies_about_its_tensors_is_refused(tmp_path, header):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(DamageError, match="not a safetensors file"):
        tensor_files.load(path, own=False)


def test_a_header_that_says_it_is_enormous_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", 2**63) + b"{}")
    with pytest.raises(DamageError, match="not a safetensors file"):
        tensor_files.load(path)


@pytest.mark.parametrize(
    ("version", "layout"), [({}, b""), ({"version": "2"}, b" torch.uint8 (2,)")]
)
def test_files_of_earlier_versions_can_be_read(tmp_path, version, layout):
    # The checksum, by hand: of the facts, then of each name, type and shape, and its bytes.
    path = tmp_path / "x.safetensors"
    tensor = torch.tensor([1, 2], dtype=torch.uint8)
    crc = zlib.crc32(b'{"epoch": 7}' + b"a" + layout + bytes([1, 2]))
    save_file({"a": tensor}, path, {"facts": '{"epoch": 7}', "crc32": str(crc)} | version)
    tensors, facts = tensor_files.load(path)
    assert (tensors["a"].tolist(), facts) == ([1, 2], {"epoch": 7})


def test_a_strangers_file_has_no_facts(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "x.safetensors", {"facts": "{", "format": "pt"})
    tensors, facts = tensor_files.load(tmp_path / "x.safetensors", own=False)
    assert (tensors["a"].tolist(), facts) == ([1.0, 1.0], {})


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    tensor_files.save(path, TENSORS, {"epoch": 1})
    with monkeypatch.context() as patched:
        patched.setattr(files.os, "replace", full_disk)
        with pytest.raises(OSError, match="No space left"):
            tensor_files.save(path, TENSORS, {"epoch": 2})
    assert tensor_files.load(path)[1] == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_nested_states_come_back_from_tensors_and_json():
    tree = {"state": {0: {"step": torch.tensor(2.0), "betas": [0.9, 0.99]}}, "groups": [{"lr": 1}]}
    tensors, rest = tensor_files.flatten(tree)
    assert all(isinstance(tensor, torch.Tensor) for tensor in tensors.values())
    assert tensor_files.unflatten(rest, tensors) == tree
