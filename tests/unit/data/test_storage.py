"""Images on a disk: the same as in memory to the last bit, made once, and never half of them."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from titn.cells.ensure import ensure
from titn.data import folder as folder_layout
from titn.data import row_file, sources, storage, stored
from titn.data.batches import sequential_batches, training_batches
from titn.data.images import Images
from titn.data.mixing import MixUp
from titn.data.views import CropFlip
from titn.system import memory, tensor_files
from titn.system.errors import ConfigError
from titn.system.files import cache_dir

RNG = np.random.default_rng(0)
NUM_TRAIN, NUM_TEST = 60, 12
CLASSES = ("ant", "bee", "cat")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TITN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decoded"


def pixels(count: int, *shape: int) -> np.ndarray:
    return RNG.integers(256, size=(count, *shape), dtype=np.uint8)


def save_files(place, modes=("RGB", "L", "RGBA", "LA")):
    """Images of several sizes and modes in train/CLASS/ and test/CLASS/."""
    for split, count in (("train", NUM_TRAIN), ("test", NUM_TEST)):
        for number in range(count):
            file = place / split / CLASSES[number % 3] / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            size = (9 + number % 4, 11)
            image = Image.fromarray(pixels(1, *size, 4)[0], "RGBA")
            image.convert(modes[number % len(modes)]).save(file)
    return str(place)


def save_csv(place):
    save_files(place)
    lines = [
        f"{file.relative_to(place)},{file.parent.name},{file.parent.parent.name}"
        for file in sorted(place.rglob("*.png"))
    ]
    (place / "list.csv").write_text("\n".join(["path,label,split", *lines]))
    return str(place / "list.csv")


def save_npz(place, shape=(8, 8, 3), to=lambda images: images, save=np.savez):
    place.mkdir()
    arrays = {}
    for split, count in (("train", NUM_TRAIN), ("test", NUM_TEST)):
        arrays |= {f"x_{split}": to(pixels(count, *shape)), f"y_{split}": np.arange(count) % 3}
    save(place / "mine.npz", **arrays)
    return str(place / "mine.npz")


def opaque(images):
    images[..., 3] = 255
    return images


def encoded(image: np.ndarray) -> dict:
    import io

    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return {"bytes": content.getvalue(), "path": None}


def save_parquet(place, shape=(8, 8, 3)):
    """Two files of train, one of test, of the hub's names."""
    place.mkdir()
    features = {"label": {"names": CLASSES, "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    half = NUM_TRAIN // 2
    for name, count in (("train-00000-of-00002", half), ("train-00001-of-00002", half),
                        ("test-00000-of-00001", NUM_TEST)):  # fmt: skip
        columns = {
            "image": [encoded(one) for one in pixels(count, *shape)],
            "label": [number % 3 for number in range(count)],
        }
        table = pa.table(columns).replace_schema_metadata(metadata)
        pq.write_table(table, place / f"{name}.parquet")
    return str(place)


SETS = {
    "folder": ("folder", save_files),
    "csv": ("csv", save_csv),
    "npz": ("npz", save_npz),
    "npz, floating point, compressed": (
        "npz",
        lambda place: save_npz(
            place, to=lambda images: (images / 255).astype(np.float32), save=np.savez_compressed
        ),
    ),
    "npz, grey": ("npz", lambda place: save_npz(place, (32, 32))),
    "npz, opaque": ("npz", lambda place: save_npz(place, (8, 8, 4), opaque)),
    "parquet": ("parquet", save_parquet),
    "parquet, grey": ("parquet", lambda place: save_parquet(place, (40, 40))),
    "huggingface": ("huggingface", save_parquet),
}
SELECTIONS = (
    {},
    {"fraction": 0.5, "num_classes": 2},
    {"split": "validation", "validation_fraction": 0.25},
)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", SETS)
def test_images_on_a_disk_are_those_in_memory(tmp_path, kind, channels):
    name, save = SETS[kind]
    if name == "parquet" and channels == 4:
        pytest.skip("parquet takes none")
    root = save(tmp_path / "data")
    for selection in SELECTIONS:
        keywords = {"root": root, "image_size": 32, "channels": channels, **selection}
        kept, read = (
            getattr(sources, name)(**keywords, storage=where) for where in ("ram", "disk")
        )
        assert isinstance(read, stored.StoredDataset)
        assert (kept.digest, kept.class_names, kept.split) == (
            read.digest, read.class_names, read.split,
        )  # fmt: skip
        for mine, other in ((kept.train, read.train), (kept.evaluated, read.evaluated)):
            assert torch.equal(mine.labels, other.labels)
            assert torch.equal(mine.pixels, other.pixels[torch.arange(len(other))])
        assert replace(kept.spec, sample=None) == replace(read.spec, sample=None)
        assert torch.equal(kept.spec.sample, read.spec.sample)


def test_batches_of_an_epoch_are_the_same_wherever_images_are(tmp_path):
    root = save_files(tmp_path / "data")
    batches = []
    for where in ("ram", "disk"):
        dataset = sources.folder(root=root, storage=where)
        of_epoch = training_batches(
            dataset.train, CropFlip(), MixUp(), batch_size=16, seed=3, epoch=2, first=1
        )
        batches.append([batch.images for batch in of_epoch])
        batches[-1] += [part.pixels for part in sequential_batches(dataset.evaluated, 5)]
    assert len(batches[0]) == 2 + 3
    for kept, read in zip(*batches, strict=True):
        assert torch.equal(kept, read)


def test_a_run_has_the_same_identity_and_weights_wherever_its_images_are(tmp_path, composed):
    root = save_files(tmp_path / "data")
    found = []
    for where in ("ram", "disk"):
        run = composed(
            "dataset=folder", f"dataset.root={root}", "dataset.image_size=8", "model=deit",
            f"dataset.storage={where}", "model.patch_size=4", "model.depth=1", "model.heads=2",
            "model.patch_dim=8", "epochs=2", "batch_size=16", "precision=32-true", "device=cpu",
            "compile=none", f"runs_dir={tmp_path / where}",
        )  # fmt: skip
        directory, record = ensure(run)
        weights, _ = tensor_files.load(directory.weights)
        found.append((directory.path.name, record["nll"], record["train"], weights))
    kept, read = found
    assert kept[:3] == read[:3]
    for name, weight in kept[3].items():
        assert torch.equal(weight, read[3][name]), name


# --- where they are ---------------------------------------------------------------------------


def test_images_that_fit_are_in_memory_and_others_on_the_disk_with_a_line(
    tmp_path, monkeypatch, capsys
):
    root = save_files(tmp_path / "data")
    need = 2 * (NUM_TRAIN + NUM_TEST) * 3 * 16 * 16
    for available, kind in ((need, torch.Tensor), (need - 1, stored.StoredPixels)):
        monkeypatch.setattr(storage, "BATCH", 1)
        monkeypatch.setattr(storage, "available_memory", lambda available=available: available)
        capsys.readouterr()
        assert isinstance(sources.folder(root=root, image_size=16).train.pixels, kind)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"{root}: 72 images of 3x16x16 need 111 kB of memory, and 111 kB are available: they are "
        f"read as they are needed from a file of 55.3 kB in {cache_dir() / 'decoded'}; "
        "dataset.storage=ram holds them in memory all the same"
    )


def test_a_disk_without_room_is_named_before_anything_is_decoded(tmp_path, monkeypatch):
    root = save_files(tmp_path / "data")
    monkeypatch.setattr(folder_layout, "decode_channels", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: shutil_usage(free=221_183))
    reason = r"^storage=disk: .* need 221 kB in .*cache/decoded, where 221 kB are free; TITN_CACHE="
    with pytest.raises(ValueError, match=reason):
        sources.folder(root=root, storage="disk")


def shutil_usage(free: int):
    from shutil import _ntuple_diskusage

    return _ntuple_diskusage(10**9, 10**9 - free, free)


def test_a_disk_that_gets_full_is_named_and_decoding_goes_on_when_there_is_room(
    tmp_path, monkeypatch, capsys
):
    root = save_files(tmp_path / "data")

    def full(self, row, real=row_file.RowWriter._add):
        if len(self.sums) == 50:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(row_file.RowWriter, "_add", full)
        with pytest.raises(ValueError, match=r"^storage=disk: the disk of .* is full; make room, "):
            sources.folder(root=root, storage="disk")
    read = sources.folder(root=root, storage="disk")
    assert "50 of 72 images are decoded already" in capsys.readouterr().err
    assert torch.equal(rows_of(read), rows_of(sources.folder(root=root, storage="ram")))


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    root = save_files(tmp_path / "data")
    monkeypatch.setenv("TITN_CACHE", "/dev/null/titn")
    with pytest.raises(ValueError, match=r"^storage=disk: .* cannot be written .* TITN_CACHE=DIR"):
        sources.folder(root=root, storage="disk")


def test_images_that_a_gpu_has_no_room_for_stay_in_main_memory(tmp_path, monkeypatch, capsys):
    dataset = sources.folder(root=save_files(tmp_path / "data"), image_size=16)
    size = (NUM_TRAIN + NUM_TEST) * 3 * 16 * 16
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * size, 10**12))
    assert stored.kept_off(dataset, gpu) is dataset
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * size - 1, 10**12))
    kept = stored.kept_off(dataset, gpu)
    assert "stay in main memory" in capsys.readouterr().err
    assert torch.equal(kept.spec.sample, dataset.spec.sample)
    assert kept.spec.mean == dataset.spec.mean
    assert torch.equal(kept.train.pixels[3:7], dataset.train.pixels[3:7])


