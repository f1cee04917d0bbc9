"""What titn reads of data and weights, damaged in every way that hypothesis thinks of.

A damaged file has to be answered by a line that names it. Or it cannot be known that it was
damaged, as of a photograph with another pixel: then an independent reader has to agree that there
is nothing wrong. What has a checksum of titn's own has to be noticed, or to change nothing.
"""

import contextlib
import gc
import io
import os
import pickle
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sklearn.datasets
import sklearn.model_selection  # noqa: F401
import torch
from drawn import for_each
from harness import TINY, Done, Tally
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

# What a command would import itself, in each of its processes.
import titn.data.mixing
import titn.data.sources
import titn.data.views
import titn.losses.supervised
import titn.models.titn
import titn.optim.optimizers
import titn.optim.schedules  # noqa: F401

# Longer than any of these commands takes; what takes longer hangs.
TIMEOUT_SECS = 60.0
# Of a record: what the images and the weights decide.
NUMBERS = ("top1", "nll", "cls", "dist", "fused", "data_digest", "num_train", "class_names")


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@dataclass
class Place:
    """Where good files lie, and where commands are run on damaged ones.

    run: a finished run, a copy of it for each place; record: what its weights are worth.
    """

    root: Path
    run: Path
    record: dict

    @property
    def sprung(self) -> Path:
        """There only if a pickle has been unpickled."""
        return self.root / "sprung"

    def directory(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def train(self, *overrides: str) -> tuple[Done, dict | None]:
        """What `titn.train` says, and the record if it made one."""
        return _train(self._empty("at"), *overrides)

    def predict(self, image: Path) -> Done:
        arguments = (str(self.run), str(image), "--device=cpu")
        return harness.run("predict", *arguments, cwd=self._empty("at"), timeout_secs=TIMEOUT_SECS)

    def _empty(self, name: str) -> Path:
        shutil.rmtree(self.root / name, ignore_errors=True)
        return self.directory(name)


def damaged_data(examples: int, seed: int = 0) -> list[Tally]:
    """So many damaged files of each kind; what was not survived is in the tallies."""
    kinds = (
        ("parquet shard", parquet_shards),
        ("PNG/JPEG/WebP in a folder", images_in_a_folder),
        ("image given to predict", images_to_predict),
        ("weights (safetensors)", safetensors_weights),
        ("weights (.pt)", pickled_weights),
        ("decoded cache", decoded_caches),
        ("config.yaml of a run for predict", configurations),
    )
    tallies = []
    with (
        TemporaryDirectory() as directory,
        _environment(TITN_CACHE=f"{directory}/cache"),
        _nothing_collected(),
    ):
        root = Path(directory)
        run = _finished(root / "finished")
        record = _worth(root / "worth", run)
        for fault, kind in kinds:
            place = root / kind.__name__
            at = Place(place, Path(shutil.copytree(run, place / "run")), record)
            tallies.append(_tally(fault, kind(at), at, examples, seed))
    return tallies


def _finished(at: Path) -> Path:
    """The directory of a run that has weights."""
    done, record = _train(at, "dataset.fraction=0.1")
    assert record is not None, done.err
    return harness.records(at)[0].parent


def _worth(at: Path, run: Path) -> dict:
    """The record of a run that only evaluates another's weights."""
    done, record = _train(at, *_evaluating(run))
    assert record is not None, done.err
    return record


def _train(at: Path, *overrides: str) -> tuple[Done, dict | None]:
    at.mkdir(exist_ok=True)
    overrides = (*TINY, "epochs=1", *overrides)
    done = harness.run("train", *overrides, cwd=at, timeout_secs=TIMEOUT_SECS)
    made = harness.records(at)
    return done, harness.record(made[0]) if made else None


def _evaluating(weights: Path) -> tuple[str, ...]:
    return "epochs=0", "dataset.fraction=0.1", f"checkpoint={weights}"


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """A forked process that looks for garbage copies all that it inherits: half of its time."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def _environment(**changes: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# --- damages --------------------------------------------------------------------------------------

# Numbers that a length, a size or a count in a header should never be.
ODD_NUMBERS = (0, 1, 2**7, 2**15 - 1, 2**16 - 1, 2**24, 2**31 - 1, 2**32 - 1, 2**62, 2**64 - 1)


def damaged(good: bytes, sprung: Path) -> st.SearchStrategy[bytes]:
    """Other bytes than the good ones."""
    return st.one_of(*(way(good, sprung) for way in WAYS)).filter(lambda bad: bad != good)


def one_of(choices: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """By their numbers: hypothesis would write long ones out, time and again."""
    return st.integers(0, len(choices) - 1).map(lambda number: choices[number])


def somewhere(good: bytes) -> st.SearchStrategy[int]:
    """A position; headers at either end are small, and hit as often as all the rest."""
    last = max(len(good) - 1, 0)
    return st.one_of(
        st.integers(0, last),
        st.integers(0, min(last, 128)),
        st.integers(max(last - 128, 0), last),
    )


def truncated(good: bytes, _: Path) -> st.SearchStrategy[bytes]:
    return st.one_of(st.integers(0, len(good)), somewhere(good)).map(lambda at: good[:at])


def flipped(good: bytes, _: Path) -> st.SearchStrategy[bytes]:
    def flip(bits: list[tuple[int, int]]) -> bytes:
        content = bytearray(good)
        for at, bit in bits:
            content[at] ^= 1 << bit
        return bytes(content)

    return st.lists(st.tuples(somewhere(good), st.integers(0, 7)), min_size=1, max_size=4).map(flip)


def overwritten(good: bytes, _: Path) -> st.SearchStrategy[bytes]:
    """A stretch of zeros, or of anything."""
    zeros = st.sampled_from((1, 4, 16, 512, 4096)).map(bytes)
    stretch = st.one_of(zeros, st.binary(min_size=1, max_size=64))
    return st.builds(
        lambda at, new: good[:at] + new[: len(good) - at] + good[at + len(new) :],
        somewhere(good),
        stretch,
    )


def edited(good: bytes, _: Path) -> st.SearchStrategy[bytes]:
    """A number of a header replaced by an odd one, in either order of bytes."""

    def edit(at: int, number: int, width: int, order: str) -> bytes:
        new = (number % 2 ** (8 * width)).to_bytes(width, order)
        return good[:at] + new[: len(good) - at] + good[at + width :]

    widths, orders = st.sampled_from((2, 4, 8)), st.sampled_from(("little", "big"))
    return st.builds(edit, somewhere(good), st.sampled_from(ODD_NUMBERS), widths, orders)


def spliced(good: bytes, _: Path) -> st.SearchStrategy[bytes]:
    """Something left out, or put in."""
    return st.builds(
        lambda at, length, new: good[:at] + new + good[at + length :],
        somewhere(good),
        st.integers(0, 32),
        st.binary(max_size=32),
    )


def replaced(good: bytes, sprung: Path) -> st.SearchStrategy[bytes]:
    """Another file altogether: emptied, doubled, a pickle that runs code, random bytes."""
    trap = Trap(sprung)
    archive = io.BytesIO()
    torch.save({"weight": trap}, archive)
    others = (b"", good + good, pickle.dumps(trap), pickle.dumps(trap, 0), archive.getvalue())
    return st.one_of(one_of(others), st.binary(min_size=1, max_size=300))


WAYS = (truncated, flipped, overwritten, edited, spliced, replaced)


# --- trying ---------------------------------------------------------------------------------------

# What is wrong with how a damaged file was answered; None if nothing is.
Judge = Callable[[bytes], str | None]


@dataclass
class Target:
    """A good file, and what becomes of a damaged one that takes its place."""

    path: Path
    judge: Judge
    more: st.SearchStrategy[bytes] | None = None


def _tally(fault: str, targets: list[Target], place: Place, examples: int, seed: int) -> Tally:
    tally = Tally(fault)
    contents = [target.path.read_bytes() for target in targets]

    def attempt(data: st.DataObject) -> None:
        which = data.draw(st.integers(0, len(targets) - 1))
        target, good = targets[which], contents[which]
        ways = [damaged(good, place.sprung), *([target.more] if target.more is not None else [])]
        bad = data.draw(st.one_of(ways))
        target.path.write_bytes(bad)
        try:
            lost = target.judge(bad)
        finally:
            target.path.write_bytes(good)
        if place.sprung.exists():
            place.sprung.unlink()
            lost = "a pickle was run"
        tally.count(lost and f"{target.path.name}: {lost}; the file was {_shown(bad)}")

    for_each(st.data(), examples, seed, attempt)
    return tally


def _shown(content: bytes) -> str:
    return repr(content) if len(content) < 200 else f"{len(content)} bytes, {content[:80]!r}..."


# --- images ---------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
FORMATS = {"png": {}, "jpg": {"quality": 95}, "webp": {"lossless": True}}


def picture(suffix: str) -> bytes:
    """A file of 8x8 random pixels."""
    pixels = Image.fromarray(RNG.integers(256, size=(8, 8, 3), dtype=np.uint8))
    file = io.BytesIO()
    pixels.save(file, Image.registered_extensions()[f".{suffix}"], **FORMATS.get(suffix, {}))
    return file.getvalue()


def is_picture(content: bytes) -> bool:
    """Pillow's word, to the last pixel."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content)) as image:
                image.load()
    except Exception:
        return False
    return True


def images_in_a_folder(place: Place) -> list[Target]:
    """Six images in three formats; each may be the damaged one."""
    data = place.directory("data")
    for split in ("train", "test"):
        for name in ("ants", "bees"):
            directory = place.directory(f"data/{split}/{name}")
            for suffix in FORMATS:
                (directory / f"{name}.{suffix}").write_bytes(picture(suffix))

    def target(path: Path) -> Target:
        def judge(bad: bytes) -> str | None:
            done, record = place.train("dataset=folder", f"dataset.root={data}")
            if done.code:
                return harness.problem(done, path.name)
            accepted = record is not None and record["num_train"] == 6 and is_picture(bad)
            return None if accepted else "was taken for an image"

        return Target(path, judge)

    return [target(data / "train" / "bees" / f"bees.{suffix}") for suffix in FORMATS]


def images_to_predict(place: Place) -> list[Target]:
    def target(path: Path) -> Target:
        path.write_bytes(picture(path.suffix[1:]))

        def judge(bad: bytes) -> str | None:
            done = place.predict(path)
            if done.code:
                return harness.problem(done, path.name)
            answered = path.name in done.out and is_picture(bad)
            return None if answered else "was taken for an image"

        return Target(path, judge)

    formats = (*FORMATS, "gif", "bmp", "tiff")
    return [target(place.root / f"image.{suffix}") for suffix in formats]


# --- parquet --------------------------------------------------------------------------------------


def parquet_shards(place: Place) -> list[Target]:
    data = place.directory("data")
    for name in ("train-0", "train-1", "test-0"):
        images = [{"bytes": picture("png"), "path": None} for _ in range(6)]
        table = pa.table({"image": images, "label": [0, 1] * 3})
        names = '{"info": {"features": {"label": {"names": ["ants", "bees"]}}}}'
        pq.write_table(
            table.replace_schema_metadata({"huggingface": names}), data / f"{name}.parquet"
        )
    path = data / "train-1.parquet"

    def judge(bad: bytes) -> str | None:
        done, record = place.train("dataset=parquet", f"dataset.root={data}")
        if done.code:
            # Of two files that differ in what their schemas say, either may be the damaged one.
            return harness.problem(done, "its files differ" if "differ" in done.err else path.name)
        rows = _rows(bad)
        if rows is None or record is None:
            return "was taken for images"
        return None if record["num_train"] == 6 + rows else f"has {rows} images"

    return [Target(path, judge)]


def _rows(content: bytes) -> int | None:
    """How many images and labels a shard has; None if they cannot all be read."""
    try:
        # Not the images' paths, which nobody asks for.
        wanted = ["image.bytes", "label"]
        columns = pq.read_table(io.BytesIO(content), columns=wanted).to_pydict()
    except Exception:
        return None
    fit = all(label in (0, 1) for label in columns["label"])
    return len(columns["label"]) if fit and all(map(_is_cell, columns["image"])) else None


def _is_cell(cell: dict) -> bool:
    return is_picture(cell["bytes"])


# --- weights --------------------------------------------------------------------------------------


def _started_from(place: Place, path: Path, sound: Callable[[bytes], bool]) -> Judge:
    """Judges a run that only evaluates the weights in `path`, a run's directory or a file.

    sound: whether others than the good ones may do as well, as no checksum could tell.
    """
    overrides, good = _evaluating(path), place.record

    def judge(bad: bytes) -> str | None:
        done, record = place.train(*overrides)
        if done.code:
            return harness.problem(done, path.name)
        assert record is not None
        same = all(record[name] == good[name] for name in NUMBERS)
        return None if same or sound(bad) else "other weights were taken for the good ones"

    return judge


def safetensors_weights(place: Place) -> list[Target]:
    """titn's own, in a run's directory, and a stranger's, which have no checksum."""
    own, strangers = place.run / "weights.safetensors", place.root / "theirs.safetensors"
    tensors = load_file(own)
    save_file(tensors, strangers)

    def sound(bad: bytes) -> bool:
        strangers.write_bytes(bad)
        found = load_file(strangers)
        return found.keys() == tensors.keys() and all(map(_is_finite, found.values()))

    return [
        Target(own, _started_from(place, place.run, lambda _: False)),
        Target(strangers, _started_from(place, strangers, sound)),
    ]


def _is_finite(tensor: torch.Tensor) -> bool:
    return bool(tensor.float().isfinite().all())


def pickled_weights(place: Place) -> list[Target]:
    """Archives of torch.save have checksums of their own, the files of before torch 1.6 none."""
    tensors = load_file(place.run / "weights.safetensors")
    archive, old = place.root / "archive.pt", place.root / "old.pt"
    torch.save(tensors, archive)
    torch.save(tensors, old, _use_new_zipfile_serialization=False)

    def sound(_: bytes) -> bool:
        found = torch.load(old, weights_only=True)
        return found.keys() == tensors.keys() and all(map(_is_finite, found.values()))

    return [
        Target(
            archive, _started_from(place, archive, lambda _: False), more=_traps(archive, place)
        ),
        Target(old, _started_from(place, old, sound)),
    ]


def _traps(archive: Path, place: Place) -> st.SearchStrategy[bytes]:
    """The good archive with a pickle in it that runs code, its checksums right."""

    def trapped(protocol: int) -> bytes:
        new = io.BytesIO()
        with zipfile.ZipFile(archive) as old, zipfile.ZipFile(new, "w") as written:
            for name in old.namelist():
                trap = pickle.dumps(Trap(place.sprung), protocol)
                written.writestr(name, trap if name.endswith("data.pkl") else old.read(name))
        return new.getvalue()

    return st.sampled_from((0, 2, 4)).map(trapped)


# --- what titn has written for itself -------------------------------------------------------------


def decoded_caches(place: Place) -> list[Target]:
    """Whatever becomes of it, the record is the one of the files."""
    data = place.directory("data")
    for split in ("train", "test"):
        for name in ("ants", "bees"):
            (place.directory(f"data/{split}/{name}") / "0.png").write_bytes(picture("png"))
    cache = place.directory("cache")
    with _environment(TITN_CACHE=str(cache)):
        _, good = place.train("dataset=folder", f"dataset.root={data}")
    assert good is not None
    (path,) = cache.rglob("*.safetensors")

    def judge(_: bytes) -> str | None:
        with _environment(TITN_CACHE=str(cache)):
            done, record = place.train("dataset=folder", f"dataset.root={data}")
        if done.code or "Traceback" in done.err or record is None:
            return f"exit code {done.code}: {done.err[-300:]}"
        same = all(record[name] == good[name] for name in NUMBERS)
        return None if same else "other images were trained on"

    return [Target(path, judge)]


LAUGHS = "\n".join(
    ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 20))]
)
MERGES = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 40))]
)
VALUES = (
    "null", "[]", "{}", "-1", "1e999", ".nan", "'x'", "2020-01-01", "9" * 5000, "1000000000",
    "!!python/object/apply:os.system ['true']", "!!binary AAAA", "!!set {a}", "&a [*a]",
    '"\\e[31m"', "titn.data.views.Plain", "titn.losses.supervised.Supervised",
    "this.that.Other", "a\n  - b:",
)  # fmt: skip


def configurations(place: Place) -> list[Target]:
    """A run that may be anyone's: its answer is the same, or it is refused."""
    image = place.root / "image.png"
    image.write_bytes(picture("png"))
    path = place.run / "config.yaml"
    lines = path.read_text().splitlines()
    good = place.predict(image)
    assert good.code == 0, good.err

    def judge(_: bytes) -> str | None:
        done = place.predict(image)
        if done.code:
            return harness.problem(done, place.run.name)
        return None if done.out == good.out else "answers otherwise"

    def with_value(at: int, value: str) -> bytes:
        key = lines[at].partition(":")[0]
        return "\n".join([*lines[:at], f"{key}: {value}", *lines[at + 1 :]]).encode()

    texts = ("[" * 100_000, "{a: " * 100_000, LAUGHS, MERGES, "- " * 50_000, "&a\na: *a")
    whole = tuple(text.encode() for text in texts)
    more = st.one_of(
        st.builds(with_value, st.integers(0, len(lines) - 1), st.sampled_from(VALUES)),
        one_of(whole),
        one_of(tuple(path.read_bytes() + text for text in whole)),
    )
    return [Target(path, judge, more)]
