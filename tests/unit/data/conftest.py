import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image


def encoded(pixels: np.ndarray) -> dict:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.fixture
def hugging_face(tmp_path, monkeypatch):
    """Writes a data set in the Hugging Face layout; returns its directory and its arrays."""
    monkeypatch.setenv("TITN_CACHE", str(tmp_path / "cache"))

    def write(
        image="img", label="fine_label", shape=(32, 32, 3), names=("cat", "dog"), labels=None
    ):
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        features = {label: {"names": list(names), "_type": "ClassLabel"}}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        arrays = {}
        for split, count in (("train", 20), ("test", 6)):
            rng = np.random.default_rng(count)
            arrays[split] = rng.integers(256, size=(count, *shape), dtype=np.uint8)
            columns = {
                image: [encoded(pixels) for pixels in arrays[split]],
                label: labels(count) if labels else [i % len(names) for i in range(count)],
            }
            table = pa.table(columns).replace_schema_metadata(metadata)
            pq.write_table(table, root / f"{split}-00000-of-00001.parquet")
        return root, arrays

    return write