def test_a_batch_of_images_elsewhere_is_on_the_device_that_they_are_for(tmp_path):
    images = sources.folder(root=save_files(tmp_path / "data"), storage="disk").train
    moved = images.to(torch.device("meta"))
    assert moved.pixels.device == moved.labels.device == torch.device("meta")
    assert moved.pixels[torch.tensor([1, 2])].device == torch.device("meta")
    assert moved.pixels[2:9].shape == (7, 3, 32, 32)


def test_what_chooses_images_before_it_looks_reads_none(tmp_path, monkeypatch):
    images = sources.folder(root=save_files(tmp_path / "data"), storage="disk").train
    monkeypatch.setattr(type(images.pixels.rows), "read", lambda *_: pytest.fail("read"))
    chosen = stored.unread(images).take(torch.tensor([5, 50]))
    assert chosen.pixels.numbers.tolist() == [5, 50]
    assert chosen.labels.tolist() == images.labels[[5, 50]].tolist()
    plain = Images(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))
    assert stored.unread(plain) is plain


# --- the file ---------------------------------------------------------------------------------


def rows_of(dataset) -> torch.Tensor:
    return torch.cat(
        [part.pixels[torch.arange(len(part))] for part in (dataset.train, dataset.evaluated)]
    )


def in_subprocess(program: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


KILLED = """
    import os, signal
    from titn.data import folder, row_file, sources
    what = os.environ["WHAT"]
    real, calls = folder.decode_channels, []
    def decode(*how):
        calls.append(how)
        if what == "decoding" and len(calls) == 50:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*how)
    folder.decode_channels = decode
    if what == "writing the index":
        row_file.tensor_files.save = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    if what == "renaming":
        row_file.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    sources.folder(root=os.environ["ROOT"], image_size=128, storage="disk")
"""


@pytest.mark.parametrize(
    ("what", "left"), [("decoding", 72 - 42), ("writing the index", 0), ("renaming", 0)]
)
def test_a_process_that_is_killed_is_continued_and_never_believed(
    tmp_path, monkeypatch, capsys, what, left
):
    root = save_files(tmp_path / "data")
    process = in_subprocess(KILLED, ROOT=root, WHAT=what)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    decoded, real = [], folder_layout.decode_channels
    monkeypatch.setattr(
        folder_layout, "decode_channels", lambda *how: (decoded.append(how), real(*how))[1]
    )
    read = sources.folder(root=root, image_size=128, storage="disk")
    # Of 49,152 bytes each, 21 to a megabyte: what was collected and not yet written is lost.
    assert len(decoded) == left
    assert f"{72 - left} of 72 images are decoded already" in capsys.readouterr().err
    assert torch.equal(
        rows_of(read), rows_of(sources.folder(root=root, image_size=128, storage="ram"))
    )
    assert not list(cache_dir().rglob("*.part"))


def test_what_is_damaged_of_an_interrupted_file_is_decoded_anew(tmp_path, monkeypatch, cache):
    root = save_files(tmp_path / "data")
    real = folder_layout.decode_channels

    def interrupted(file, *how):
        if file.name == "4.png" and "test" in str(file):
            raise KeyboardInterrupt
        return real(file, *how)

    monkeypatch.setattr(folder_layout, "decode_channels", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sources.folder(root=root, storage="disk")
    (part,) = cache.glob("*.rows.part")
    content = bytearray(part.read_bytes())
    content[10 * 3072] ^= 1
    part.write_bytes(content)
    decoded = []
    monkeypatch.setattr(
        folder_layout, "decode_channels", lambda *how: (decoded.append(how), real(*how))[1]
    )
    read = sources.folder(root=root, storage="disk")
    assert len(decoded) == 72 - 10
    assert torch.equal(rows_of(read), rows_of(sources.folder(root=root, storage="ram")))


def test_a_row_that_is_not_what_was_written_is_named_and_decoded_by_the_next_start(
    tmp_path, cache, monkeypatch
):
    root = save_files(tmp_path / "data")
    sources.folder(root=root, storage="disk")
    (rows,) = cache.glob("*.rows")
    content = bytearray(rows.read_bytes())
    content[7 * 3072 + 5] ^= 1
    rows.write_bytes(content)
    damaged = sources.folder(root=root, storage="disk").train
    damaged.pixels[torch.tensor([6, 8])]
    with pytest.raises(ConfigError, match=r"rows: image 7 is not what was written; the same"):
        damaged.pixels[torch.tensor([6, 7])]
    # Without the old rows, for which a disk may have no room beside the new ones.
    beside, write = [], row_file.RowWriter.write
    monkeypatch.setattr(
        row_file.RowWriter, "write", lambda *them: (beside.append(rows.exists()), write(*them))
    )
    read = sources.folder(root=root, storage="disk")
    assert beside == [False]
    assert torch.equal(rows_of(read), rows_of(sources.folder(root=root, storage="ram")))


@pytest.mark.parametrize("damage", ["cut off", "gone", "index"])
def test_a_file_that_is_not_whole_is_made_anew(tmp_path, cache, capsys, damage):
    root = save_files(tmp_path / "data")
    sources.folder(root=root, storage="disk")
    (rows,), (index,) = cache.glob("*.rows"), cache.glob("*.safetensors")
    if damage == "cut off":
        rows.write_bytes(rows.read_bytes()[:-1])
    elif damage == "gone":
        rows.unlink()
    else:
        index.write_bytes(index.read_bytes()[:-1])
    read = sources.folder(root=root, storage="disk")
    assert "the images are decoded again" in capsys.readouterr().err
    assert torch.equal(rows_of(read), rows_of(sources.folder(root=root, storage="ram")))


def test_of_several_processes_one_decodes(tmp_path):
    root = save_files(tmp_path / "data")
    program = """
        import os, pathlib, time
        from titn.data import folder, sources
        real, calls = folder.decode_channels, []
        def slowly(*how):
            time.sleep(0.01)
            calls.append(how)
            return real(*how)
        folder.decode_channels = slowly
        ready = pathlib.Path(os.environ["READY"])
        (ready / str(os.getpid())).touch()
        ends = time.monotonic() + 60
        while len(list(ready.iterdir())) < 2 and time.monotonic() < ends:  # both begin at once
            time.sleep(0.005)
        sources.folder(root=os.environ["ROOT"], image_size=64, storage="disk")
        print(len(calls))
    """
    ready = tmp_path / "ready"
    ready.mkdir()
    processes = [in_subprocess(program, ROOT=root, READY=str(ready)) for _ in range(2)]
    counts = [int(process.communicate()[0]) for process in processes]
    assert sorted(counts) == [0, 72]


def test_files_that_are_no_images_are_named_and_leave_nothing(tmp_path, cache):
    root = save_files(tmp_path / "data")
    for name in ("ant/0.png", "bee/1.png"):
        (tmp_path / "data" / "train" / name).write_text("no image")
    with pytest.raises(ValueError, match=r"2 of 60 files of train cannot be .*ant/0\.png .*bee/1"):
        sources.folder(root=root, storage="disk")
    assert not [file for file in cache.iterdir() if file.suffix != ".lock"]


def test_files_that_change_while_they_are_decoded_are_not_kept(tmp_path, monkeypatch, cache):
    root = save_files(tmp_path / "data")
    real = folder_layout.decode_channels

    def decode(file, *how):
        image = real(file, *how)
        if file.name == "9.png":
            Image.new("RGB", (5, 5)).save(file)
        return image

    monkeypatch.setattr(folder_layout, "decode_channels", decode)
    with pytest.raises(ValueError, match="changed while they were read"):
        sources.folder(root=root, storage="disk")
    assert not [file for file in cache.iterdir() if file.suffix != ".lock"]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"x_train": np.asfortranarray(pixels(6, 8, 8, 3))}, "Fortran's order"),
        ({"x_train": pixels(6, 8, 8, 4)}, "fourth channel is not opaque"),
        ({"x_train": pixels(6, 8, 8, 3).astype(np.float32)}, "only of 0 to 1 is known"),
        ({"x_train": pixels(5, 8, 8, 3)}, "5 images and 6 labels"),
        ({"x_train": np.array([None] * 6)}, "Python objects"),
    ],
)
def test_arrays_that_cannot_be_read_a_few_at_a_time_are_named(tmp_path, arrays, reason):
    good = {"x_train": pixels(6, 8, 8, 3), "x_test": pixels(6, 8, 8, 3)}
    if arrays["x_train"].shape[-1] == 4:
        good["x_test"] = pixels(6, 8, 8, 4)
    labels = {"y_train": np.arange(6) % 2, "y_test": np.arange(6) % 2}
    np.savez(tmp_path / "mine.npz", **good | labels | arrays)
    with pytest.raises(ValueError, match=rf"^root=.*mine\.npz: .*{reason}"):
        sources.npz(root=str(tmp_path / "mine.npz"), storage="disk")


