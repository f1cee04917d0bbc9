"""torchvision's own files: idx for MNIST, pickles with a checksum for CIFAR."""

import hashlib
import pickle
import struct

import numpy as np
import pytest
import torch

from titn.data import torchvision_layout
from titn.data.sources import published

DIGITS = tuple("0123456789")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TITN_CACHE", str(tmp_path / "cache"))


def write_idx(path, array: np.ndarray) -> None:
    """The format of the MNIST page: a magic number, big-endian sizes, bytes."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


@pytest.fixture
def mnist(tmp_path, shrink):
    """Root and pixels of a small MNIST."""
    shrink("mnist", (2,) * 10, (1,) * 10)
    raw = tmp_path / "torchvision" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = {}
    for split, name, count in (("train", "train", 20), ("test", "t10k", 10)):
        pixels[split] = RNG.integers(256, size=(count, 28, 28), dtype=np.uint8)
        write_idx(raw / f"{name}-images-idx3-ubyte", pixels[split])
        write_idx(raw / f"{name}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8))
    return tmp_path / "torchvision", pixels


def test_mnist_is_read_from_its_idx_files(mnist):
    root, pixels = mnist
    dataset = published(name="mnist", root=str(root), image_size=28)
    assert torch.equal(dataset.train.pixels[:, 0], torch.from_numpy(pixels["train"]))
    assert dataset.evaluated.labels.tolist() == list(range(10))
    assert dataset.class_names == DIGITS


def test_both_layouts_of_the_same_images_have_one_identity(mnist, hugging_face):
    root, _ = mnist
    elsewhere, arrays = hugging_face("image", "label", shape=(28, 28), names=DIGITS, of="mnist")
    raw = root / "MNIST" / "raw"
    for split, name in (("train", "train"), ("test", "t10k")):
        count = len(arrays[split])
        write_idx(raw / f"{name}-images-idx3-ubyte", arrays[split])
        write_idx(raw / f"{name}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8))
    ours, theirs = (published(name="mnist", root=str(place)) for place in (root, elsewhere))
    assert ours.digest == theirs.digest


def test_a_truncated_mnist_file_is_named(mnist):
    root, _ = mnist
    images = root / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"^root=.*MNIST/raw/test cannot be read"):
        published(name="mnist", root=str(root))


def test_labels_out_of_range_are_refused(mnist):
    root, _ = mnist
    write_idx(root / "MNIST" / "raw" / "train-labels-idx1-ubyte", np.full(20, 10, dtype=np.uint8))
    with pytest.raises(ValueError, match="from 0 to 9"):
        published(name="mnist", root=str(root))


def test_images_and_labels_have_to_be_as_many(mnist):
    root, _ = mnist
    write_idx(root / "MNIST" / "raw" / "train-labels-idx1-ubyte", np.zeros(19, dtype=np.uint8))
    with pytest.raises(ValueError, match="20 images and 19 labels of train"):
        published(name="mnist", root=str(root))


def test_images_of_another_size_are_refused(mnist):
    root, _ = mnist
    write_idx(
        root / "MNIST" / "raw" / "train-images-idx3-ubyte", np.zeros((20, 14, 56), dtype=np.uint8)
    )
    with pytest.raises(ValueError, match=r"of \(14, 56\) pixels, which have to be of \(28, 28\)"):
        published(name="mnist", root=str(root))


@pytest.mark.parametrize(
    "sizes", [(2**31, 28, 28), (0, 28, 28), (19, 28, 28), (2**31, 2**31, 2**2)]
)
def test_sizes_that_are_not_those_of_the_file_are_refused(mnist, sizes):
    root, _ = mnist
    path = root / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">HBB3I", 0, 8, 3, *sizes) + path.read_bytes()[16:])
    with pytest.raises(ValueError, match=r"^root=.*MNIST/raw/train cannot be read \([^\n]*$"):
        published(name="mnist", root=str(root))


@pytest.mark.parametrize("start", [b"", b"\x80\x04", b"\x00\x00\x08\x04" + bytes(16)])
def test_a_file_that_begins_otherwise_is_refused(mnist, start):
    root, _ = mnist
    (root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").write_bytes(start)
    with pytest.raises(ValueError, match=r"^root=.*MNIST/raw/test cannot be read"):
        published(name="mnist", root=str(root))


def batch(count: int, key: str) -> dict:
    rows = RNG.integers(256, size=(count, 3072), dtype=np.uint8)
    return {"data": rows, key: [i % 2 for i in range(count)]}


@pytest.fixture
def cifar(tmp_path, monkeypatch, request, shrink):
    """Root and train rows of a small CIFAR whose checksums torchvision is told."""
    name, key = request.param
    source = torchvision_layout.TORCHVISION_CLASSES[name]
    directory = tmp_path / "torchvision" / source.base_folder
    directory.mkdir(parents=True)
    rows, lists = [], {"train_list": [], "test_list": []}
    for split, files in lists.items():
        for file, _ in getattr(source, split):
            content = batch(4, key)
            rows += [content["data"]] if split == "train_list" else []
            files.append([file, written(directory / file, content)])
        monkeypatch.setattr(source, split, files)
    meta = dict(source.meta)
    meta["md5"] = written(directory / meta["filename"], {meta["key"]: ["cat", "dog"]})
    monkeypatch.setattr(source, "meta", meta)
    shrink(name, (len(np.concatenate(rows)) // 2,) * 2, (2, 2))
    return name, tmp_path / "torchvision", np.concatenate(rows), directory


def written(path, content: object) -> str:
    data = pickle.dumps(content)
    path.write_bytes(data)
    return hashlib.md5(data).hexdigest()


BOTH = pytest.mark.parametrize(
    "cifar", [("cifar10", "labels"), ("cifar100", "fine_labels")], indirect=True
)


@BOTH
def test_cifar_is_read_from_its_batches(cifar):
    name, root, rows, _ = cifar
    dataset = published(name=name, root=str(root))
    # A row is the red plane, then green, then blue, each row by row.
    assert dataset.train.pixels[0, 1, 2, 3] == rows[0, 1024 + 2 * 32 + 3]
    assert dataset.train.pixels.shape == (len(rows), 3, 32, 32)
    assert dataset.train.labels[:4].tolist() == [0, 1, 0, 1]
    assert dataset.class_names == ("cat", "dog")


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@BOTH
@pytest.mark.parametrize("which", ["train_list", "meta"])
def test_a_file_without_the_published_checksum_is_not_unpickled(cifar, tmp_path, which):
    name, root, _, directory = cifar
    source = torchvision_layout.TORCHVISION_CLASSES[name]
    file = source.meta["filename"] if which == "meta" else source.train_list[0][0]
    (directory / file).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(ValueError, match=rf"^root=.*{file} is not the published file"):
        published(name=name, root=str(root))
    assert not (tmp_path / "sprung").exists()


def test_a_directory_that_cannot_be_looked_into_is_named(mnist, monkeypatch):
    root, _ = mnist

    def denied(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("titn.data.paths.os.stat", denied)
    with pytest.raises(ValueError, match=r"^root=\S+: \S+ubyte cannot be read \(Permission denied"):
        published(name="mnist", root=str(root))


@BOTH
def test_a_batch_that_the_disk_does_not_give_back_is_named(cifar, monkeypatch):
    name, root, _, _ = cifar

    def fails(path):
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", fails)
    with pytest.raises(ValueError, match=r"^root=\S+: \S+ cannot be read \(Input/output error\)"):
        published(name=name, root=str(root))


@pytest.mark.parametrize(
    ("name", "there", "at", "remedy"),
    [
        ("cifar100", "cifar-100-python.tar.gz", ".", "dataset.download=true unpacks it"),
        ("mnist", "MNIST/raw/t10k-labels-idx1-ubyte.gz", ".", "dataset.download=true unpacks it"),
        ("cifar10", "cifar-10-batches-py/x", "cifar-10-batches-py", "give the directory above it"),
        ("mnist", "MNIST/raw/x", "MNIST/raw", "give the directory two above it"),
    ],
)
def test_files_that_are_nearly_there_have_a_remedy(tmp_path, name, there, at, remedy):
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).touch()
    with pytest.raises(ValueError, match=rf"^root=\S+: .*; {remedy}"):
        published(name=name, root=str(tmp_path / at))


def test_a_download_that_cannot_be_says_why(tmp_path, monkeypatch):
    # Port 9 of this machine: nobody answers.
    monkeypatch.setattr(torchvision_layout.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(ValueError, match=r"^download=true: mnist could not be fetched .*MNIST/raw"):
        published(name="mnist", root=str(tmp_path), download=True)


def test_what_is_there_is_not_downloaded(mnist, monkeypatch):
    root, _ = mnist
    monkeypatch.setattr(
        torchvision_layout.TorchvisionLayout, "download", lambda _: pytest.fail("downloaded")
    )
    assert len(published(name="mnist", root=str(root), download=True).train) == 20
