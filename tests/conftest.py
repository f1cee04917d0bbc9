import os

# One thread for each test's process: the networks are tiny, and threads that wait for each other
# on a busy machine cost more than they give. Before torch is imported, or it has no effect.
os.environ["OMP_NUM_THREADS"] = "1"

import copy
import gc
import io
import json
import signal
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from PIL import Image

from titn.config import resolve
from titn.config.paths import conf_dir
from titn.data import layouts

# A shell lets what it starts in the background ignore Ctrl-C, and all that is started from there.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def _frozen():
    """What was imported and collected so far is no garbage.

    To look through it whenever a run is recorded took a third of such tests' time.
    """
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@cache
def composed_once(*overrides: str) -> DictConfig:
    """Composing takes a tenth of a second, and many tests ask for the same."""
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        return compose("config", list(overrides))


@pytest.fixture(scope="session")
def composed():
    """The checked configuration of a command line."""
    return lambda *overrides: resolve.resolve(copy.deepcopy(composed_once(*overrides)))


# A student that trains in a tenth of a second, on a quarter of the digits, of 8x8 pixels.
TINY = (
    "dataset.image_size=8",
    "model.patch_size=4",
    "model.pixel_size=2",
    "model.depth=1",
    "model.patch_dim=12",
    "model.outer_heads=2",
    "epochs=2",
    "dataset.fraction=0.25",
    "batch_size=64",
    "precision=32-true",
    "device=cpu",
    "compile=none",
)


@pytest.fixture
def tiny(composed, tmp_path):
    """A tiny run's configuration, in a directory of its own."""

    def compose_tiny(*overrides: str) -> dict:
        return composed(*TINY, f"runs_dir={tmp_path / 'runs'}", *overrides)

    return compose_tiny


def encoded(pixels: np.ndarray) -> dict:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.fixture
def shrink(monkeypatch):
    """Lets a published set have as few images of each class as a test writes."""

    def patch(name: str, train: tuple[int, ...], test: tuple[int, ...]) -> None:
        known = layouts.PUBLISHED_FORMATS[name]
        monkeypatch.setitem(layouts.PUBLISHED_FORMATS, name, known._replace(train=train, test=test))

    return patch


@pytest.fixture
def hugging_face(tmp_path, monkeypatch, shrink):
    """Writes a data set in the Hugging Face layout; returns its directory and its arrays.

    of: the published set that it passes for.
    """
    monkeypatch.setenv("TITN_CACHE", str(tmp_path / "cache"))

    def write(
        image="img",
        label="fine_label",
        shape=(32, 32, 3),
        names=("cat", "dog"),
        labels=None,
        of=None,
    ):
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        features = {label: {"names": list(names), "_type": "ClassLabel"}}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        arrays = {}
        for split, count in (("train", max(20, len(names))), ("test", max(6, len(names)))):
            rng = np.random.default_rng(len(split))
            arrays[split] = rng.integers(256, size=(count, *shape), dtype=np.uint8)
            columns = {
                image: [encoded(pixels) for pixels in arrays[split]],
                label: labels(count) if labels else [i % len(names) for i in range(count)],
            }
            table = pa.table(columns).replace_schema_metadata(metadata)
            pq.write_table(table, root / f"{split}-00000-of-00001.parquet")
        if of:
            classes = range(len(names))
            counts = [[len(a[k :: len(names)]) for k in classes] for a in arrays.values()]
            shrink(of, *map(tuple, counts))
        return root, arrays

    return write