# --- memory -----------------------------------------------------------------------------------

# 6,400 images of 49 kB, 315 MB, with room for 260 MB, of which three times 1,000 images take 150.
LIMITED = """
    import os, psutil, resource
    import torch
    from titn.data import sources
    from titn.data.batches import sequential_batches, training_batches
    from titn.data.mixing import Unmixed
    from titn.data.views import Plain
    import titn.data.decoding, titn.training.engine
    limit = psutil.Process().memory_info().data + 260_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    dataset = sources.folder(
        root=os.environ["ROOT"], image_size=128, storage=os.environ["STORAGE"]
    )
    dataset.spec
    batches = training_batches(dataset.train, Plain(), Unmixed(), batch_size=64, seed=0, epoch=0)
    print(sum(len(batch.images) for batch in batches))
    print(sum(len(batch) for batch in sequential_batches(dataset.evaluated, 256)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit counts what Linux counts")
def test_a_set_that_is_larger_than_memory_is_trained_on_and_evaluated(tmp_path):
    for split, count in (("train", 2900), ("test", 300)):
        for name in ("ant", "bee"):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            first = tmp_path / "data" / split / name / "0.bmp"
            Image.fromarray(pixels(1, 4, 4, 3)[0]).save(first)
            for number in range(1, count):
                os.link(first, first.with_name(f"{number}.bmp"))
    processes = {
        where: in_subprocess(LIMITED, ROOT=str(tmp_path / "data"), STORAGE=where)
        for where in ("ram", "auto")
    }
    found = {where: (*one.communicate(), one.returncode) for where, one in processes.items()}
    assert "do not fit into the memory" in found["ram"][1]
    assert found["auto"][2] == 0, found["auto"][1]
    assert found["auto"][0].split() == ["5760", "600"]  # 90 batches of 64
    assert "6400 images of 3x128x128 need 629 MB of memory" in found["auto"][1]


def test_memory_is_what_a_control_group_leaves(tmp_path, monkeypatch):
    group = tmp_path / "job"
    group.mkdir()
    (group / "memory.max").write_text("5000000\n")
    (group / "memory.current").write_text("3000000\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 500000\n")
    monkeypatch.setattr(memory, "_cgroups", lambda: [tmp_path, group])
    assert memory.available_memory() == 2_500_000


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (99_960, "100 kB"), (10**9, "1.0 GB")],
)
def test_sizes_have_two_or_three_digits(num_bytes, text):
    assert memory.size_text(num_bytes) == text
